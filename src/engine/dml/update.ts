import { alwaysTrue } from '../../iceberg/expression.ts';
import { quoteIdentifier } from '../quote.ts';
import type { EngineSession } from '../session.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import type { Assignment, UpdateStatement } from '../sql/statement.ts';
import type { ChangeResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { applyChange } from './apply.ts';
import { requireSingleMatches } from './cardinality.ts';
import { explained } from './conversion.ts';
import { changeResult } from './outcome.ts';
import { marked } from './own-tables.ts';
import { fileColumn, planTarget, positionColumn, TargetFiles } from './plan.ts';
import { actions } from './rewrite.ts';
import { aliasOf, changeTable } from './statement.ts';
import type { Target } from './target.ts';
import { assignedValues, castTo } from './values.ts';
import type { Workspace } from './workspace.ts';

/** UPDATE t SET ... [FROM ...] [WHERE ...]. */
export function executeUpdate(
  session: EngineSession,
  statement: UpdateStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const selected = () => {
    const values = statement.assignments.flatMap(assignedSql).map(value => sql`(${marked(value)})`);
    return selectFrom(statement, tableName(statement), values.length === 0 ? ['1'] : values, true);
  };
  return changeTable(session, statement, source, options, selected, (workspace, target) =>
    updateTable(workspace, target, statement),
  );
}

function assignedSql(assignment: Assignment): SqlText[] {
  if (assignment.kind === 'row-query') return [assignment.query];
  return assignment.value === undefined ? [] : [assignment.value];
}

function tableName({ target }: UpdateStatement): string {
  const name = target.parts.map(quoteIdentifier).join('.');
  return target.alias === undefined ? name : `${name} AS ${quoteIdentifier(target.alias)}`;
}

/** `[WITH ...] SELECT columns FROM target, from WHERE where`. */
function selectFrom(
  { with: ctes, from, where }: UpdateStatement,
  target: string,
  columns: readonly (SqlText | string)[],
  mark: boolean,
): SqlText {
  const part = (text: SqlText) => (mark ? marked(text) : text);
  return SqlText.join([
    ctes === undefined ? '' : sql`${part(ctes)} `,
    sql`SELECT ${SqlText.join(columns, ', ')} FROM ${target}`,
    from === undefined ? '' : sql`, ${part(from)}`,
    where === undefined ? '' : sql` WHERE ${part(where)}`,
  ]);
}

async function updateTable(
  workspace: Workspace,
  target: Target,
  statement: UpdateStatement,
): Promise<ChangeResult> {
  const alias = aliasOf(statement.target, target);
  const values = assignedValues(workspace, target, statement.assignments, alias);
  const { filter } =
    statement.where === undefined
      ? { filter: alwaysTrue }
      : await workspace.condition(statement.where, alias, target.schema);
  const plan = await planTarget(workspace, target, filter);
  const files = await TargetFiles.open(workspace, target);
  const view = await files.view(plan.tasks);
  const columns = [
    `${quoteIdentifier(alias)}.${fileColumn}`,
    `${quoteIdentifier(alias)}.${positionColumn}`,
    ...values.map(({ value }, index) => sql`${value} AS "v${String(index)}"`),
  ];
  const matches = await workspace.bind(
    selectFrom(statement, `${view} AS ${quoteIdentifier(alias)}`, columns, false),
  );
  const casts = values.map(({ field }, index) => `${castTo(field, `matches.v${index}`)} AS v${index}`);
  const query = sql`SELECT files.id AS file, matches.${positionColumn} AS position,
    CAST(${String(actions.update)} AS TINYINT) AS action${casts.map(cast => `, ${cast}`).join('')}
    FROM (${matches}
    ) AS matches JOIN ${files.name} AS files ON matches.${fileColumn} = files.path`;
  const castColumns = values.map(({ field, value }, index) => ({ source: `v${index}`, field, at: value }));
  const { name, rows } = await explained(workspace, matches, castColumns, () =>
    workspace.table('changes', query, 'finding rows'),
  );
  if (rows === 0) return changeResult({ operation: 'update', table: target.name });
  if (statement.from !== undefined) {
    await requireSingleMatches(workspace, target, files, view, name, 'UPDATE ... FROM', statement.from);
  }
  return applyChange(workspace, target, {
    operation: 'update',
    isolation: 'update',
    filter,
    dataFiles: plan.dataFiles,
    changed: { table: name, files, updatedFields: values.map(({ field }) => field) },
  });
}
