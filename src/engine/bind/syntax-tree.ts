import type { DuckDb } from '../duckdb.ts';
import { tokenize } from '../sql/tokenizer.ts';

/*
 * The parts of DuckDB's syntax tree (`json_serialize_sql`) that binding looks at. Positions (`query_location`) are
 * turned into UTF-16 offsets by `parseQuery`; values that are DuckDB's defaults are left out of the tree.
 */

export type Json = unknown;
export type TreeNode = { readonly [key: string]: Json };

/** Any node of the tree that stands for an expression. */
export interface Expression extends TreeNode {
  readonly class: string;
  readonly type: string;
  readonly query_location?: number;
}

export type ParsedQuery =
  | { readonly kind: 'tree'; readonly root: TreeNode }
  /** The text isn't a query in DuckDB's grammar; running it tells why. */
  | { readonly kind: 'syntax-error' }
  /** A name of more parts than DuckDB's grammar has. */
  | { readonly kind: 'long-name' }
  /** A query that has no syntax tree of one piece (PIVOT without IN makes several statements), or none that JSON holds. */
  | { readonly kind: 'no-tree' };

/** Trees of texts that were parsed lately, by instance: the grammar doesn't change, and trees are only read. */
const parsed = new WeakMap<DuckDb, Map<string, ParsedQuery>>();
const mostParsed = 64;
/** Longer texts aren't kept; their trees are large. */
const longestKept = 10_000;

/** DuckDB's syntax tree of one query. */
export async function parseQuery(duckdb: DuckDb, text: string, signal?: AbortSignal): Promise<ParsedQuery> {
  let kept = parsed.get(duckdb);
  if (kept === undefined) {
    kept = new Map();
    parsed.set(duckdb, kept);
  }
  const found = kept.get(text);
  if (found !== undefined) return found;
  const query = await parseAnew(duckdb, text, signal);
  if (text.length <= longestKept) {
    kept.set(text, query);
    if (kept.size > mostParsed) kept.delete(kept.keys().next().value!);
  }
  return query;
}

async function parseAnew(duckdb: DuckDb, text: string, signal?: AbortSignal): Promise<ParsedQuery> {
  const folded = foldDefault(text);
  const [row] = await duckdb.rows(
    'SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)::VARCHAR AS tree',
    { parameters: [folded], signal },
  );
  const tree = String(row!.tree).replaceAll(defaultName, 'default');
  // Numbers beyond a double's range (1e400) are written as infinities, which JSON has not.
  const json = parseTree(tree, byteOffsets(text)) as TreeNode | undefined;
  if (json === undefined) return { kind: 'no-tree' };
  if (json.error === true) {
    if (json.error_type === 'not implemented') return { kind: 'no-tree' };
    return { kind: String(json.error_message).startsWith('NameListToString') ? 'long-name' : 'syntax-error' };
  }
  const statements = json.statements as readonly { readonly node: TreeNode }[];
  return statements.length === 1 ? { kind: 'tree', root: statements[0]!.node } : { kind: 'no-tree' };
}

/** Stands for the word in DuckDB's grammar; as long as it. */
const defaultName = '_7lns7_';

/** The usual name of a lake's namespace is a reserved word: `default.t` is no name for DuckDB. */
function foldDefault(text: string): string {
  if (!/default\s*\./i.test(text)) return text;
  const tokens = tokenize(text);
  let folded = text;
  for (const [index, { type, value, start, end }] of tokens.entries()) {
    if (type !== 'word' || value !== 'DEFAULT' || tokens[index + 1]?.text !== '.') continue;
    folded = folded.slice(0, start) + defaultName + folded.slice(end);
  }
  return folded;
}

/** JSON.rawJSON and the reviver's third argument are younger than TypeScript's library. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
const parseJson = JSON.parse as (
  text: string,
  reviver?: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

/** @returns undefined for what is no JSON */
function parseTree(text: string, offsetOf: ((byte: number) => number) | undefined): unknown {
  try {
    return readTree(text, offsetOf);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readTree(text: string, offsetOf: ((byte: number) => number) | undefined): unknown {
  const hasLongNumbers = /\d{16}/.test(text);
  if (!hasLongNumbers && offsetOf === undefined) return JSON.parse(text);
  return parseJson(text, (key, value, { source }) => {
    if (typeof value !== 'number') return value;
    if (key === 'query_location' && offsetOf !== undefined) return offsetOf(value);
    // Numbers beyond 2^53 keep their digits, for giving them back to DuckDB.
    return source !== undefined && source.length > 15 ? rawJson(source) : value;
  });
}

/** Maps UTF-8 byte offsets of a text to UTF-16 offsets; undefined when they are the same. */
function byteOffsets(text: string): ((byte: number) => number) | undefined {
  if (Buffer.byteLength(text) === text.length) return undefined;
  const map: number[] = [];
  let index = 0;
  for (const character of text) {
    for (let byte = Buffer.byteLength(character); byte > 0; byte--) map.push(index);
    index += character.length;
  }
  return byte => map[byte] ?? text.length;
}

/** SQL for expressions of the tree, in the same order. */
export async function expressionTexts(
  duckdb: DuckDb,
  expressions: readonly Expression[],
  signal?: AbortSignal,
): Promise<string[]> {
  if (expressions.length === 0) return [];
  const statements = expressions.map(expression =>
    JSON.stringify({
      error: false,
      statements: [
        {
          node: {
            type: 'SELECT_NODE',
            modifiers: [],
            cte_map: { map: [] },
            select_list: [expression],
            from_table: { type: 'EMPTY' },
            aggregate_handling: 'STANDARD_HANDLING',
          },
          named_param_map: [],
        },
      ],
    }),
  );
  const columns = statements.map((_, index) => `json_deserialize_sql($${index + 1}::JSON) AS e${index}`);
  const [row] = await duckdb.rows(`SELECT ${columns.join(', ')}`, { parameters: statements, signal });
  return statements.map((_, index) => String(row![`e${index}`]).replace(/^SELECT /, ''));
}

export function isNode(value: Json): value is TreeNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawJson(value);
}

function isRawJson(value: object): boolean {
  return Object.getPrototypeOf(value) === null;
}

export function nodesOf(value: Json): readonly TreeNode[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

export function textsOf(value: Json): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
