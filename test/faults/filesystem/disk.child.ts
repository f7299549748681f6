// Makes every change of changes.ts on a lake in FOLDER whose disk gets full at different moments. Argument: a Job.
// Prints what went wrong, as a list of texts, and how many changes were refused.
import { closeSync, cpSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findOrphans } from '../../../src/engine/maintain/index.ts';
import { LakebookError } from '../../../src/iceberg/errors.ts';
import { OpenLake } from '../support/lakes.ts';
import { filesBelow, needlessFiles } from '../support/reachable.ts';
import { changes, largeChanges, prepareLake } from './changes.ts';

export interface Job {
  readonly folder: string;
  /**
   * `small`: the folder is on a disk that can be filled up. `limited`: files can't get larger than so many bytes, which
   * data files of `largeChanges` would.
   */
  readonly kind: 'small' | 'limited';
  /** How much is free when a change begins, in bytes, for each try; of a `small` disk. */
  readonly free: readonly number[];
}

export interface Outcome {
  readonly wrong: readonly string[];
  readonly refused: number;
  readonly made: number;
}

const { folder, kind, free } = JSON.parse(process.argv[2]!) as Job;
const copy = mkdtempSync(path.join(tmpdir(), 'lakebook-disk-'));
const filler = path.join(folder, 'filler');
const lakeFolder = path.join(folder, '.lakebook');
const wrong: string[] = [];
let refused = 0;
let made = 0;

const first = await OpenLake.open(folder);
await prepareLake(first, folder, 2);
await first.close();
cpSync(lakeFolder, copy, { recursive: true });
const open = await OpenLake.open(folder);
const observer = await OpenLake.open(folder);
const before = await state();
for (const [name, change] of Object.entries(kind === 'small' ? changes : largeChanges)) {
  for (const bytes of kind === 'small' ? free : [0]) {
    if (kind === 'small') fillUp(bytes);
    const error = await change(open).then(
      () => undefined,
      caught => caught as unknown,
    );
    rmSync(filler, { force: true });
    await check(`${name} with ${bytes} bytes left`, error);
  }
}
await open.close();
await observer.close();
rmSync(copy, { recursive: true });
console.log(JSON.stringify({ wrong, refused, made } satisfies Outcome));

async function check(where: string, error: unknown): Promise<void> {
  if (error === undefined) made++;
  else {
    refused++;
    const code = error instanceof LakebookError ? error.code : undefined;
    const expected = kind === 'small' ? ['DISK_FULL'] : ['FILE_TOO_LARGE'];
    if (!expected.includes(code ?? '')) wrong.push(`${where}: ${code}: ${String(error)}`);
    if (!(error as LakebookError).hint) wrong.push(`${where}: no hint: ${String(error)}`);
    const after = await state();
    if (after.rows !== before.rows) wrong.push(`${where}: rows changed`);
    const litter = after.files.filter(file => !before.files.includes(file));
    if (litter.length > 0) wrong.push(`${where}: left ${litter.join(', ')}`);
  }
  const table = await observer.table('t');
  const { files } = await findOrphans(observer.session, { table, olderThanMs: Date.now() + 60_000 });
  const orphans = files.map(({ location }) => location).join();
  if (orphans !== (await needlessFiles(observer.lake, 't')).join())
    wrong.push(`${where}: orphans ${orphans}`);
  if (error !== undefined) return;
  rmSync(lakeFolder, { recursive: true });
  cpSync(copy, lakeFolder, { recursive: true });
}

async function state() {
  const { lake } = observer;
  const tables = await lake.catalog.listTables(lake.defaultNamespace);
  const rows = [];
  for (const { name } of tables) rows.push([name, await observer.rows(`SELECT * FROM ${name} ORDER BY ALL`)]);
  return { rows: JSON.stringify(rows), files: await filesBelow(lake, lake.warehouse) };
}

/** Leaves about so many bytes of the disk free. */
function fillUp(bytes: number): void {
  const handle = openSync(filler, 'w');
  let size = 0;
  for (let chunk = 65_536; chunk >= 512; chunk >>= 1) {
    try {
      for (;;) size += writeSync(handle, new Uint8Array(chunk));
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOSPC') throw error;
    }
  }
  closeSync(handle);
  truncateSync(filler, Math.max(0, size - bytes));
}
