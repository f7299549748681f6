import { formatIdentifier } from '../../catalog/identifiers.ts';
import type { LoadedView } from '../../catalog/views.ts';
import { UnsupportedError } from '../../iceberg/errors.ts';
import { currentViewVersion } from '../../iceberg/view-metadata.ts';
import { quoteIdentifier } from '../quote.ts';
import { sparkToDuckDb } from './spark-text.ts';
import { isNode, type TreeNode } from './syntax-tree.ts';
import type { LakeView } from './views.ts';

/** Dialects that are tried, the nearest to DuckDB's first. */
const dialects: Readonly<Record<string, (sql: string) => string>> = {
  duckdb: sql => sql,
  spark: sparkToDuckDb,
  trino: sql => sql,
};

/** In which Spark keeps what the columns of the view's query are called; the view's own names are in its schema. */
const sparkColumnNames = 'spark.query-column-names';

/**
 * A view of the catalog as one that queries can be bound to.
 * @throws UnsupportedError when it is written in no dialect that DuckDB may understand
 */
export function lakeViewOf({ identifier, metadata }: LoadedView): LakeView {
  const name = formatIdentifier(identifier);
  const { representations, defaultNamespace, schemaId } = currentViewVersion(metadata);
  const dialect = Object.keys(dialects).find(each => representations.some(own => own.dialect === each));
  const chosen = representations.find(own => own.dialect === dialect);
  if (dialect === undefined || chosen === undefined) {
    const own = representations.map(each => each.dialect).join(', ') || 'none';
    throw new UnsupportedError(
      `The view ${name} can't be read: its dialects of SQL (${own}) aren't known here.`,
      {
        hint: `Make it again with CREATE OR REPLACE VIEW ${name} AS ..., or read it with the engine it was made for.`,
      },
    );
  }
  const sql = dialects[dialect]!(chosen.sql.replace(/[\s;]+$/, ''));
  const columns = metadata.schemas
    .find(schema => schema.schemaId === schemaId)
    ?.fields.map(each => each.name);
  return {
    name,
    sql: renamed(sql, columns, metadata.properties[sparkColumnNames]),
    namespace: defaultNamespace.length === 0 ? identifier.namespace : defaultNamespace,
    dialect,
  };
}

/** Gives the query's columns the names that the view has for them, where they are others. */
function renamed(sql: string, names: readonly string[] | undefined, written: string | undefined): string {
  if (names === undefined || written === undefined) return sql;
  if (written === names.join(',')) return sql;
  return `SELECT * FROM (${sql}\n) AS "v"(${names.map(quoteIdentifier).join(', ')})`;
}

/** Functions that make rows out of their arguments alone. All others may read files, settings or the network. */
const harmless = new Set(['range', 'generate_series', 'unnest', 'repeat', 'repeat_row']);

/** The name of a function in FROM that may read something else than the lake; undefined when there is none. */
export function outsideReader(root: TreeNode): string | undefined {
  const nodes: unknown[] = [root];
  for (const node of nodes) {
    if (Array.isArray(node)) nodes.push(...node);
    if (!isNode(node)) continue;
    if (node.type === 'TABLE_FUNCTION') {
      const name = String((node.function as TreeNode | undefined)?.function_name ?? '').toLowerCase();
      if (!harmless.has(name)) return name;
    }
    nodes.push(...Object.values(node));
  }
  return undefined;
}

/** A view of the catalog may be anybody's: what it would read here besides the lake is not read. */
export function refusedInView(view: string, what: string): UnsupportedError {
  return new UnsupportedError(`The view ${view} can't be read: it asks for ${what}.`, {
    hint: 'Views of a catalog may read tables and views of the lake only.',
  });
}
