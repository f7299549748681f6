// Reads and tries to change the lake in FOLDER, which is mounted read-only, or (`permissions`) which this process may
// not write to: it gives up being root for that. Prints what happened.
import 'better-sqlite3';
import { openLake } from '../../src/catalog/open-lake.ts';
import type { LakebookError } from '../../src/iceberg/errors.ts';

const [folder, kind] = process.argv.slice(2) as [string, string];
if (kind === 'permissions' && process.getuid!() === 0) process.setuid!(65534);

const lake = await openLake(folder);
const { catalog } = lake;
const t = { namespace: ['default'], name: 't' };
const table = await catalog.loadTable(t);
const schema = table.metadata.schemas[0]!;
const messages: string[] = [];
const codeOf = (error: LakebookError) => {
  messages.push(error.message);
  return error.code ?? String(error);
};
const attempt = (work: Promise<unknown>) => work.then(() => 'done', codeOf);
const update = { action: 'set-properties', updates: { k: 'v' } } as const;
console.log(
  JSON.stringify({
    read: table.metadataLocation,
    tables: (await catalog.listTables(['default'])).map(({ name }) => name),
    commit: await attempt(catalog.commitTable(t, [], [update])),
    create: await attempt(catalog.createTable({ ...t, name: 'u' }, { schema })),
    drop: await attempt(catalog.dropTable(t)),
    createNamespace: await attempt(catalog.createNamespace(['n'])),
    messagesName: messages.map(message => message.includes(folder)),
  }),
);
await lake.close();
