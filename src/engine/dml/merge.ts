import { didYouMeanHint } from '../../iceberg/did-you-mean.ts';
import { NotFoundError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import { quoteIdentifier } from '../quote.ts';
import type { EngineSession } from '../session.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import type { Assignment, MergeAction, MergeStatement, NameToken } from '../sql/statement.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { ChangeResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { equalKeys, type KeyPair } from './key-bounds.ts';
import { type MergeSides, planClauses } from './merge-plan.ts';
import { type MergeInput, mergeInto, sourceRowColumn } from './merge-rows.ts';
import { marked } from './own-tables.ts';
import { aliasOf, changeTable } from './statement.ts';
import type { Target } from './target.ts';
import { columnNamed } from './values.ts';
import type { Workspace } from './workspace.ts';

/** MERGE INTO t USING s ON ... WHEN .... */
export function executeMerge(
  session: EngineSession,
  statement: MergeStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  return changeTable(
    session,
    statement,
    source,
    options,
    () => selectedParts(statement),
    (workspace, target) => mergeStatement(workspace, target, statement),
  );
}

/** The parts of a MERGE into DuckDB's own table that may name lake tables, in a query. */
function selectedParts({ target, with: ctes, source, on, clauses, ...rest }: MergeStatement): SqlText {
  const alias = quoteIdentifier(rest.sourceAlias ?? impliedAlias(source));
  const name = target.parts.map(quoteIdentifier).join('.');
  const targetAlias = quoteIdentifier(target.alias ?? target.parts.at(-1)!);
  const values = clauses.flatMap(({ condition, action }) => [
    ...(condition === undefined ? [] : [condition]),
    ...actionParts(action),
  ]);
  const columns = values.length === 0 ? ['1'] : values.map(value => sql`(${marked(value)})`);
  const condition = on.kind === 'condition' ? sql` WHERE ${marked(on.condition)}` : '';
  return sql`${ctes === undefined ? '' : sql`${marked(ctes)} `}SELECT ${SqlText.join(columns, ', ')}
    FROM ${name} AS ${targetAlias}, ${marked(source)} AS ${alias}${condition}`;
}

function actionParts(action: MergeAction): SqlText[] {
  switch (action.kind) {
    case 'update':
      return action.assignments.flatMap((assignment: Assignment) => {
        if (assignment.kind === 'row-query') return [assignment.query];
        return assignment.value === undefined ? [] : [assignment.value];
      });
    case 'insert':
      return action.values.filter(value => value !== undefined);
    case 'error':
      return action.message === undefined ? [] : [action.message];
    default:
      return [];
  }
}

/** How a source without an alias is named: its last name, its function, its file. */
function impliedAlias(source: SqlText): string {
  const [first, ...others] = tokenize(source.text);
  if (first === undefined || first.text === '(') return 'source';
  if (first.type === 'string') return first.value.replace(/^.*[/\\]/, '').replace(/\..*$/, '');
  let name = first;
  for (const [index, token] of others.entries()) {
    if (token.text === '.' && others[index + 1] !== undefined) name = others[index + 1]!;
    else if (others[index - 1]?.text !== '.') break;
  }
  return name.type === 'word' ? name.text : name.value;
}

async function mergeStatement(
  workspace: Workspace,
  target: Target,
  statement: MergeStatement,
): Promise<ChangeResult> {
  const targetAlias = aliasOf(statement.target, target);
  const sourceAlias = statement.sourceAlias ?? impliedAlias(statement.source);
  const { source, with: ctes, sourceColumnAliases: names } = statement;
  const aliased =
    names === undefined
      ? quoteIdentifier(sourceAlias)
      : `${quoteIdentifier(sourceAlias)}(${names.map(quoteIdentifier).join(', ')})`;
  if (sourceAlias.toLowerCase() === targetAlias.toLowerCase()) {
    throw workspace.error(
      `Both sides of the MERGE are named "${sourceAlias}".`,
      source,
      'Give one an alias: MERGE INTO t USING t AS s ON ...',
    );
  }
  const query = await workspace.bind(
    sql`${ctes === undefined ? '' : sql`${ctes} `}SELECT * FROM ${source} AS ${aliased}`,
  );
  const rows = await materializeSource(workspace, query);
  const sides: MergeSides = { targetAlias, sourceAlias, sourceColumns: rows.columns };
  const clauses = planClauses(workspace, target, sides, statement.clauses);
  const { on, keys } = await joinOf(workspace, target, sides, statement.on);
  return mergeInto(workspace, target, {
    ...sides,
    operation: 'merge',
    source: rows.name,
    sourceRows: rows.rows,
    with: ctes,
    on,
    keys,
    clauses,
  });
}

/** A temporary table of a bound query's rows, numbered: the source is read once, whatever happens to its rows. */
export async function materializeSource(workspace: Workspace, query: SqlText) {
  const numbered = sql`SELECT *, row_number() OVER () AS ${sourceRowColumn} FROM (${query}\n)`;
  const table = await workspace.table('source', numbered, 'reading source');
  const columns = await workspace.describe(SqlText.generated(`FROM ${table.name}`));
  return { columns: columns.slice(0, -1), ...table };
}

async function joinOf(
  workspace: Workspace,
  target: Target,
  sides: MergeSides,
  on: MergeStatement['on'],
): Promise<{ on: MergeInput['on']; keys: KeyPair[] }> {
  if (on.kind === 'condition') {
    return { on, keys: await equalKeys(workspace, target, sides, on.condition) };
  }
  const keys = on.columns.map(column => sharedColumn(workspace, target, sides, column));
  return { on: { kind: 'using', columns: on.columns.map(({ name }) => name) }, keys };
}

function sharedColumn(
  workspace: Workspace,
  target: Target,
  { sourceColumns }: MergeSides,
  { name, span }: NameToken,
): KeyPair {
  const field = columnNamed(target.schema, name);
  const column = sourceColumns.find(other => other.name.toLowerCase() === name.toLowerCase());
  if (field !== undefined && column !== undefined) return { field, column };
  const [side, names] =
    field === undefined
      ? [target.name, target.schema.fields.map(other => other.name)]
      : ['The source', sourceColumns.map(other => other.name)];
  throw new NotFoundError('column', `${side} has no column "${name}".`, {
    position: textPosition(workspace.source, span.start, span.end - span.start),
    hint: didYouMeanHint(name, names) ?? `Its columns: ${names.join(', ')}.`,
  });
}
