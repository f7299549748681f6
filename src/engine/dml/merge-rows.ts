import { alwaysFalse, alwaysTrue, and, type Expr, or } from '../../iceberg/expression.ts';
import type { NestedField } from '../../iceberg/types.ts';
import { SqlError } from '../errors.ts';
import { quoteIdentifier } from '../quote.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import type { ChangeResult } from '../statement-result.ts';
import { applyChange } from './apply.ts';
import { requireSingleMatches } from './cardinality.ts';
import { type CastColumn, explained } from './conversion.ts';
import { type KeyPair, sourceBoundsFilter } from './key-bounds.ts';
import {
  clauseNumber,
  type MergeSides,
  mergeError,
  type PlannedClause,
  updatedFields,
} from './merge-plan.ts';
import { fileColumn, planTarget, positionColumn, TargetFiles } from './plan.ts';
import { actions, type ChangedRows } from './rewrite.ts';
import type { Target } from './target.ts';
import { castTo, type NewValue } from './values.ts';
import type { Workspace } from './workspace.ts';

/** The column of a source table that numbers its rows. */
export const sourceRowColumn = '"lakebook row"';
const clauseColumn = '"lakebook clause"';

export interface MergeInput extends MergeSides {
  /** `merge` or `upsert`. */
  readonly operation: string;
  /** Quoted name of a temporary table with the source's rows and `sourceRowColumn`. */
  readonly source: string;
  readonly sourceRows: number;
  readonly with?: SqlText;
  readonly on:
    | { readonly kind: 'condition'; readonly condition: SqlText }
    /** Columns that both sides have. */
    | { readonly kind: 'using'; readonly columns: readonly string[] };
  /** Equalities that ON asks for, where they're known: for pruning, and for naming rows. */
  readonly keys: readonly KeyPair[];
  readonly clauses: readonly PlannedClause[];
  /** More properties of the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>;
}

/** Merges a source's rows into a target: finds out what happens to each row, then rewrites the files it touches. */
export async function mergeInto(
  workspace: Workspace,
  target: Target,
  merge: MergeInput,
): Promise<ChangeResult> {
  const { clauses, sourceRows } = merge;
  const matched = clauses.filter(({ when }) => when === 'matched');
  const notMatched = clauses.filter(({ when }) => when === 'not-matched');
  const bySource = clauses.filter(({ when }) => when === 'not-matched-by-source');
  const fields = updatedFields(clauses);
  const files = await TargetFiles.open(workspace, target);

  const matchFilter = sourceRows === 0 ? alwaysFalse : await onFilter(workspace, target, merge);
  const matchPlan = await planTarget(workspace, target, matchFilter);
  const matchView = await files.view(matchPlan.tasks);
  const keepAll = notMatched.length > 0 || bySource.length > 0;
  const table = await findMatches(workspace, merge, matched, fields, files, matchView, keepAll);
  const { keys } = merge;
  await requireSingleMatches(
    workspace,
    target,
    files,
    matchView,
    table,
    'MERGE',
    merge.on.kind === 'condition' ? merge.on.condition : undefined,
    keys.map(key => key.field),
  );

  let filter = matchFilter;
  let { dataFiles } = matchPlan;
  if (bySource.length > 0) {
    const sourceless = await clausesFilter(workspace, target, merge, bySource);
    filter = or(filter, sourceless);
    const plan = await planTarget(workspace, target, sourceless);
    dataFiles = plan.dataFiles;
    await findUnmatched(workspace, merge, bySource, fields, files, await files.view(plan.tasks), table);
  }
  const inserts =
    notMatched.length === 0 ? undefined : await findInserts(workspace, target, merge, notMatched, table);
  await raiseErrors(workspace, table, 'message');
  const changed: ChangedRows = { table, files, updatedFields: fields };
  return applyChange(workspace, target, {
    operation: merge.operation,
    isolation: 'merge',
    filter,
    dataFiles,
    changed,
    inserts,
    summary: merge.summary,
  });
}

/** Accepts every row of the target that may match a row of the source. */
async function onFilter(workspace: Workspace, target: Target, merge: MergeInput): Promise<Expr> {
  const bounds = await sourceBoundsFilter(workspace, target, merge);
  if (merge.on.kind === 'using') return bounds;
  const { filter } = await workspace.condition(merge.on.condition, merge.targetAlias, target.schema);
  return and(filter, bounds);
}

/** Accepts every row that one of the clauses may act on. */
async function clausesFilter(
  workspace: Workspace,
  target: Target,
  merge: MergeInput,
  clauses: readonly PlannedClause[],
): Promise<Expr> {
  const filters: Expr[] = [];
  for (const { condition, action } of clauses) {
    if (action.kind === 'nothing') continue;
    if (condition === undefined) return alwaysTrue;
    const { filter } = await workspace.condition(condition, merge.targetAlias, target.schema);
    filters.push(filter);
  }
  return or(...filters);
}

/** A table of what happens to each pair of rows that match; also those nothing happens to, with `keepAll`. */
async function findMatches(
  workspace: Workspace,
  merge: MergeInput,
  clauses: readonly PlannedClause[],
  fields: readonly NestedField[],
  files: TargetFiles,
  view: string,
  keepAll: boolean,
): Promise<string> {
  const { on, source } = merge;
  const target = quoteIdentifier(merge.targetAlias);
  const from = quoteIdentifier(merge.sourceAlias);
  const join =
    on.kind === 'condition'
      ? sql`ON (${on.condition})`
      : sql`USING (${on.columns.map(quoteIdentifier).join(', ')})`;
  const { columns, casts } = clauseColumns(merge, clauses, fields);
  const matches = await workspace.bind(
    sql`${prefix(merge)}SELECT ${target}.${fileColumn}, ${target}.${positionColumn}, ${from}.${sourceRowColumn},
    ${clauseNumber(clauses)} AS ${clauseColumn}${columns}
    FROM ${view} AS ${target} JOIN ${source} AS ${from} ${join}`,
  );
  const nothing = clauses.filter(({ action }) => action.kind === 'nothing').map(({ number }) => number);
  const where = keepAll ? '' : `\n    WHERE ${clauseColumn} NOT IN (${[0, ...nothing].join(', ')})`;
  const query = sql`SELECT files.id AS file, matches.${positionColumn} AS position,
    matches.${sourceRowColumn} AS source_row, ${outcome(clauses, fields)}
    FROM (${matches}
    ) AS matches JOIN ${files.name} AS files ON matches.${fileColumn} = files.path${where}`;
  const { name } = await explained(workspace, matches, casts, () =>
    stableConditions(workspace, clauses, () => workspace.table('changes', query, 'finding rows')),
  );
  return name;
}

/** Adds to the table of changes what happens to rows of the target that no row of the source matches. */
async function findUnmatched(
  workspace: Workspace,
  merge: MergeInput,
  clauses: readonly PlannedClause[],
  fields: readonly NestedField[],
  files: TargetFiles,
  view: string,
  table: string,
): Promise<void> {
  const target = quoteIdentifier(merge.targetAlias);
  const { columns, casts } = clauseColumns(merge, clauses, fields);
  const rows = await workspace.bind(
    sql`${prefix(merge)}SELECT ${target}.${fileColumn}, ${target}.${positionColumn},
    ${clauseNumber(clauses)} AS ${clauseColumn}${columns}
    FROM ${view} AS ${target}`,
  );
  const nothing = clauses.filter(({ action }) => action.kind === 'nothing').map(({ number }) => number);
  const query = sql`SELECT files.id AS file, matches.${positionColumn} AS position, NULL AS source_row,
    ${outcome(clauses, fields)}
    FROM (${rows}
    ) AS matches JOIN ${files.name} AS files ON matches.${fileColumn} = files.path
    ANTI JOIN ${table} AS matched ON matched.file = files.id AND matched.position = matches.${positionColumn}
    WHERE ${clauseColumn} NOT IN (${[0, ...nothing].join(', ')})`;
  await explained(workspace, rows, casts, () =>
    stableConditions(workspace, clauses, () => workspace.insert(table, query, 'finding rows')),
  );
}

/** The values of all clauses beside each other, each only where its clause acts. */
function clauseColumns(
  merge: MergeInput,
  clauses: readonly PlannedClause[],
  fields: readonly NestedField[],
): { columns: SqlText; casts: CastColumn[] } {
  const columns: SqlText[] = [];
  const casts: CastColumn[] = [];
  const add = (number: number, value: SqlText, name: string) => {
    const own = clauses.length === 1 && clauses[0]!.condition === undefined;
    const guarded = own ? value : sql`CASE WHEN ${clauseColumn} = ${String(number)} THEN ${value} END`;
    columns.push(sql`, ${guarded} AS "${name}"`);
  };
  for (const { number, action } of clauses) {
    if (action.kind === 'error') add(number, action.message, `m${number}`);
    if (action.kind !== 'update') continue;
    for (const { field, value } of action.values) {
      const name = `v${number}_${fields.indexOf(field)}`;
      add(number, value, name);
      casts.push({ source: name, field, at: value });
    }
  }
  // Columns that a clause leaves as they are while others change them.
  for (const [index, field] of keptFields(clauses, fields)) {
    const name = `${quoteIdentifier(merge.targetAlias)}.${quoteIdentifier(field.name)}`;
    columns.push(SqlText.generated(`, ${name} AS "k${index}"`));
  }
  return { columns: SqlText.join(columns), casts };
}

function keptFields(
  clauses: readonly PlannedClause[],
  fields: readonly NestedField[],
): [number, NestedField][] {
  return [...fields.entries()].filter(([, field]) =>
    clauses.some(({ action }) => action.kind === 'update' && !assigns(action.values, field)),
  );
}

function assigns(values: readonly NewValue[], field: NestedField): boolean {
  return values.some(value => value.field === field);
}

/** The columns `action`, `message` and `v0`, `v1`, ... of a table of changes. */
function outcome(clauses: readonly PlannedClause[], fields: readonly NestedField[]): string {
  const actionBranches: string[] = [];
  const messages: string[] = [];
  for (const { number, action } of clauses) {
    if (action.kind === 'nothing' || action.kind === 'insert') continue;
    actionBranches.push(`WHEN ${number} THEN ${actions[action.kind]}`);
    if (action.kind === 'error') messages.push(`WHEN ${number} THEN matches.m${number}::VARCHAR`);
  }
  const kept = new Set(keptFields(clauses, fields).map(([index]) => index));
  const values = fields.map((field, index) => {
    const branches = clauses.flatMap(({ number, action }) => {
      if (action.kind !== 'update') return [];
      const value = assigns(action.values, field)
        ? castTo(field, `matches."v${number}_${index}"`)
        : kept.has(index)
          ? `matches.k${index}`
          : 'NULL';
      return [`WHEN ${number} THEN ${value}`];
    });
    return `${caseOf(branches, castTo(field, 'NULL'))} AS v${index}`;
  });
  return [
    `CAST(${caseOf(actionBranches, '0')} AS TINYINT) AS action`,
    `${caseOf(messages, 'NULL::VARCHAR')} AS message`,
    ...values,
  ].join(', ');
}

function caseOf(branches: readonly string[], otherwise: string): string {
  return branches.length === 0
    ? otherwise
    : `CASE ${clauseColumn} ${branches.join(' ')} ELSE ${otherwise} END`;
}

/** A table of the rows to insert for the source's rows that match none of the target's. */
async function findInserts(
  workspace: Workspace,
  target: Target,
  merge: MergeInput,
  clauses: readonly PlannedClause[],
  table: string,
): Promise<{ name: string; rows: number }> {
  const from = quoteIdentifier(merge.sourceAlias);
  const { fields } = target.schema;
  const columns: SqlText[] = [];
  const casts: CastColumn[] = [];
  const messages: string[] = [];
  const own = clauses.length === 1 && clauses[0]!.condition === undefined;
  const guard = (number: number, value: SqlText) =>
    own ? value : sql`CASE WHEN ${clauseColumn} = ${String(number)} THEN ${value} END`;
  for (const { number, action } of clauses) {
    if (action.kind === 'error') {
      columns.push(sql`, ${guard(number, action.message)} AS "m${String(number)}"`);
      messages.push(`WHEN ${number} THEN new_rows.m${number}::VARCHAR`);
    }
    if (action.kind !== 'insert') continue;
    for (const [index, { field, value }] of action.values.entries()) {
      const name = `v${number}_${index}`;
      columns.push(sql`, ${guard(number, value)} AS "${name}"`);
      casts.push({ source: name, field, at: value });
    }
  }
  const rows = await workspace.bind(
    sql`${prefix(merge)}SELECT ${clauseNumber(clauses)} AS ${clauseColumn}${SqlText.join(columns)}
    FROM ${merge.source} AS ${from}
    ANTI JOIN (SELECT source_row AS "lakebook matched" FROM ${table}) AS "lakebook matches"
      ON "lakebook matched" = ${from}.${sourceRowColumn}`,
  );
  if (messages.length > 0) {
    const [row] = await workspace.rows(
      `SELECT ${caseOf(messages, 'NULL')} AS message FROM (${rows.text}) AS new_rows
       WHERE ${caseOf(messages, 'NULL')} IS NOT NULL LIMIT 1`,
    );
    if (row !== undefined) throw mergeError(String(row.message));
  }
  const inserting = clauses.filter(({ action }) => action.kind === 'insert').map(({ number }) => number);
  const values = fields.map((field, index) => {
    const branches = inserting.map(
      number => `WHEN ${number} THEN ${castTo(field, `new_rows."v${number}_${index}"`)}`,
    );
    return `${caseOf(branches, castTo(field, 'NULL'))} AS ${quoteIdentifier(field.name)}`;
  });
  const query = sql`SELECT ${values.join(', ')} FROM (${rows}
    ) AS new_rows WHERE ${clauseColumn} IN (${[-1, ...inserting].join(', ')})`;
  return explained(workspace, rows, casts, () =>
    stableConditions(workspace, clauses, () => workspace.table('inserts', query, 'finding rows')),
  );
}

/** The number of the clause that acts is used several times in a query, which must not decide anew each time. */
async function stableConditions<T>(
  workspace: Workspace,
  clauses: readonly PlannedClause[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SqlError) || !error.message.includes('has side effects')) throw error;
    throw workspace.error(
      "The conditions of MERGE's clauses can't have functions that give another value each time, such as random().",
      clauses.find(clause => clause.condition !== undefined)?.condition,
      'Compute the value in the source: USING (SELECT *, random() AS r FROM ...) AS s.',
      'UNSUPPORTED',
    );
  }
}

async function raiseErrors(workspace: Workspace, table: string, column: string): Promise<void> {
  const [row] = await workspace.rows(
    `SELECT ${column} AS message FROM ${table} WHERE action = ${actions.error} LIMIT 1`,
  );
  if (row !== undefined) throw mergeError(String(row.message));
}

function prefix({ with: ctes }: MergeInput): SqlText | string {
  return ctes === undefined ? '' : sql`${ctes} `;
}
