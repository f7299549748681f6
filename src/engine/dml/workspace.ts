import type { DuckDBValue } from '@duckdb/node-api';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import type { Schema } from '../../iceberg/schema.ts';
import { type BoundTable, bindQuery, conditionFilter } from '../bind/index.ts';
import { textPosition } from '../errors.ts';
import { quoteIdentifier } from '../quote.ts';
import type { StatementTables } from '../resolve.ts';
import { type EngineSession, inSource } from '../session.ts';
import { type SqlText, sql } from '../sql/sql-text.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { inlineParameters } from './parameters.ts';
import { withAlias } from './qualified-names.ts';
import type { Target } from './target.ts';

let workspaces = 0;

/**
 * Runs the parts of one change in the engine. What they hand on to each other are temporary tables and views (DuckDB
 * moves them to disk when memory is short), which go away with the workspace. Positions of errors are told in the
 * text that a person wrote.
 */
export class Workspace {
  readonly session: EngineSession;
  /** The text of the statement. */
  readonly source: string;
  readonly options: ExecuteOptions;
  readonly #tables: StatementTables;
  readonly #prefix = `lakebook_change_${++workspaces}`;
  readonly #tablesMade: string[] = [];
  readonly #viewsMade: string[] = [];
  readonly #tablesRead: BoundTable[] = [];
  #target: { readonly parts: readonly string[]; readonly alias: string } | undefined;

  private constructor(
    session: EngineSession,
    source: string,
    tables: StatementTables,
    options: ExecuteOptions,
  ) {
    this.session = session;
    this.source = source;
    this.#tables = tables;
    this.options = options;
  }

  /** Does work in a workspace of its own. */
  static async within<T>(
    session: EngineSession,
    source: string,
    tables: StatementTables,
    options: ExecuteOptions,
    work: (workspace: Workspace) => Promise<T>,
  ): Promise<T> {
    const workspace = new Workspace(session, source, tables, options);
    try {
      return await work(workspace);
    } finally {
      await workspace.#clear();
    }
  }

  /** Lake tables of a query replaced by scans, parameters by their values: text that DuckDB runs as it is. */
  async bind(query: SqlText): Promise<SqlText> {
    const renamed = this.#renamed(query);
    const bound = await bindQuery(this.session, renamed, this.source, this.#tables, this.options);
    this.#tablesRead.push(...bound.tables);
    return inlineParameters(bound.sql, this.options.parameters ?? {});
  }

  /** Whether the statement reads its target otherwise than for the rows it changes: in a sub-query, or as a source. */
  hasRead({ table, snapshotId }: Target): boolean {
    const name = formatIdentifier(table.identifier);
    return this.#tablesRead.some(read => read.name === name && read.snapshotId === snapshotId);
  }

  /** What a condition on the target says in Iceberg's terms, as `conditionFilter` has it. */
  condition(condition: SqlText, alias: string, schema: Schema) {
    return conditionFilter(this.session, this.#renamed(condition), alias, schema, this.options);
  }

  /** From now on columns may be named with the whole name of the target, for which `alias` stands. */
  nameTarget(parts: readonly string[], alias: string): void {
    this.#target = { parts, alias };
  }

  #renamed(text: SqlText): SqlText {
    return this.#target === undefined ? text : withAlias(text, this.#target.parts, this.#target.alias);
  }

  /** Makes a temporary table of a bound query's rows and answers its quoted name and its number of rows. */
  async table(
    what: string,
    query: SqlText,
    phase: string,
  ): Promise<{ readonly name: string; readonly rows: number }> {
    const name = this.#name(what);
    this.#tablesMade.push(name);
    const rows = await this.#run(sql`CREATE TEMP TABLE ${name} AS ${query}`, phase);
    return { name, rows };
  }

  /** Adds a bound query's rows to a temporary table of the workspace and answers how many they were. */
  insert(table: string, query: SqlText, phase: string): Promise<number> {
    return this.#run(sql`INSERT INTO ${table} ${query}`, phase);
  }

  /** Makes a temporary view of a generated query and answers its quoted name. */
  async view(what: string, query: string): Promise<string> {
    const name = this.#name(what);
    this.#viewsMade.push(name);
    await this.session.duckdb.run(`CREATE TEMP VIEW ${name} AS ${query}`, { signal: this.options.signal });
    return name;
  }

  /** The rows of a small query on what the workspace made. */
  rows(query: string): Promise<Record<string, DuckDBValue>[]> {
    return this.session.duckdb.rows(query, { signal: this.options.signal });
  }

  /** Names and types of a bound query's columns. */
  describe(query: SqlText) {
    return inSource(query, this.source, () =>
      this.session.duckdb.describe(query.text, { signal: this.options.signal }),
    );
  }

  /** An error at the place of a part of the statement. */
  error(message: string, at: SqlText | undefined, hint?: string, code?: string): ValidationError {
    const span = at?.sourceSpan({ start: 0, end: at.length });
    const position =
      span === undefined
        ? undefined
        : textPosition(this.source, span.start, Math.max(span.end - span.start, 1));
    return new ValidationError(message, { hint, position }, code);
  }

  /** Runs a statement whose only result is the number of rows it made. */
  async #run(query: SqlText, phase: string): Promise<number> {
    const { signal, onProgress } = this.options;
    const [row] = await inSource(query, this.source, () =>
      this.session.duckdb.rows(query.text, { signal, onProgress, phase }),
    );
    return Number(row?.Count ?? 0);
  }

  #name(what: string): string {
    const count = this.#tablesMade.length + this.#viewsMade.length;
    return quoteIdentifier(`${this.#prefix}_${what}_${count}`);
  }

  async #clear(): Promise<void> {
    // Views first, they read the tables. What can't be dropped (the session is closing) goes away with the engine.
    const drops = [
      ...this.#viewsMade.map(name => `DROP VIEW IF EXISTS ${name}`),
      ...this.#tablesMade.map(name => `DROP TABLE IF EXISTS ${name}`),
    ];
    await Promise.allSettled(drops.map(drop => this.session.duckdb.run(drop)));
  }
}
