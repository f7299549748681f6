import { randomUUID } from 'node:crypto';
import type { LoadedTable } from '../../catalog/catalog.ts';
import { commitWithRetry, deleteQuietly } from '../../catalog/commit.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import { didYouMeanHint } from '../../iceberg/did-you-mean.ts';
import { NotFoundError, UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { alwaysTrue } from '../../iceberg/expression.ts';
import { currentSchema, metadataFolder, type Snapshot, snapshotById } from '../../iceberg/metadata.ts';
import { encodePuffin, type PuffinBlob } from '../../iceberg/puffin.ts';
import { planScan } from '../../iceberg/scan.ts';
import type { Schema } from '../../iceberg/schema.ts';
import { sketchSize, thetaSketch } from '../../iceberg/theta-sketch.ts';
import type { NestedField } from '../../iceberg/types.ts';
import { quoteIdentifier } from '../quote.ts';
import { scanSql } from '../read.ts';
import type { EngineSession } from '../session.ts';
import { registerSketchHash, sketchHashSql } from '../sketch-hash.ts';
import type { ExecuteOptions } from '../statement-result.ts';

export interface StatisticsRequest {
  readonly table: LoadedTable;
  /** Default: the current snapshot. */
  readonly snapshotId?: bigint;
  /** Names of columns; default: all that can be counted. */
  readonly columns?: readonly string[];
}

export interface TableStatistics {
  readonly location: string;
  readonly snapshotId: bigint;
  /** How many distinct values each column has, about. */
  readonly distinct: ReadonlyMap<string, number>;
}

/** The blob type of the Puffin spec. */
const blobType = 'apache-datasketches-theta-v1';

/**
 * Counts the distinct values of a snapshot's columns into theta sketches, and tells the table of them (spec: "Table
 * Statistics"). Engines that have such statistics order their joins by them. Undefined: the table has no rows.
 * @throws NotFoundError for columns and snapshots, UnsupportedError for columns that can't be counted,
 *   CommitConflictError, InterruptedError
 */
export async function computeStatistics(
  session: EngineSession,
  request: StatisticsRequest,
  options: ExecuteOptions = {},
): Promise<TableStatistics | undefined> {
  const { metadata, identifier } = request.table;
  const snapshotId = request.snapshotId ?? metadata.currentSnapshotId;
  if (snapshotId === undefined) return undefined;
  const snapshot = snapshotById(metadata, snapshotId);
  if (snapshot === undefined) {
    throw new ValidationError(`${formatIdentifier(identifier)} has no snapshot ${snapshotId}.`);
  }
  const schema =
    metadata.schemas.find(each => each.schemaId === snapshot.schemaId) ?? currentSchema(metadata);
  const fields = fieldsOf(schema, request.columns);
  registerSketchHash(session.duckdb);
  const distinct = new Map<string, number>();
  const blobs: PuffinBlob[] = [];
  for (const field of fields) {
    const sketch = thetaSketch(await smallestHashes(session, request.table, snapshotId, field, options));
    distinct.set(field.name, Math.round(sketch.distinct));
    blobs.push({
      type: blobType,
      fields: [field.id],
      snapshotId,
      sequenceNumber: snapshot.sequenceNumber,
      bytes: sketch.bytes,
      properties: { ndv: String(Math.round(sketch.distinct)) },
    });
  }
  const location = `${metadataFolder(metadata)}/${snapshotId}-${randomUUID()}.stats`;
  await commitStatistics(session, request.table, snapshot, location, blobs, options);
  return { location, snapshotId, distinct };
}

async function commitStatistics(
  { lake }: EngineSession,
  { identifier, metadata }: LoadedTable,
  { snapshotId }: Snapshot,
  location: string,
  blobs: readonly PuffinBlob[],
  { signal }: ExecuteOptions,
): Promise<void> {
  const { bytes, footerSize } = encodePuffin(blobs);
  await lake.storage.create(location, bytes);
  const statistics = {
    'snapshot-id': snapshotId,
    'statistics-path': location,
    'file-size-in-bytes': bytes.length,
    'file-footer-size-in-bytes': footerSize,
    'blob-metadata': blobs.map(blob => ({
      type: blob.type,
      'snapshot-id': blob.snapshotId,
      'sequence-number': blob.sequenceNumber,
      fields: blob.fields,
      properties: blob.properties,
    })),
  };
  const change = {
    requirements: [{ type: 'assert-table-uuid', uuid: metadata.tableUuid }],
    updates: [{ action: 'set-statistics', statistics }],
    written: [],
  } as const;
  try {
    await commitWithRetry(lake.catalog, identifier, async () => change, lake.storage, { signal });
  } catch (error) {
    await deleteQuietly(lake.storage, [location]);
    throw error;
  }
}

function fieldsOf(schema: Schema, names: readonly string[] | undefined): NestedField[] {
  const counted = (field: NestedField) => sketchHashSql(field.type, '') !== undefined;
  if (names === undefined) return schema.fields.filter(counted);
  return names.map(name => {
    const field = schema.fields.find(each => each.name.toLowerCase() === name.toLowerCase());
    if (field === undefined) {
      const all = schema.fields.map(each => each.name);
      throw new NotFoundError('column', `The table has no column "${name}".`, {
        hint: didYouMeanHint(name, all) ?? `Its columns: ${all.join(', ')}.`,
      });
    }
    if (counted(field)) return field;
    throw new UnsupportedError(
      `Values of the column "${name}" can't be counted: it is a ${field.type.kind}.`,
      {
        hint: 'Name columns of simple types.',
      },
    );
  });
}

/** The smallest hashes of a column's distinct values, in order: all, or one more than a sketch keeps. */
async function smallestHashes(
  session: EngineSession,
  { metadata }: LoadedTable,
  snapshotId: bigint,
  field: NestedField,
  { signal }: ExecuteOptions,
): Promise<bigint[]> {
  const { duckdb, lake } = session;
  const schema = { schemaId: 0, fields: [field], identifierFieldIds: [] };
  const io = lake.storage;
  const { tasks } = await planScan({ metadata, snapshotId, schema, filter: alwaysTrue, io, signal });
  const scan = { duckdb, storage: io, metadata, schema, files: tasks, fieldIds: [field.id], signal };
  const { sql } = await scanSql(scan);
  const column = quoteIdentifier(field.name);
  // The libraries leave empty texts out.
  const isEmpty = { string: `${column} = ''`, binary: `octet_length(${column}) = 0` }[
    field.type.kind as string
  ];
  const present = `${column} IS NOT NULL${isEmpty === undefined ? '' : ` AND NOT (${isEmpty})`}`;
  const hashes = `SELECT ${sketchHashSql(field.type, column)} AS hash FROM (${sql}) WHERE ${present}`;
  const smallest = async (below: bigint | undefined) => {
    const condition = below === undefined ? '' : ` WHERE hash < ${below}`;
    const query = `SELECT DISTINCT hash FROM (${hashes})${condition} ORDER BY hash LIMIT ${sketchSize + 1}`;
    return (await duckdb.rows(query, { signal })).map(row => row.hash as bigint);
  };
  const [row] = await duckdb.rows(`SELECT approx_count_distinct(${column}) AS n FROM (${sql})`, { signal });
  const about = BigInt(row!.n as bigint | number);
  // Far more hashes than a sketch keeps need not be told apart: those above a limit can't be among the smallest.
  if (about > 8n * BigInt(sketchSize)) {
    const found = await smallest((2n ** 63n / about) * 3n * BigInt(sketchSize));
    if (found.length > sketchSize) return found;
  }
  return smallest(undefined);
}
