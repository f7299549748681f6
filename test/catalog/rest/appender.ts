/*
 * usage: appender.ts LAKE_FOLDER COUNT. Appends one row after the other to the table `t`, `(id, who)`, of the lake's
 * REST catalog, as its own process, and prints the id of each row once its commit is acknowledged.
 */
import { openLake } from '../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../src/engine/index.ts';

const [folder, count] = process.argv.slice(2) as [string, string];
const lake = await openLake(folder);
const session = await EngineSession.open({ lake, workingDirectory: folder });
for (let i = 0; i < Number(count); i++) {
  await session.execute(`INSERT INTO t VALUES (${i}, 'lakebook-${process.pid}')`);
  console.log(i);
}
await session.close();
await lake.close();
