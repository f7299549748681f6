import type { LoadedTable } from '../../catalog/catalog.ts';
import { blankAtClauses, findAtClauses } from '../../engine/bind/at-clauses.ts';
import { QueryTokens } from '../../engine/bind/names.ts';
import { findReferences } from '../../engine/bind/references.ts';
import { isNode, parseQuery, type TreeNode } from '../../engine/bind/syntax-tree.ts';
import { textPosition } from '../../engine/errors.ts';
import { StatementTables } from '../../engine/resolve.ts';
import type { EngineSession } from '../../engine/session.ts';
import { parseStatements } from '../../engine/sql/parse.ts';
import { SqlText } from '../../engine/sql/sql-text.ts';
import { tokenize } from '../../engine/sql/tokenizer.ts';
import { LakebookError, type TextPosition, ValidationError } from '../../iceberg/errors.ts';
import { GatewayError } from '../http/problems.ts';

/*
 * SQL that comes over the network sees the lake and nothing else. Two things hold that, each by itself: DuckDB's own
 * locks (`Confinement`), and this look at the syntax tree before anything is run. What isn't known here is refused.
 */

/** Table functions that make rows of their arguments alone. */
const tableFunctions = new Set(['range', 'generate_series', 'unnest', 'repeat', 'repeat_row', 'json_each']);

/** Things in a FROM clause whose parts are looked at by themselves. */
const relations = new Set([
  'SUBQUERY',
  'JOIN',
  'EXPRESSION_LIST',
  'EMPTY',
  'PIVOT',
  'BASE_TABLE',
  'TABLE_FUNCTION',
]);

/** Functions that tell about the process, its settings, its other sessions, or that run a text as SQL. */
const refusedFunctions =
  /^(getenv|getvariable|current_setting|set_config|pg_.*|duckdb_.*|pragma_.*|read_.*|parquet_.*|sniff_.*|glob|query|query_table|json_execute.*|json_(de)?serialize.*|from_substrait.*|sql_auto_complete|nextval|currval|txid_current|current_(user|role|database|schema|schemas|catalog|query)|session_user|user|has_.*_privilege|write_log|parse_duckdb_log.*|which_secret|.*secret.*|version|in_search_path|setseed|sleep.*|.*_file|install_.*|load_.*|enable_.*|disable_.*|checkpoint|force_checkpoint|vector_type|stats|add_parquet_key|test_.*|icu_calendar_names|get_type|finalize|combine|is_histogram_other_bin|getpid)$/i;

/**
 * Functions that go through JSON or variants by recursion without a limit (DuckDB 1.5): a value that is deep enough
 * overflows the stack and ends the process.
 */
const recursiveFunctions =
  /^(json_structure|json_group_structure|json_merge_patch|json_contains|json_tree|variant_.*)$/i;

export interface GuardedQuery {
  /** The tables that it names, as they were then. */
  readonly tables: readonly LoadedTable[];
  /** Whether it answers the same as long as these tables stay as they are. */
  readonly isRepeatable: boolean;
}

/**
 * Checks that a text is one query over lake tables.
 * @throws GatewayError 403 `SQL_REFUSED` for what queries may not do; ValidationError for what is no query;
 *   NotFoundError('table') for names that aren't lake tables
 */
export async function requireLakeQuery(
  session: EngineSession,
  sql: string,
  limits: { readonly sqlLength: number },
  signal?: AbortSignal,
): Promise<GuardedQuery> {
  requireLength(sql, limits.sqlLength);
  const statements = parseStatements(sql);
  const [statement] = statements;
  if (statement === undefined) throw new ValidationError('There is no query.', undefined, 'SYNTAX');
  if (statements.length > 1) throw refused('Several statements', 'Send one query at a time.');
  if (statement.kind !== 'query') {
    throw refused(
      `A statement of the kind "${statement.kind === 'other' ? firstWord(sql) : statement.kind}"`,
      'Queries are SELECT, WITH, FROM, VALUES, TABLE and PIVOT. Tables are changed by the other endpoints.',
    );
  }
  return new Guard(session, sql, signal).check(statement.text);
}

/**
 * Checks that a text is one condition, which may have sub-queries over lake tables.
 * @throws as `requireLakeQuery`
 */
export async function requireLakeCondition(
  session: EngineSession,
  condition: string,
  limits: { readonly sqlLength: number },
  signal?: AbortSignal,
): Promise<void> {
  requireLength(condition, limits.sqlLength);
  requireClosed(condition);
  await new Guard(session, condition, signal).check(
    SqlText.join(['SELECT 1 WHERE (', SqlText.written(condition), '\n)']),
  );
}

function requireLength(sql: string, limit: number): void {
  if (sql.length <= limit) return;
  throw new GatewayError(
    413,
    'SQL_TOO_LONG',
    `SQL texts can have ${limit} characters; this one has ${sql.length}.`,
  );
}

/** Parentheses that end what stands around the text would make it part of something else. */
function requireClosed(text: string): void {
  let depth = 0;
  for (const token of tokenize(text)) {
    if (token.type !== 'punctuation') continue;
    if (token.text === ';') throw refused('A semicolon in a condition');
    if ('([{'.includes(token.text)) depth++;
    else if (')]}'.includes(token.text) && --depth < 0) break;
  }
  if (depth !== 0)
    throw new ValidationError('The parentheses of the condition do not match.', undefined, 'SYNTAX');
}

function firstWord(sql: string): string {
  return tokenize(sql)[0]?.text.slice(0, 30).toLowerCase() ?? '';
}

function refused(what: string, hint?: string, position?: TextPosition): GatewayError {
  const error = new GatewayError(403, 'SQL_REFUSED', `${what} can't be run here.`, {
    hint: hint ?? 'Queries of the gateway see the tables of the lake and nothing else.',
  });
  return position === undefined ? error : Object.assign(error, { position });
}

class Guard {
  readonly #session: EngineSession;
  readonly #source: string;
  readonly #signal: AbortSignal | undefined;
  readonly #functions = new Set<string>();
  /** Whether there is something in it that time or chance decides. */
  #isMoving = false;

  constructor(session: EngineSession, source: string, signal: AbortSignal | undefined) {
    this.#session = session;
    this.#source = source;
    this.#signal = signal;
  }

  async check(query: SqlText): Promise<GuardedQuery> {
    const tokens = new QueryTokens(query, tokenize(query.text));
    const clauses = findAtClauses(query, tokens.list);
    for (const { clause } of clauses) await this.#version(clause.expression);
    const text = blankAtClauses(query.text, clauses);
    const root = await this.#tree(query, text);
    this.#visit(root, query);
    const tables = new StatementTables(this.#session);
    const loaded: LoadedTable[] = [];
    let isExact = true;
    for (const { offset } of findReferences(root).tables) {
      const name = tokens.nameAt(offset);
      // A file name in quotes is a table's name for DuckDB.
      if (name === undefined) throw refused('Reading files', undefined, this.#position(query, offset));
      const found = await tables.lookup(name.parts);
      if (found !== undefined) {
        loaded.push(found.table);
        // Without regard to case, a table that is made later may be meant then.
        isExact &&= found.table.identifier.name === name.parts.at(-1);
        continue;
      }
      const span = query.sourceSpan({ start: name.start, end: name.end }) ?? { start: 0, end: 0 };
      throw await tables.notFound({ parts: name.parts, span }, this.#source);
    }
    const isRepeatable = isExact && !this.#isMoving && (await this.#isConstant());
    return { tables: loaded, isRepeatable };
  }

  async #isConstant(): Promise<boolean> {
    const changing = await changingFunctions(this.#session);
    return [...this.#functions].every(name => !changing.has(name) && !timeFunctions.test(name));
  }

  /** The expression of an AT clause is evaluated by itself. */
  async #version(expression: SqlText): Promise<void> {
    requireClosed(expression.text);
    const query = SqlText.join(['SELECT (', expression, '\n)']);
    const root = await this.#tree(query, query.text);
    this.#visit(root, query);
    if (findReferences(root).tables.length > 0) throw refused('A query in AT (...)');
  }

  async #tree(query: SqlText, text: string): Promise<TreeNode> {
    const parsed = await parseQuery(this.#session.duckdb, text, this.#signal);
    if (parsed.kind === 'tree') return parsed.root;
    if (parsed.kind === 'no-tree') {
      if (!/pivot/i.test(text)) throw refused('A number beyond the range of DOUBLE');
      throw refused('PIVOT without the list of its columns', 'Write PIVOT ... ON column IN (values).');
    }
    if (parsed.kind === 'long-name') throw refused('A name of so many parts');
    // DuckDB tells what is wrong, and where; EXPLAIN runs nothing.
    await this.#session.statement(SqlText.join(['EXPLAIN ', query]), this.#source, { signal: this.#signal });
    throw new ValidationError('The text is no query.', undefined, 'SYNTAX');
  }

  #visit(value: unknown, query: SqlText): void {
    const stack: unknown[] = [value];
    while (stack.length > 0) {
      const node = stack.pop();
      if (Array.isArray(node)) {
        stack.push(...node);
        continue;
      }
      if (!isNode(node)) continue;
      this.#node(node, query);
      for (const child of Object.values(node)) if (typeof child === 'object') stack.push(child);
    }
  }

  #node(node: TreeNode, query: SqlText): void {
    const place =
      typeof node.query_location === 'number' ? this.#position(query, node.query_location) : undefined;
    if (isNode(node.from_table)) this.#relation(node.from_table, place);
    for (const side of [node.left, node.right, node.source]) {
      if (node.type === 'JOIN' || node.type === 'PIVOT') if (isNode(side)) this.#relation(side, place);
    }
    if (node.type === 'TABLE_FUNCTION') {
      const call = isNode(node.function) ? node.function : undefined;
      const name = String(call?.function_name ?? '').toLowerCase();
      if (!tableFunctions.has(name)) throw refused(`The table function ${name}`, undefined, place);
    } else if (node.type === 'BASE_TABLE') {
      // Names of tables have none of these; names of files and globs do.
      if (/[/\\*?:]|\.\w+$/.test(String(node.table_name ?? '')))
        throw refused('Reading files', undefined, place);
    } else if (node.type === 'SHOW_REF') throw refused('SHOW and DESCRIBE', undefined, place);
    if (node.class === 'CAST' && isNode(node.cast_type) && hasVariant(node.cast_type)) {
      throw refused('A cast to VARIANT', undefined, place);
    }
    if (node.sample !== undefined) this.#isMoving = true;
    if (node.class === 'COLUMN_REF' && Array.isArray(node.column_names)) {
      const name = String(node.column_names.at(-1));
      if (timeWords.test(name)) this.#isMoving = true;
    }
    if (typeof node.function_name === 'string') {
      const name = node.function_name;
      this.#functions.add(name.toLowerCase());
      if (refusedFunctions.test(name) || recursiveFunctions.test(name)) {
        throw refused(`The function ${name}`, undefined, place);
      }
    }
  }

  #relation({ type }: TreeNode, place: TextPosition | undefined): void {
    if (!relations.has(String(type))) throw refused(`${String(type)} in FROM`, undefined, place);
  }

  #position(query: SqlText, offset: number): TextPosition | undefined {
    const at = query.sourceOffset(offset);
    return at === undefined ? undefined : textPosition(this.#source, at);
  }
}

/** What is written without parentheses, like a column, and tells the time. */
const timeWords = /^(current_|local_?time)/i;
/** Functions of the time; DuckDB says of some that their arguments alone decide. */
const timeFunctions = /current|^now$|^today$|local_?time|^age$|transaction/i;

const changing = new WeakMap<EngineSession, Promise<ReadonlySet<string>>>();

/** Functions that may answer otherwise the next time, whatever the tables: those of time and chance, and macros. */
function changingFunctions(session: EngineSession): Promise<ReadonlySet<string>> {
  let names = changing.get(session);
  if (names === undefined) {
    names = session.duckdb
      .rows(
        `SELECT DISTINCT lower(function_name) AS name FROM duckdb_functions()
         WHERE stability IS DISTINCT FROM 'CONSISTENT' AND function_type IN ('scalar', 'macro')`,
      )
      .then(rows => new Set(rows.map(row => String(row.name))));
    changing.set(session, names);
    names.catch(() => changing.delete(session));
  }
  return names;
}

function hasVariant(type: TreeNode): boolean {
  return /"VARIANT"/i.test(JSON.stringify(type));
}

/** Whether an error says that DuckDB's locks held something off that should have been refused before. */
export function isHeldByLock(error: unknown): boolean {
  return error instanceof LakebookError && /disabled by configuration|has been locked/.test(error.message);
}
