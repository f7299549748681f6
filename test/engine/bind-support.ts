import { afterAll } from 'vitest';
import type { LoadedTable, TableIdentifier } from '../../src/catalog/catalog.ts';
import type { Lake } from '../../src/catalog/open-lake.ts';
import { EngineSession } from '../../src/engine/session.ts';
import type { ExecuteOptions, RowsResult, StatementResult } from '../../src/engine/statement-result.ts';
import { writeDataFiles } from '../../src/engine/write.ts';
import type { PartitionSpec } from '../../src/iceberg/partition.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import { produceSnapshot } from '../../src/iceberg/snapshot-producer.ts';
import { temporaryFolder } from './support.ts';
import { openTestLake } from './warehouse.ts';

/** A session on a fresh local lake; both close after the test file. */
export async function openSession(): Promise<EngineSession> {
  const folder = temporaryFolder();
  const lake = await openTestLake(folder);
  const session = await EngineSession.open({ lake, threads: 2, workingDirectory: folder });
  afterAll(async () => {
    await session.close();
    await lake.close();
  });
  return session;
}

export function tableName(name: string, namespace = 'default'): TableIdentifier {
  return { namespace: [namespace], name };
}

export async function createTable(
  lake: Lake,
  identifier: TableIdentifier,
  schema: Schema,
  spec?: PartitionSpec,
): Promise<LoadedTable> {
  if (!(await lake.catalog.namespaceExists(identifier.namespace))) {
    await lake.catalog.createNamespace(identifier.namespace);
  }
  return lake.catalog.createTable(identifier, { schema, ...(spec === undefined ? {} : { spec }) });
}

/** Commits a query's rows to a table, as one snapshot with at least one file. */
export async function append(
  session: EngineSession,
  identifier: TableIdentifier,
  sourceSql: string,
  branch = 'main',
): Promise<LoadedTable> {
  const { duckdb, lake } = session;
  const { metadata } = await lake.catalog.loadTable(identifier);
  const added = await writeDataFiles({ duckdb, storage: lake.storage, metadata, sourceSql });
  const produced = await produceSnapshot({
    metadata,
    io: lake.storage,
    branch,
    operation: 'append',
    added,
    removed: [],
  });
  return lake.catalog.commitTable(identifier, produced.requirements, produced.updates);
}

/** The rows of the last statement, as JSON values. */
export async function rowsOf(
  session: EngineSession,
  sql: string,
  options: ExecuteOptions = {},
): Promise<unknown[][]> {
  return (await run(session, sql, options)).rows;
}

export async function run(
  session: EngineSession,
  sql: string,
  options: ExecuteOptions = {},
): Promise<{ rows: unknown[][]; columns: string[]; scan: RowsResult['scan'] }> {
  const results = await session.execute(sql, options);
  const last = results.at(-1) as StatementResult & RowsResult;
  if (last.kind !== 'rows') throw new Error(`${sql} has no rows: ${JSON.stringify(last)}`);
  await last.result.finished();
  const rows = await last.result.rows(0, 1_000_000);
  const columns = last.result.columns.map(column => column.name);
  await last.result.close();
  return { rows, columns, scan: last.scan };
}
