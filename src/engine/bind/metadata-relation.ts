import {
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import type { LoadedTable } from '../../catalog/catalog.ts';
import { formatDate, formatTime, formatTimestamp } from '../../iceberg/datetime.ts';
import { type InspectResult, inspectTable } from '../../iceberg/inspect.ts';
import type { Value } from '../../iceberg/types.ts';
import { formatDecimal } from '../../iceberg/value.ts';
import type { DuckDb } from '../duckdb.ts';
import { quoteIdentifier, quoteString } from '../quote.ts';
import type { EngineSession } from '../session.ts';
import { changesSql } from './changes-relation.ts';
import { positionDeletesSql } from './position-deletes-relation.ts';

/**
 * SQL for the rows of a metadata table (`t$files`), or of what the engine reads from files (`t$changes`, `t$position_deletes`).
 * @throws NotFoundError('metadata table' or 'snapshot'), CorruptFileError
 */
export async function metadataTableSql(
  session: EngineSession,
  table: LoadedTable,
  name: string,
  snapshotId: bigint | undefined,
): Promise<string> {
  const wanted = name.toLowerCase();
  if (wanted === 'changes') return changesSql(session, table, snapshotId);
  if (wanted === 'position_deletes') return positionDeletesSql(session, table, snapshotId);
  const { metadata, metadataLocation } = table;
  const io = session.lake.storage;
  const inspected = await inspectTable(name, { metadata, metadataLocation, io, snapshotId });
  return rowsSql(session.duckdb, inspected);
}

/** A SELECT of rows that are in memory, with the values as InspectResult has them. */
export async function rowsSql(duckdb: DuckDb, { columns, rows }: InspectResult): Promise<string> {
  const nulls = columns
    .map(({ name, type }) => `CAST(NULL AS ${type}) AS ${quoteIdentifier(name)}`)
    .join(', ');
  if (rows.length === 0) return `SELECT ${nulls} WHERE false`;
  const types = (await duckdb.describe(`SELECT ${nulls}`)).map(column => column.type);
  // One JSON text is read much faster than a VALUES list with as many expressions.
  const lines = rows.map(row => `{${types.map((type, i) => `"c${i}":${json(type, row[i])}`).join(',')}}`);
  const struct = columns.map(({ type }, index) => `c${index} ${blobsAsText(type)}`).join(', ');
  const selected = columns
    .map(({ name, type }, index) => `CAST(r.c${index} AS ${type}) AS ${quoteIdentifier(name)}`)
    .join(', ');
  const list = `CAST(CAST(${quoteString(`[${lines.join(',\n')}]`)} AS JSON) AS STRUCT(${struct})[])`;
  return `SELECT ${selected} FROM (SELECT unnest(${list}) AS r) AS v`;
}

/** Only a cast from VARCHAR reads `\\x00`; one from JSON takes the text's own bytes. */
function blobsAsText(type: string): string {
  return type.replace(/"(?:[^"]|"")*"|\bBLOB\b/g, part => (part === 'BLOB' ? 'VARCHAR' : part));
}

/** JSON that DuckDB casts to exactly this value of the type. */
function json(type: DuckDBType, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (type instanceof DuckDBListType) {
    return `[${(value as unknown[]).map(item => json(type.valueType, item)).join(',')}]`;
  }
  if (type instanceof DuckDBStructType) {
    const struct = value as Readonly<Record<string, unknown>>;
    const fields = type.entryNames.map(
      (name, i) => `${JSON.stringify(name)}:${json(type.entryTypes[i]!, struct[name])}`,
    );
    return `{${fields.join(',')}}`;
  }
  if (type instanceof DuckDBMapType) {
    const entries = [...(value as ReadonlyMap<unknown, unknown>)].map(
      ([key, item]) => `${JSON.stringify(String(key))}:${json(type.valueType, item)}`,
    );
    return `{${entries.join(',')}}`;
  }
  return JSON.stringify(text(type, value as Value));
}

/** Every scalar goes as text: JSON's numbers are not all that there is. */
function text(type: DuckDBType, value: Value): string {
  switch (type.typeId) {
    case DuckDBTypeId.DATE:
      return formatDate(value as number);
    case DuckDBTypeId.TIME:
      return formatTime(value as bigint, 6, 'full');
    case DuckDBTypeId.TIMESTAMP:
      return formatTimestamp(value as bigint, 6, 'full');
    case DuckDBTypeId.TIMESTAMP_TZ:
      return `${formatTimestamp(value as bigint, 6, 'full')}Z`;
    case DuckDBTypeId.TIMESTAMP_NS:
      return formatTimestamp(value as bigint, 9, 'full');
    case DuckDBTypeId.DECIMAL:
      return formatDecimal(value as bigint, (type as unknown as { readonly scale: number }).scale);
    case DuckDBTypeId.BLOB:
      return Array.from(value as Uint8Array, byte => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
    default:
      // Bounds of zeros are -0.0 and 0.0, which are two.
      return Object.is(value, -0) ? '-0.0' : String(value);
  }
}
