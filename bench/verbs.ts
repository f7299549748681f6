// The steps of bench/ours.ts as a person runs them.
import type { EngineSession } from '../src/engine/index.ts';
import { upsert as change, create, deleteRows as deleteFrom, ingest as load } from '../src/lake/index.ts';

const table = 'sales';

export async function createTable(session: EngineSession): Promise<void> {
  const columns = [
    { name: 'id', type: 'long' },
    { name: 'amount', type: 'decimal(10,2)' },
    { name: 'sold_at', type: 'date' },
    { name: 'category', type: 'string' },
  ];
  await create(session, { table, columns, key: ['id'] });
}

export async function ingest(session: EngineSession, file: string): Promise<string> {
  return (await load(session, { table, source: { kind: 'files', paths: [file] } })).text;
}

export async function upsert(session: EngineSession, file: string): Promise<string> {
  return (await change(session, { table, source: { kind: 'files', paths: [file] } })).text;
}

export async function deleteRows(session: EngineSession, where: string): Promise<string> {
  return (await deleteFrom(session, { table, where })).text;
}
