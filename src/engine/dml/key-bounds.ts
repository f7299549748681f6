import { alwaysTrue, and, type Expr } from '../../iceberg/expression.ts';
import type { NestedField, Type } from '../../iceberg/types.ts';
import { isNode, nodesOf, parseQuery, type TreeNode, textsOf } from '../bind/syntax-tree.ts';
import type { ColumnDescription } from '../duckdb.ts';
import { quoteIdentifier, quoteString } from '../quote.ts';
import { SqlText } from '../sql/sql-text.ts';
import { duckDbType } from '../types.ts';
import type { MergeSides } from './merge-plan.ts';
import type { Target } from './target.ts';
import { columnNamed } from './values.ts';
import type { Workspace } from './workspace.ts';

/** `target.field = source.column`, which every match fulfils. */
export interface KeyPair {
  readonly field: NestedField;
  readonly column: ColumnDescription;
}

/** The equalities between columns of both sides that a condition asks for, as far as they can be seen. */
export async function equalKeys(
  workspace: Workspace,
  target: Target,
  sides: MergeSides,
  condition: SqlText,
): Promise<KeyPair[]> {
  const { duckdb } = workspace.session;
  const parsed = await parseQuery(duckdb, `SELECT 1 WHERE (${condition}\n)`, workspace.options.signal);
  if (parsed.kind !== 'tree' || !isNode(parsed.root.where_clause)) return [];
  const sideOf = columnSides(target, sides);
  return conjuncts(parsed.root.where_clause).flatMap((node): KeyPair[] => {
    if (node.class !== 'COMPARISON' || node.type !== 'COMPARE_EQUAL') return [];
    const both = [node.left, node.right].map(side => (isNode(side) ? sideOf(side) : undefined));
    const field = both.find(side => side?.field !== undefined)?.field;
    const column = both.find(side => side?.column !== undefined)?.column;
    return field === undefined || column === undefined ? [] : [{ field, column }];
  });
}

function conjuncts(node: TreeNode): readonly TreeNode[] {
  if (node.class !== 'CONJUNCTION' || node.type !== 'CONJUNCTION_AND') return [node];
  return nodesOf(node.children).flatMap(conjuncts);
}

type Side = { readonly field?: NestedField; readonly column?: ColumnDescription };

function columnSides(
  { schema }: Target,
  { targetAlias, sourceAlias, sourceColumns }: MergeSides,
): (node: TreeNode) => Side | undefined {
  const inSource = (name: string) =>
    sourceColumns.find(column => column.name.toLowerCase() === name.toLowerCase());
  return node => {
    if (node.class !== 'COLUMN_REF') return undefined;
    const names = textsOf(node.column_names);
    const [first, second] = names;
    if (names.length === 1) {
      const field = columnNamed(schema, first!);
      const column = inSource(first!);
      // A name that both sides have is ambiguous: DuckDB says so.
      if (field !== undefined && column !== undefined) return undefined;
      return { field, column };
    }
    if (names.length !== 2) return undefined;
    const isSource = first!.toLowerCase() === sourceAlias.toLowerCase();
    const isTarget = first!.toLowerCase() === targetAlias.toLowerCase();
    if (isSource === isTarget) return undefined;
    return isTarget ? { field: columnNamed(schema, second!) } : { column: inSource(second!) };
  };
}

/** Up to so many different keys are looked for one by one. */
const longestList = 1000;

/**
 * Accepts every row of the target whose key is between the source's smallest and largest, or among its keys when they
 * are few; so that files far from them aren't read.
 */
export async function sourceBoundsFilter(
  workspace: Workspace,
  target: Target,
  merge: MergeSides & { readonly source: string; readonly keys: readonly KeyPair[] },
): Promise<Expr> {
  const keys = merge.keys.filter(key => isBounded(key));
  if (keys.length === 0) return alwaysTrue;
  const columns = keys.map(({ field, column }, index) => {
    const value = castKey(field, column);
    return `min(${value})::VARCHAR AS min${index}, max(${value})::VARCHAR AS max${index}, approx_count_distinct(${value}) AS n${index}`;
  });
  const [bounds] = await workspace.rows(`SELECT ${columns.join(', ')} FROM ${merge.source}`);
  const filters: Expr[] = [];
  for (const [index, { field, column }] of keys.entries()) {
    const min = bounds![`min${index}`];
    // Every key of the source is null: nothing is equal to it.
    if (min === null) return keyFilter(workspace, target, 'false');
    const name = quoteIdentifier(field.name);
    const range = `${name} >= ${keyLiteral(field, min)} AND ${name} <= ${keyLiteral(field, bounds![`max${index}`])}`;
    let condition = range;
    if (Number(bounds![`n${index}`]) <= longestList) {
      const values = await workspace.rows(
        `SELECT DISTINCT ${castKey(field, column)}::VARCHAR AS v FROM ${merge.source}
         WHERE ${quoteIdentifier(column.name)} IS NOT NULL LIMIT ${longestList + 1}`,
      );
      const list = values.map(row => keyLiteral(field, row.v)).join(', ');
      if (values.length <= longestList) condition = `${name} IN (${list})`;
    }
    filters.push(await keyFilter(workspace, target, condition));
  }
  return and(...filters);
}

async function keyFilter(workspace: Workspace, target: Target, condition: string): Promise<Expr> {
  const text = SqlText.generated(condition);
  const { filter } = await workspace.condition(text, 'target', target.schema);
  return filter;
}

const wholeTypes = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER']);
const boundedKinds = new Set([
  'int',
  'long',
  'decimal',
  'string',
  'date',
  'timestamp',
  'timestamptz',
  'uuid',
]);

/** Whether comparing the two columns is comparing values of the target's type. */
function isBounded({ field, column }: KeyPair): boolean {
  const { type } = field;
  if (!boundedKinds.has(type.kind)) return false;
  const sourceType = column.type.toString();
  if (isWhole(type) && wholeTypes.has(sourceType)) return true;
  return sourceType === duckDbType(type);
}

function isWhole(type: Type): boolean {
  return type.kind === 'int' || type.kind === 'long';
}

/** Whole numbers of any size are compared as BIGINT, so that none is out of the target's range. */
function castKey({ type }: NestedField, { name }: ColumnDescription): string {
  return isWhole(type) ? `${quoteIdentifier(name)}::BIGINT` : quoteIdentifier(name);
}

function keyLiteral({ type }: NestedField, value: unknown): string {
  if (isWhole(type)) return String(value);
  const text = quoteString(String(value));
  return type.kind === 'string' ? text : `CAST(${text} AS ${duckDbType(type)})`;
}
