import type { LoadedTable } from '../catalog/catalog.ts';
import { formatIdentifier } from '../catalog/identifiers.ts';
import type { EngineSession } from '../engine/session.ts';
import { AlreadyCommittedError, commitSnapshot } from '../engine/transaction.ts';
import { writeDataFiles } from '../engine/write.ts';
import type { DataFile } from '../iceberg/datafile.ts';
import { LakebookError, ValidationError } from '../iceberg/errors.ts';
import { currentSchema } from '../iceberg/metadata.ts';
import type { Schema } from '../iceberg/schema.ts';
import type { VerbOptions } from './answer.ts';
import type { Rejects } from './sources/source.ts';

/** The table of refused lines beside a table: `sales_rejected`. */
export function rejectedName(table: string): string {
  return `${table}_rejected`;
}

const columns = [
  ['rejected_at', 'timestamptz'],
  ['file', 'string'],
  ['line', 'long'],
  ['raw', 'string'],
  ['column_name', 'string'],
  ['reason', 'string'],
] as const;

const schema: Schema = {
  schemaId: 0,
  fields: columns.map(([name, kind], index) => ({ id: index + 1, name, required: false, type: { kind } })),
  identifierFieldIds: [],
};

/** Refused lines that were committed, and how to take them back. */
export interface Quarantined {
  readonly table: LoadedTable;
  /** The table was made for them. */
  readonly isNew: boolean;
  readonly files: readonly DataFile[];
}

/**
 * Commits refused lines to the table beside `table`, which is made when it isn't there. `summary` goes into the
 * snapshot's; lines that were committed under its idempotency key are there already.
 */
export async function quarantine(
  session: EngineSession,
  table: LoadedTable,
  rejects: Rejects,
  options: VerbOptions,
  summary?: Readonly<Record<string, string>>,
): Promise<Quarantined> {
  const { lake, duckdb } = session;
  const identifier = { ...table.identifier, name: rejectedName(table.identifier.name) };
  const isNew = !(await lake.catalog.tableExists(identifier));
  const target = isNew
    ? await lake.catalog.createTable(identifier, { schema })
    : await lake.catalog.loadTable(identifier);
  try {
    checkColumns(target);
    const files = await writeDataFiles({
      duckdb,
      storage: lake.storage,
      metadata: target.metadata,
      sourceSql: `SELECT current_timestamp AS rejected_at, * FROM (${rejects.sql})`,
      matchBy: 'name',
      keepOrder: true,
      ...options,
    });
    const committed = await commitSnapshot(
      lake,
      { table: target, added: files, removed: [], validation: { kind: 'none' }, summary },
      options,
    );
    return { table: committed.table, isNew, files };
  } catch (error) {
    // An earlier try of the same ingest came this far and no farther: its lines are there.
    if (error instanceof AlreadyCommittedError) return { table: target, isNew: false, files: [] };
    if (isNew) await lake.catalog.dropTable(identifier, { purge: true });
    throw error;
  }
}

function checkColumns(target: LoadedTable): void {
  const own = currentSchema(target.metadata).fields;
  const fits = columns.every(([name, kind]) =>
    own.some(field => field.name === name && field.type.kind === kind),
  );
  if (fits && own.every(field => !field.required || columns.some(([name]) => name === field.name))) return;
  throw new ValidationError(
    `The lines that don't fit can't be kept in ${formatIdentifier(target.identifier)}: it has other columns than ${columns.map(([name]) => name).join(', ')}.`,
    { hint: 'Rename that table, then run the ingest again: a new one is made.' },
    'REJECTED_TABLE',
  );
}

/**
 * Takes quarantined lines back because the rows that belong to them couldn't be committed.
 * @returns the error to throw: `cause`, or one that says what couldn't be taken back
 */
export async function takeBack(
  session: EngineSession,
  quarantined: Quarantined,
  cause: unknown,
): Promise<unknown> {
  const { lake } = session;
  const { table, isNew, files } = quarantined;
  try {
    if (isNew) await lake.catalog.dropTable(table.identifier, { purge: true });
    else if (files.length > 0) {
      await commitSnapshot(lake, {
        table: await lake.catalog.loadTable(table.identifier),
        added: [],
        removed: files,
        validation: { kind: 'none' },
      });
    }
    return cause;
  } catch {
    if (!(cause instanceof LakebookError)) return cause;
    return new LakebookError(
      cause.code,
      `${cause.message} The lines that didn't fit are in ${formatIdentifier(table.identifier)} already and couldn't be taken back.`,
      { hint: cause.hint, cause },
    );
  }
}
