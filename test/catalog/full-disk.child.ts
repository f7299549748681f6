// Commits to a lake in FOLDER, a small disk of its own, until the disk is full. Arguments: folder, bytes of the disk,
// `mounted` or `simulated`. Prints what happened.
import { appendFileSync } from 'node:fs';
import { type Lake, openLake } from '../../src/catalog/open-lake.ts';
import type { LakebookError } from '../../src/iceberg/errors.ts';
import { simulateFullDisk } from '../storage/simulated-disk.ts';

const [folder, size, kind] = process.argv.slice(2) as [string, string, string];
const t = { namespace: ['default'], name: 't' };
const schema = {
  schemaId: 0,
  fields: [{ id: 1, name: 'id', required: false, type: { kind: 'long' } as const }],
  identifierFieldIds: [],
};
const codeOf = (error: unknown) => (error as LakebookError).code ?? String(error);

const lake = await openLake(folder);
let table = await lake.catalog.createTable(t, { schema });
if (kind === 'simulated') await simulateFullDisk(Number(size));
let commits = 0;
let code: string | undefined;
while (code === undefined && commits < 1000) {
  const update = { action: 'set-properties', updates: { [`k${commits}`]: 'x'.repeat(10_000) } } as const;
  try {
    table = await lake.catalog.commitTable(t, [], [update]);
    commits++;
  } catch (error) {
    code = codeOf(error);
  }
}
// Now SQLite has no room either.
let drop = 'DISK_FULL';
if (kind === 'mounted') {
  fillUp(`${folder}/filler`);
  drop = await lake.catalog.dropTable(t).then(() => 'dropped', codeOf);
}
const fresh = await openLake(folder);
const now = await fresh.catalog.loadTable(t);
const files = await metadataFiles(fresh);
const expected = [...now.metadata.metadataLog.map(entry => entry.metadataFile), now.metadataLocation].sort();
console.log(
  JSON.stringify({
    code,
    drop,
    committedBefore: commits > 2,
    tableIsAsBefore: now.metadataLocation === table.metadataLocation,
    files: JSON.stringify(files) === JSON.stringify(expected) ? 'as before' : files,
  }),
);

async function metadataFiles(of: Lake): Promise<string[]> {
  const found: string[] = [];
  for await (const { location } of of.storage.list(`${table.metadata.location}/metadata`))
    found.push(location);
  return found.sort();
}

function fillUp(file: string): void {
  for (let chunk = 65536; chunk >= 1; chunk /= 4) {
    try {
      for (;;) appendFileSync(file, new Uint8Array(chunk));
    } catch (error) {
      if (codeOf(error) !== 'ENOSPC') throw error;
    }
  }
}
