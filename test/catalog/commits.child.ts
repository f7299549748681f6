// Commits COUNT changes to the table default.t of the lake in FOLDER, each setting a property of its own; prints a
// line for each that was acknowledged.
import type { LoadedTable } from '../../src/catalog/catalog.ts';
import { commitWithRetry } from '../../src/catalog/commit.ts';
import { openLake } from '../../src/catalog/open-lake.ts';

const [folder, id, count] = process.argv.slice(2) as [string, string, string];
const lake = await openLake(folder);
const table = { namespace: ['default'], name: 't' };
for (let i = 0; i < Number(count); i++) {
  const key = `${id}.${i}`;
  const attempt = async (_: LoadedTable, attemptNumber: number) => ({
    requirements: [],
    updates: [{ action: 'set-properties' as const, updates: { [key]: String(attemptNumber) } }],
    written: [],
  });
  await commitWithRetry(lake.catalog, table, attempt, lake.storage);
  process.stdout.write(`${key}\n`);
}
await lake.close();
