import type { Namespace } from '../../catalog/catalog.ts';
import { isNode, nodesOf, type TreeNode } from './syntax-tree.ts';

/**
 * A view that reads lake tables, of the session or of the catalog. Its text is kept, not a view in DuckDB: a view there
 * would go on reading the files that the tables had when it was made.
 */
export interface LakeView {
  readonly name: string;
  /** The query, with the view's column names applied. */
  readonly sql: string;
  /** Where unqualified table names of the query are looked for. */
  readonly namespace: Namespace;
  /** Of a view of the catalog: the dialect of SQL it is written in. */
  readonly dialect?: string;
}

/** Whether a query is `SELECT * FROM table [WHERE ...]` and nothing more. */
export function takesRowsAsTheyAre(root: TreeNode): boolean {
  const { from_table: from, select_list: list, aggregate_handling: aggregates } = root;
  const [item, ...others] = nodesOf(list);
  const allowed = ['type', 'select_list', 'from_table', 'where_clause', 'aggregate_handling'];
  return (
    root.type === 'SELECT_NODE' &&
    Object.keys(root).every(key => allowed.includes(key)) &&
    (aggregates === undefined || aggregates === 'STANDARD_HANDLING') &&
    item?.class === 'STAR' &&
    others.length === 0 &&
    Object.keys(item).every(key => ['class', 'type', 'query_location'].includes(key)) &&
    isNode(from) &&
    from.type === 'BASE_TABLE' &&
    from.sample === undefined &&
    from.column_name_alias === undefined
  );
}
