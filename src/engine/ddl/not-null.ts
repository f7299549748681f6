import type { LoadedTable } from '../../catalog/catalog.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import { unary } from '../../iceberg/expression.ts';
import type { TableMetadata } from '../../iceberg/metadata.ts';
import { refOf } from '../../iceberg/ref-update.ts';
import { planScan } from '../../iceberg/scan.ts';
import { isSingleValued, type Schema } from '../../iceberg/schema.ts';
import { locateColumn } from '../../iceberg/schema-tree.ts';
import { branches, schemaAfter, type TableAlteration } from '../../iceberg/table-update.ts';
import { quoteIdentifier } from '../quote.ts';
import { scanSql } from '../read.ts';
import type { EngineSession } from '../session.ts';
import type { ExecuteOptions } from '../statement-result.ts';

/**
 * Looks at the rows for every SET NOT NULL among the changes, and marks those that hold as proven. Statistics
 * decide where they can, so that a column without nulls costs no reading; else the rows are counted.
 * @throws ValidationError with the number of rows that have no value
 */
export async function proveNotNull(
  session: EngineSession,
  table: LoadedTable,
  alterations: readonly TableAlteration[],
  options: ExecuteOptions,
): Promise<TableAlteration[]> {
  const proven: TableAlteration[] = [];
  for (const alteration of alterations) {
    if (alteration.kind !== 'set-required' || !alteration.required || alteration.provenNotNull === true) {
      proven.push(alteration);
      continue;
    }
    const { metadata } = table;
    const schema = schemaAfter(metadata, proven);
    const { field } = locateColumn(schema, alteration.column, alteration.at);
    const provenNotNull = field.required || (await hasNoNulls(session, table, schema, alteration, options));
    proven.push({ ...alteration, provenNotNull });
  }
  return proven;
}

async function hasNoNulls(
  session: EngineSession,
  table: LoadedTable,
  schema: Schema,
  { column, at }: { readonly column: readonly string[]; readonly at?: TableAlteration['at'] },
  options: ExecuteOptions,
): Promise<boolean> {
  const { metadata, identifier } = table;
  const { field, ancestors, names } = locateColumn(schema, column, at);
  // Nulls inside of lists and maps have no counts, and a query for them would read every row.
  if (!isSingleValued(schema, field.id)) return false;
  for (const { branch, snapshotId } of branchHeads(metadata)) {
    const nulls = await countNulls(session, metadata, schema, snapshotId, [...ancestors, field], options);
    if (nulls === 0) continue;
    const path = names.join('.');
    const where = branch === 'main' ? '' : ` (branch ${branch})`;
    const rows = nulls === 1 ? '1 row has' : `${nulls.toLocaleString('en-US')} rows have`;
    throw new ValidationError(
      `The column "${path}" of ${formatIdentifier(identifier)} can't be made NOT NULL: ${rows} no value in it${where}.`,
      {
        hint: `Fill them first: UPDATE ${identifier.name} SET ${path} = ... WHERE ${path} IS NULL.`,
        position: at,
      },
    );
  }
  return true;
}

/** Branches by different snapshots: those at the same one have the same rows. */
function branchHeads(metadata: TableMetadata): { branch: string; snapshotId: bigint }[] {
  const heads = new Map<bigint, string>();
  for (const branch of branches(metadata)) {
    const snapshotId = refOf(metadata, branch)?.snapshotId;
    if (snapshotId !== undefined && !heads.has(snapshotId)) heads.set(snapshotId, branch);
  }
  return [...heads].map(([snapshotId, branch]) => ({ branch, snapshotId }));
}

async function countNulls(
  session: EngineSession,
  metadata: TableMetadata,
  schema: Schema,
  snapshotId: bigint,
  chain: readonly { readonly id: number; readonly name: string; readonly required: boolean }[],
  { signal }: ExecuteOptions,
): Promise<number> {
  const { id } = chain.at(-1)!;
  const io = session.lake.storage;
  const plan = await planScan({ metadata, snapshotId, schema, filter: unary('is-null', id), io, signal });
  if (plan.tasks.length === 0) return 0;
  const top = schema.fields.find(field => field.id === chain[0]!.id)!;
  const { sql } = await scanSql({
    duckdb: session.duckdb,
    storage: session.lake.storage,
    metadata,
    schema: { ...schema, fields: [top], identifierFieldIds: [] },
    files: plan.tasks,
    signal,
  });
  const path = chain.map(field => quoteIdentifier(field.name));
  // A field of a struct that isn't there isn't missing.
  const parents = path
    .slice(0, -1)
    .map((_, index) => `scan.${path.slice(0, index + 1).join('.')} IS NOT NULL`);
  const condition = [...parents, `scan.${path.join('.')} IS NULL`].join(' AND ');
  const [row] = await session.duckdb.rows(`SELECT count(*) AS n FROM (${sql}\n) AS scan WHERE ${condition}`, {
    signal,
    phase: 'checking',
  });
  return Number(row!.n);
}
