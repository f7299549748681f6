import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DuckDBValue } from '@duckdb/node-api';
import type { Namespace } from '../catalog/catalog.ts';
import { defaultHintBytes } from '../catalog/engines-config.ts';
import type { Lake } from '../catalog/open-lake.ts';
import { LakebookError, ValidationError } from '../iceberg/errors.ts';
import { DuckDbNames } from './bind/duckdb-names.ts';
import type { LakeView } from './bind/views.ts';
import { executeStatements } from './dispatch.ts';
import { type Confinement, DuckDb, type RunOptions } from './duckdb.ts';
import { relocate } from './errors.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { Engines } from './remote/engines.ts';
import { executeRemotely } from './remote/run-remote.ts';
import { ResultSet } from './result-set.ts';
import { ResultStore } from './result-store.ts';
import type { SqlText } from './sql/sql-text.ts';
import type { ExecuteOptions, StatementOutcome, StatementResult } from './statement-result.ts';

export interface SessionOptions {
  readonly lake: Lake;
  /** DuckDB's buffer memory, e.g. `2GB`; absent: 80 % of the machine's. */
  readonly memoryLimit?: string;
  /** Worker threads; absent: one for each core. */
  readonly threads?: number;
  /** Folder for what doesn't fit into memory; absent: a fresh one that goes away with the session. */
  readonly tempDirectory?: string;
  /** How much that folder may hold, e.g. `10GB`. */
  readonly tempLimit?: string;
  /** Where relative file names in SQL start; absent: the process's working directory. */
  readonly workingDirectory?: string;
  /**
   * Whoever uses the session runs queries alone: none of its statements makes tables or views, or begins a
   * transaction. What that would change needn't be looked up for each of them then.
   */
  readonly queriesOnly?: boolean;
  /** Holds the session to some folders, for SQL of people who may see the lake alone. */
  readonly confinement?: Confinement;
}

/**
 * A SQL session on a lake: lake tables are bound into DuckDB's SQL, changes of lake tables run as Iceberg
 * transactions, everything else is DuckDB's own. Statements run one after the other.
 */
export class EngineSession {
  readonly lake: Lake;
  readonly duckdb: DuckDb;
  readonly results: ResultStore;
  /** Engines on other machines, and which one a person has chosen. */
  readonly engines: Engines;
  readonly workingDirectory: string;
  /** Where unqualified table names are looked for; `USE` changes it. */
  namespace: Namespace;
  /** Temporary views over lake tables, by their names in lower case. */
  readonly views = new Map<string, LakeView>();
  readonly #ownTempDirectory: string | undefined;
  readonly #queriesOnly: boolean;
  #duckDbNames: Promise<DuckDbNames> | undefined;
  readonly #named = new Map<string, ResultSet>();
  /** Names for which there is, or was, a view. */
  readonly #namedViews = new Set<string>();
  readonly #active = new Set<AbortController>();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    options: SessionOptions,
    duckdb: DuckDb,
    results: ResultStore,
    ownTempDirectory: string | undefined,
  ) {
    this.lake = options.lake;
    this.duckdb = duckdb;
    this.results = results;
    this.engines = new Engines(options.lake.engines ?? { hintBytes: defaultHintBytes });
    this.workingDirectory = path.resolve(options.workingDirectory ?? process.cwd());
    this.namespace = options.lake.defaultNamespace;
    this.#queriesOnly = options.queriesOnly === true;
    this.#ownTempDirectory = ownTempDirectory;
  }

  static async open(options: SessionOptions): Promise<EngineSession> {
    const { tempDirectory, memoryLimit, threads, tempLimit } = options;
    const own = tempDirectory === undefined ? await mkdtemp(path.join(tmpdir(), 'lakebook-')) : undefined;
    const duckdb = await DuckDb.open({
      memoryLimit,
      threads,
      tempDirectory: tempDirectory ?? own!,
      tempLimit,
      queriesOnly: options.queriesOnly,
    });
    const results = await ResultStore.open(duckdb);
    const session = new EngineSession(options, duckdb, results, own);
    await duckdb.run(`SET file_search_path = ${quoteString(session.workingDirectory)}`);
    if (options.confinement !== undefined) await duckdb.confine(options.confinement);
    return session;
  }

  /**
   * Runs every statement of a text in order and stops at the first that fails. Error positions are places in `sql`.
   * A query's result is handed out with its first rows; the others are fetched in the background.
   * @throws LakebookError; InterruptedError when `signal` or `interrupt()` stops it
   */
  async execute(sql: string, options: ExecuteOptions = {}): Promise<StatementResult[]> {
    const controller = new AbortController();
    this.#active.add(controller);
    const signal =
      options.signal === undefined ? controller.signal : AbortSignal.any([controller.signal, options.signal]);
    // Data files that are cached locally must stay until the last row was read from them.
    const endLease = this.lake.storage.lease?.();
    const done = () => {
      this.#active.delete(controller);
      endLease?.();
    };
    const { engine = 'duckdb' } = options;
    const run = this.#last.then(() =>
      engine === 'duckdb'
        ? executeStatements(this, sql, { ...options, signal })
        : executeRemotely(this, engine, sql, { ...options, signal }),
    );
    this.#last = run.catch(() => undefined);
    try {
      const outcomes = await run;
      void whenFilled(outcomes).then(done);
      return outcomes;
    } catch (error) {
      done();
      throw error;
    }
  }

  /** Stops what runs now, at once: statements end in InterruptedError, results that are still filling are cut off. */
  interrupt(): void {
    for (const controller of this.#active) controller.abort();
  }

  /** The tables and views of DuckDB's own, as they are now. */
  duckDbNames(): Promise<DuckDbNames> {
    if (!this.#queriesOnly) return DuckDbNames.load(this.duckdb);
    if (this.#duckDbNames === undefined) {
      this.#duckDbNames = DuckDbNames.load(this.duckdb);
      // A look that was interrupted is taken again.
      this.#duckDbNames.catch(() => {
        this.#duckDbNames = undefined;
      });
    }
    return this.#duckDbNames;
  }

  /** Makes a result usable as a table in later statements, under this name. */
  nameResult(name: string, result: ResultSet): void {
    this.#named.set(name.toLowerCase(), result);
  }

  /**
   * Runs a query in DuckDB as it is and hands out its rows. Positions of its errors are told in `source`, the text
   * that a person wrote.
   */
  async query(sql: SqlText, source: string, options: ExecuteOptions): Promise<ResultSet> {
    return inSource(sql, source, async () => {
      const stream = await this.duckdb.stream(sql.text, runOptions(sql.text, options));
      return ResultSet.open(stream, this.results, options.maxRows);
    });
  }

  /** Runs a statement of DuckDB's own as it is. */
  async statement(sql: SqlText, source: string, options: ExecuteOptions): Promise<StatementOutcome> {
    return inSource(sql, source, async () => {
      const stream = await this.duckdb.complete(sql.text, runOptions(sql.text, options));
      const result = await ResultSet.open(stream, this.results, options.maxRows);
      if (stream.isQuery) return { kind: 'rows', result };
      await result.close();
      return { kind: 'done', text: 'Done.' };
    });
  }

  async close(): Promise<void> {
    this.interrupt();
    await this.#last;
    await this.results.close();
    await this.engines.close();
    await this.duckdb.close();
    if (this.#ownTempDirectory !== undefined)
      await rm(this.#ownTempDirectory, { recursive: true, force: true });
  }

  /** Makes a view for every named result that a statement may read. */
  async bindNamedResults(sql: string): Promise<void> {
    for (const [name, result] of this.#named) {
      const view = quoteIdentifier(name);
      if (result.closed) {
        // Also what nobody asks for again: every run of a cell names its result anew.
        this.#named.delete(name);
        if (this.#namedViews.delete(name)) await this.duckdb.run(`DROP VIEW IF EXISTS temp.${view}`);
        continue;
      }
      if (!new RegExp(`(?<![\\w"$.])"?${escapeRegExp(name)}"?(?![\\w$])`, 'i').test(sql)) continue;
      this.#namedViews.add(name);
      const relation = await result.relation();
      await this.duckdb.run(`CREATE OR REPLACE TEMP VIEW ${view} AS SELECT * FROM ${relation}`);
    }
  }
}

/** An execution goes on, and can be interrupted, until its results have all their rows. */
async function whenFilled(outcomes: readonly StatementResult[]): Promise<void> {
  await Promise.allSettled(
    outcomes.flatMap(outcome => (outcome.kind === 'rows' ? [outcome.result.finished()] : [])),
  );
}

/** Does work that runs `sql`; positions of its errors are told in `source`, the text that a person wrote. */
export async function inSource<T>(sql: SqlText, source: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof LakebookError
      ? relocate(error, source, offset => sql.sourceOffset(offset))
      : error;
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function runOptions(sql: string, options: ExecuteOptions): RunOptions {
  const { signal, onProgress } = options;
  const parameters = usedParameters(sql, options.parameters ?? {});
  return { signal, onProgress, ...(parameters === undefined ? {} : { parameters }) };
}

/** The parameters that a statement names; DuckDB refuses others. */
export function usedParameters(
  sql: string,
  parameters: Readonly<Record<string, unknown>>,
): Record<string, DuckDBValue> | undefined {
  const used = Object.entries(parameters).filter(([name]) =>
    new RegExp(`\\$${escapeRegExp(name)}(?![\\w$])`, 'i').test(sql),
  );
  if (used.length === 0) return undefined;
  return Object.fromEntries(used.map(([name, value]) => [name, parameterValue(name, value)]));
}

function parameterValue(name: string, value: unknown): DuckDBValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  throw new ValidationError(`The parameter ${name} is neither a text, a number nor true or false.`);
}
