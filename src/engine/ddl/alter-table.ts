import type { LoadedTable, TableIdentifier } from '../../catalog/catalog.ts';
import { commitWithRetry } from '../../catalog/commit.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import {
  AlreadyExistsError,
  CommitConflictError,
  UnsupportedError,
  ValidationError,
} from '../../iceberg/errors.ts';
import type { TableMetadata } from '../../iceberg/metadata.ts';
import { refOf } from '../../iceberg/ref-update.ts';
import { hasColumn } from '../../iceberg/schema-tree.ts';
import { alterTableMetadata, schemaAfter, type TableAlteration } from '../../iceberg/table-update.ts';
import type { TableChange } from '../../iceberg/updates.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import type { AlterAction, AlterTableStatement, QualifiedName } from '../sql/statement.ts';
import type { DoneResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { type MetadataAction, toAlterations } from './alterations.ts';
import { describeChange } from './describe-change.ts';
import { newNamespace, tableName } from './names.ts';
import { proveNotNull } from './not-null.ts';
import { placeOf } from './place.ts';

/** Runs ALTER TABLE: all actions in one commit, made anew when another writer commits first. */
export async function runAlterTable(
  session: EngineSession,
  statement: AlterTableStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const tables = new StatementTables(session);
  const table = await tables.find(statement.name.parts);
  if (table === undefined) {
    if ((await tables.duckDbNames()).hasOwn(statement.name.parts))
      return session.statement(statement.text, source, options);
    if (statement.ifExists)
      return { kind: 'done', text: `There is no table ${statement.name.parts.join('.')}: nothing changed.` };
    throw await tables.notFound(statement.name, source);
  }
  if (statement.unsupported !== undefined) throw statement.unsupported;
  const rename = statement.actions.find(action => action.kind === 'rename-table');
  if (rename !== undefined) {
    requireAlone(statement.actions, rename, source);
    const to = await renamedIdentifier(session, tables, table, rename.to, source);
    return renameTable(session, table, to);
  }
  const notes = new Set<string>();
  const result = await alterTable(
    session,
    table,
    async current => {
      const actions = statement.actions as readonly MetadataAction[];
      const found = await toAlterations(session, current, actions, source, options);
      for (const note of found.notes) notes.add(note);
      return found.alterations;
    },
    options,
  );
  return notes.size === 0 ? result : { ...result, text: `${result.text} (${[...notes].join('; ')})` };
}

/** Changes of a table; as a function, they are worked out anew for the table as it is in each attempt. */
export type Alterations =
  | readonly TableAlteration[]
  | ((table: LoadedTable) => Promise<readonly TableAlteration[]>);

/**
 * Changes a table's definition in one commit: all changes or none.
 * @throws NotFoundError('column'), AlreadyExistsError, ValidationError, UnsupportedError for a change that can't be
 *   made; CommitConflictError, CommitStateUnknownError, InterruptedError
 */
export async function alterTable(
  session: EngineSession,
  table: LoadedTable,
  alterations: Alterations,
  options: ExecuteOptions = {},
): Promise<DoneResult> {
  let described: string[] = [];
  const committed = await commitChange(
    session,
    table,
    async current => {
      const asked = typeof alterations === 'function' ? await alterations(current) : alterations;
      const proven = await proveNotNull(session, current, asked, options);
      const change = alterTableMetadata(current.metadata, proven);
      described = proven
        .filter((alteration, index) => hasEffect(current.metadata, proven.slice(0, index), alteration))
        .map(describeChange);
      return change;
    },
    options,
  );
  const name = tableName(session, table.identifier);
  if (committed === undefined) return { kind: 'done', text: `${name}: everything is like that already.` };
  return { kind: 'done', text: `${name}: ${described.join('; ')}.` };
}

/** Whether a change isn't one that IF EXISTS or IF NOT EXISTS passes over. */
function hasEffect(
  metadata: TableMetadata,
  before: readonly TableAlteration[],
  alteration: TableAlteration,
): boolean {
  switch (alteration.kind) {
    case 'add-column':
      return alteration.ifNotExists !== true || !hasColumn(schemaAfter(metadata, before), alteration.column);
    case 'drop-column':
      return alteration.ifExists !== true || hasColumn(schemaAfter(metadata, before), alteration.column);
    case 'set-ref':
      return alteration.mode !== 'create-if-missing' || refOf(metadata, alteration.name) === undefined;
    case 'drop-ref':
      return alteration.ifExists !== true || refOf(metadata, alteration.name) !== undefined;
    default:
      return true;
  }
}

/**
 * Commits what `prepare` gives for the table as it is, anew after each lost race. Undefined: nothing was to be done.
 * @throws CommitConflictError also when the table was dropped and made anew meanwhile
 */
export async function commitChange(
  session: EngineSession,
  table: LoadedTable,
  prepare: (current: LoadedTable) => Promise<TableChange | undefined>,
  { signal }: ExecuteOptions = {},
): Promise<LoadedTable | undefined> {
  const { catalog, storage } = session.lake;
  const attempt = async (current: LoadedTable) => {
    if (current.metadata.tableUuid !== table.metadata.tableUuid) {
      throw new CommitConflictError(
        `The table ${formatIdentifier(table.identifier)} was dropped and made anew meanwhile.`,
        { hint: 'Nothing was changed: run it again if the new table is meant.' },
      );
    }
    const change = await prepare(current);
    if (change === undefined || change.updates.length === 0) return undefined;
    return { ...change, written: [] };
  };
  return await commitWithRetry(catalog, table.identifier, attempt, storage, { signal });
}

/** Gives a table another name, in the same or another namespace; its files stay where they are. */
export async function renameTable(
  session: EngineSession,
  table: LoadedTable,
  to: TableIdentifier,
): Promise<DoneResult> {
  await session.lake.catalog.renameTable(table.identifier, to);
  const [before, after] = [tableName(session, table.identifier), tableName(session, to)];
  return { kind: 'done', text: `${before}: renamed to ${after}.` };
}

/** A name alone stays in the table's own namespace. @throws AlreadyExistsError('table') whatever the case */
async function renamedIdentifier(
  session: EngineSession,
  tables: StatementTables,
  table: LoadedTable,
  to: QualifiedName,
  source: string,
): Promise<TableIdentifier> {
  const { namespace } = table.identifier;
  const parts = to.parts.length === 1 ? [...namespace, to.parts[0]!] : to.parts;
  const there = await tables.find(parts);
  const isSelf =
    there !== undefined && formatIdentifier(there.identifier) === formatIdentifier(table.identifier);
  if (there !== undefined && !isSelf) {
    throw new AlreadyExistsError(
      'table',
      `The table ${tableName(session, there.identifier)} exists already.`,
      { hint: 'Choose another name, or drop that table first.', position: placeOf(source, to.span) },
    );
  }
  const name = to.parts.at(-1)!;
  if (to.parts.length === 1) return { namespace, name };
  const wanted = await newNamespace(session, tables, to.parts.slice(0, -1));
  if (wanted !== undefined) return { namespace: wanted, name };
  throw new ValidationError(`A lake table can't become one of DuckDB's: "${to.parts.join('.')}".`, {
    hint: 'Copy it with CREATE TABLE ... AS.',
    position: placeOf(source, to.span),
  });
}

function requireAlone(actions: readonly AlterAction[], rename: AlterAction, source: string): void {
  if (actions.length === 1) return;
  throw new UnsupportedError(
    "RENAME TO can't be combined with other changes: it is none of the table itself.",
    {
      hint: 'Write it as a statement of its own.',
      position: placeOf(source, rename.span),
    },
  );
}
