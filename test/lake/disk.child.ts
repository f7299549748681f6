// Ingests into and upserts the lake in FOLDER, whose disk gets full or can't be written to. Arguments: folder, folder of
// the source files, `full` or `read-only`, and `mounted`, `simulated` or `permissions`. Prints what happened.
import 'better-sqlite3';
import { readdirSync } from 'node:fs';
import { openLake } from '../../src/catalog/open-lake.ts';
import { EngineSession } from '../../src/engine/index.ts';
import type { LakebookError } from '../../src/iceberg/errors.ts';
import { create, ingest, upsert } from '../../src/lake/index.ts';
import { simulateFullDisk } from '../storage/simulated-disk.ts';

const [folder, sources, what, kind] = process.argv.slice(2) as [string, string, string, string];
if (kind === 'permissions' && process.getuid!() === 0) process.setuid!(65534);
const lake = await openLake(folder);
const session = await EngineSession.open({ lake, workingDirectory: sources, threads: 1 });
if (what === 'full') {
  const columns = [
    { name: 'id', type: 'long' },
    { name: 'note', type: 'string' },
  ];
  await create(session, { table: 't', columns, key: ['id'] });
  await ingest(session, { table: 't', source: { kind: 'files', paths: ['small.csv'] } });
}
if (kind === 'simulated') await simulateFullDisk(2000);
const large = { table: 't', source: { kind: 'files', paths: ['large.csv'] } } as const;
const before = await state();
const attempts: Record<string, () => Promise<unknown>> = {
  ingest: () => ingest(session, large),
  overwrite: () => ingest(session, { ...large, mode: 'overwrite' }),
  create: () => ingest(session, { ...large, table: 'u', create: true }),
  upsert: () => upsert(session, large),
};
const codes: Record<string, string> = {};
for (const [name, work] of Object.entries(attempts)) {
  codes[name] = await work().then(
    () => 'done',
    (error: LakebookError) => error.code ?? String(error),
  );
}
const after = await state();
console.log(
  JSON.stringify({
    codes,
    same: JSON.stringify(before) === JSON.stringify(after) ? true : { before, after },
  }),
);
await session.close();
await lake.close();

async function state() {
  const { metadataLocation } = await lake.catalog.loadTable({ namespace: ['default'], name: 't' });
  const tables = await lake.catalog.listTables(['default']);
  const files = readdirSync(`${folder}/.lakebook/warehouse`, { recursive: true, withFileTypes: true });
  return {
    metadataLocation,
    tables: tables.map(table => table.name),
    files: files
      .filter(entry => entry.isFile())
      .map(entry => entry.name)
      .sort(),
  };
}
