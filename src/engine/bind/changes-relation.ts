import type { LoadedTable } from '../../catalog/catalog.ts';
import { mapConcurrent } from '../../iceberg/concurrent.ts';
import { alwaysTrue } from '../../iceberg/expression.ts';
import { readManifest } from '../../iceberg/manifest.ts';
import { snapshotManifests } from '../../iceberg/manifest-list.ts';
import { currentSchema, type Snapshot } from '../../iceberg/metadata.ts';
import { ancestors } from '../../iceberg/ref-update.ts';
import { planScan } from '../../iceberg/scan.ts';
import type { Schema } from '../../iceberg/schema.ts';
import { quoteIdentifier } from '../quote.ts';
import { scanSql } from '../read.ts';
import type { ScanFile } from '../scan-request.ts';
import type { EngineSession } from '../session.ts';

/** Behind the table's own columns, named as in Spark's changelog views. */
const changeColumns = ['_change_type', '_change_ordinal', '_commit_snapshot_id'] as const;

/**
 * SQL for the rows of `t$changes`: what each snapshot of a table's history did, oldest first (`_change_ordinal` counts
 * from 0). `_change_type` is INSERT or DELETE; a row that a snapshot replaces by one of the same key is UPDATE_BEFORE
 * and UPDATE_AFTER. Rows that were only moved between files are no change. `snapshotId` is where the history ends; the
 * current snapshot when absent.
 */
export async function changesSql(
  session: EngineSession,
  table: LoadedTable,
  snapshotId: bigint | undefined,
): Promise<string> {
  const { metadata } = table;
  const schema = currentSchema(metadata);
  const history = ancestors(metadata, snapshotId ?? metadata.currentSnapshotId).reverse();
  const parts: string[] = [];
  for (const [ordinal, snapshot] of history.entries()) {
    if (snapshot.operation === 'replace') continue;
    const [before, after] = await filesOf(session, table, snapshot);
    const read = async (files: readonly ScanFile[]) => {
      const { duckdb, lake } = session;
      const { sql } = await scanSql({ duckdb, storage: lake.storage, metadata, schema, files });
      return sql;
    };
    parts.push(snapshotSql(schema, await read(before), await read(after), before.length, ordinal, snapshot));
  }
  if (parts.length > 0) return parts.join('\nUNION ALL\n');
  const { sql } = await scanSql({
    duckdb: session.duckdb,
    storage: session.lake.storage,
    metadata,
    schema,
    files: [],
  });
  return `SELECT *, '' AS _change_type, 0 AS _change_ordinal, 0::BIGINT AS _commit_snapshot_id FROM (${sql})`;
}

/** The files that differ between a snapshot and the one before it, by themselves or in what is deleted of them. */
async function filesOf(
  session: EngineSession,
  { metadata }: LoadedTable,
  snapshot: Snapshot,
): Promise<[ScanFile[], ScanFile[]]> {
  const io = session.lake.storage;
  if (snapshot.operation === 'append') return [[], await addedFiles(session, metadata, snapshot)];
  const planned = async (id: bigint | undefined) => {
    if (id === undefined) return new Map<string, ScanFile>();
    const schema = currentSchema(metadata);
    const { tasks } = await planScan({ metadata, snapshotId: id, schema, filter: alwaysTrue, io });
    return new Map(tasks.map(task => [keyOf(task), task]));
  };
  const known = metadata.snapshots.some(each => each.snapshotId === snapshot.parentSnapshotId);
  const before = await planned(known ? snapshot.parentSnapshotId : undefined);
  const after = await planned(snapshot.snapshotId);
  const only = (own: Map<string, ScanFile>, other: Map<string, ScanFile>) =>
    [...own].filter(([key]) => !other.has(key)).map(([, file]) => file);
  return [only(before, after), only(after, before)];
}

function keyOf({ dataFile, deletes }: ScanFile): string {
  return JSON.stringify([
    dataFile.filePath,
    deletes.map(file => `${file.filePath}#${file.contentOffset ?? ''}`).sort(),
  ]);
}

async function addedFiles(
  session: EngineSession,
  metadata: LoadedTable['metadata'],
  snapshot: Snapshot,
): Promise<ScanFile[]> {
  const io = session.lake.storage;
  const manifests = (await snapshotManifests(io, snapshot)).filter(
    each => each.addedSnapshotId === snapshot.snapshotId && each.content === 0,
  );
  const files: ScanFile[] = [];
  for await (const entries of mapConcurrent(manifests, each => readManifest(io, each, metadata))) {
    for (const entry of entries) {
      if (entry.status === 1 && entry.snapshotId === snapshot.snapshotId) {
        files.push({ dataFile: entry.dataFile, deletes: [], entry });
      }
    }
  }
  return files;
}

function snapshotSql(
  schema: Schema,
  before: string,
  after: string,
  filesBefore: number,
  ordinal: number,
  { snapshotId }: Snapshot,
): string {
  const [type, place, commit] = changeColumns;
  const tail = `${ordinal} AS ${place}, ${snapshotId}::BIGINT AS ${commit}`;
  if (filesBefore === 0) return `SELECT *, 'INSERT' AS ${type}, ${tail} FROM (${after})`;
  const changed = `SELECT *, 'DELETE' AS ${type} FROM ((${before}) EXCEPT ALL (${after}))
UNION ALL SELECT *, 'INSERT' FROM ((${after}) EXCEPT ALL (${before}))`;
  const keys = schema.identifierFieldIds.map(id => schema.fields.find(field => field.id === id));
  if (keys.length === 0 || keys.includes(undefined)) return `SELECT *, ${tail} FROM (${changed})`;
  const columns = schema.fields.map(field => `changed.${quoteIdentifier(field.name)}`).join(', ');
  const same = keys.map(field => `changed.${quoteIdentifier(field!.name)}`).join(', ');
  const of = (kind: string) =>
    `count(*) FILTER (changed.${type} = '${kind}') OVER (PARTITION BY ${same}) > 0`;
  return `SELECT ${columns}, CASE WHEN ${of('INSERT')} AND ${of('DELETE')}
  THEN CASE changed.${type} WHEN 'INSERT' THEN 'UPDATE_AFTER' ELSE 'UPDATE_BEFORE' END
  ELSE changed.${type} END AS ${type}, ${tail}
FROM (${changed}) AS changed`;
}
