import { utimesSync } from 'node:fs';
import { expect } from 'vitest';
import { findOrphans } from '../../../src/engine/maintain/index.ts';
import { toLocalPath } from '../../../src/storage/paths.ts';
import type { OpenLake } from './lakes.ts';
import { filesBelow, needlessFiles } from './reachable.ts';

/** What is left of failed changes of a table is found by the orphan clean-up, and nothing else is. Answers it. */
export async function expectOrphansFound(open: OpenLake, name: string, where = ''): Promise<string[]> {
  const table = await open.table(name);
  const { files } = await findOrphans(open.session, { table, olderThanMs: Date.now() + 60_000 });
  const found = files.map(({ location }) => location);
  expect(found, where).toEqual(await needlessFiles(open.lake, name));
  return found;
}

/** The orphan clean-up removes what is left of failed changes, and nothing else; the files must be local. */
export async function expectOrphansRemoved(open: OpenLake, name: string, where = ''): Promise<number> {
  const expected = await needlessFiles(open.lake, name);
  const table = await open.table(name);
  const before = await filesBelow(open.lake, table.metadata.location);
  // Clean-up takes old files only: all of these become old, those that are needed too.
  const old = new Date(Date.now() - 10 * 86_400_000);
  for (const file of before) utimesSync(toLocalPath(file), old, old);
  const { deleted, failed } = await findOrphans(open.session, { table, delete: true });
  expect([deleted, failed], where).toEqual([expected.length, []]);
  const gone = new Set(expected);
  expect(await filesBelow(open.lake, table.metadata.location), where).toEqual(
    before.filter(file => !gone.has(file)),
  );
  return deleted;
}
