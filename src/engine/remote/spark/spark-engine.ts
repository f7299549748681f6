import type { RecordBatch } from 'apache-arrow';
import { ValidationError } from '../../../iceberg/errors.ts';
import type {
  LiteralValue,
  RemoteEngine,
  RemoteOutcome,
  RemoteQueryOptions,
  RemoteRows,
} from '../remote-engine.ts';
import { chooseCompression } from './compression.ts';
import { parseSparkConnection, type SparkConnection } from './connection.ts';
import { sparkError } from './errors.ts';
import { sparkIdentifier, sparkLiteral } from './literal.ts';
import { OpenSession } from './open-session.ts';
import { defaultRetryPolicy, type RetryPolicy } from './retry.ts';
import { RpcError } from './rpc.ts';
import { SessionLostError, SparkSession } from './session.ts';
import { operationOf } from './statement-kind.ts';

export interface SparkOptions {
  /** A connection string as Spark's clients have it: `sc://host:15002/;use_ssl=true`. */
  readonly url: string;
  /** Spark's name of the lake's catalog. */
  readonly catalog: string;
  /** Kept apart from the address, so that no file holds it; used when the address has none. */
  readonly token?: string;
  /** How broken connections are taken up again. */
  readonly retry?: RetryPolicy;
  /** How often an idle session is touched, so that Spark keeps it (it ends sessions after an hour), in milliseconds. */
  readonly keepAliveMs?: number;
}

const defaultKeepAliveMs = 20 * 60_000;

/** Spark by Spark Connect: its own SQL, run in a session that is made with the first statement. */
export class SparkEngine implements RemoteEngine {
  readonly kind = 'spark';
  readonly name: string;
  readonly catalog: string;
  readonly #connection: SparkConnection;
  readonly #retry: RetryPolicy;
  readonly #keepAliveMs: number;
  #opened: Promise<OpenSession> | undefined;
  #isClosed = false;

  /** Nothing is sent yet. @throws ValidationError for an address that can't be one */
  constructor(options: SparkOptions) {
    const connection = parseSparkConnection(options.url, {
      ...process.env,
      ...(options.token === undefined ? {} : { SPARK_CONNECT_AUTHENTICATE_TOKEN: options.token }),
    });
    this.#connection = connection;
    this.name = `Spark at sc://${connection.address}`;
    this.catalog = options.catalog;
    this.#retry = options.retry ?? defaultRetryPolicy;
    this.#keepAliveMs = options.keepAliveMs ?? defaultKeepAliveMs;
  }

  async query(sql: string, options: RemoteQueryOptions = {}): Promise<RemoteRows> {
    await this.#inSession(undefined, open => open.use(options.namespace ?? [], options.signal));
    return this.#inSession(sql, async open => {
      const rows = await open.run(sql, options);
      const operation = operationOf(sql);
      const used = operation === 'USE' ? await open.current() : undefined;
      const outcome: RemoteOutcome = {
        ...(operation === undefined ? {} : { operation }),
        ...(used === undefined ? {} : { used }),
        warnings: [],
      };
      return {
        columns: rows.columns,
        isQuery: rows.columns.length > 0,
        batches: this.#told(sql, rows.batches),
        outcome: () => outcome,
      };
    });
  }

  literal(value: LiteralValue): string {
    return sparkLiteral(value);
  }

  async check(options: { readonly signal?: AbortSignal } = {}): Promise<string> {
    const { signal } = options;
    return this.#inSession(undefined, async open => {
      const version = await open.session.version();
      await open.use([], signal);
      const catalog = sparkIdentifier(this.catalog);
      const namespaces = await open.values(`SHOW NAMESPACES IN ${catalog}`, signal);
      const count = namespaces.length === 1 ? '1 namespace' : `${namespaces.length} namespaces`;
      return `Spark ${version}, catalog ${this.catalog}, ${count}`;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const opened = this.#opened;
    this.#opened = undefined;
    // A session that could not be opened has nothing to close.
    await (await opened?.catch(() => undefined))?.close();
  }

  /**
   * Does work in the session. A session that turns out to be lost is replaced with the next statement.
   * @param sql what a person wrote, where positions of errors are places in it
   */
  async #inSession<T>(sql: string | undefined, work: (open: OpenSession) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new ValidationError(`${this.name} is closed.`);
    this.#opened ??= this.#open();
    const opened = this.#opened;
    try {
      return await work(await opened);
    } catch (error) {
      throw await this.#meaning(error, sql, opened);
    }
  }

  async #open(): Promise<OpenSession> {
    const session = new SparkSession(this.name, this.#connection, this.#retry);
    try {
      await chooseCompression(session);
      return new OpenSession(session, this.catalog, this.#keepAliveMs);
    } catch (error) {
      session.abandon();
      throw error;
    }
  }

  async *#told(sql: string, batches: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch, void> {
    const opened = this.#opened;
    try {
      yield* batches;
    } catch (error) {
      throw await this.#meaning(error, sql, opened);
    }
  }

  /** The error that a person sees. */
  async #meaning(
    error: unknown,
    sql: string | undefined,
    opened: Promise<OpenSession> | undefined,
  ): Promise<unknown> {
    const open = await opened?.catch(() => undefined);
    if (open === undefined || error instanceof SessionLostError) {
      // The next statement begins anew.
      if (this.#opened === opened) this.#opened = undefined;
      open?.abandon();
    }
    if (!(error instanceof RpcError)) return error;
    const { errorId } = error.info;
    const details = errorId === undefined ? undefined : await open?.session.errorDetails(errorId);
    return sparkError(error, this.name, sql, details);
  }
}
