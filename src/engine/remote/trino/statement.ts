import type { RecordBatch } from 'apache-arrow';
import { InterruptedError } from '../../../iceberg/errors.ts';
import type { RemoteOutcome, RemoteQueryOptions, RemoteRows } from '../remote-engine.ts';
import type { TrinoConnection } from './connection.ts';
import { statementError } from './errors.ts';
import { JsonReader } from './json-reader.ts';
import { type PageData, type QueryResults, readQueryResults } from './protocol.ts';
import { RowDecoder } from './row-decoder.ts';
import { segmentTexts } from './segments.ts';
import type { TrinoSession } from './session.ts';
import { statementProgress } from './statement-progress.ts';

/** How long the end of a statement on the server is waited for, in milliseconds. */
const cancelPatienceMs = 10_000;

export interface StatementContext {
  readonly connection: TrinoConnection;
  readonly session: TrinoSession;
  readonly sql: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly options: RemoteQueryOptions;
}

/** A statement that runs on a coordinator. One answer is fetched while the one before it is read. */
export class TrinoStatement implements RemoteRows {
  readonly #context: StatementContext;
  readonly #signal: AbortSignal | undefined;
  #decoder: RowDecoder | undefined;
  /** The address of the answer that isn't here yet; whoever deletes it ends the statement. */
  #nextUri: string | undefined;
  /** The answer that has come last and isn't read yet. */
  #current: QueryResults;
  #next: Promise<QueryResults> | undefined;
  #operation: string | undefined;
  #rowsChanged: number | undefined;
  #used: RemoteOutcome['used'];
  readonly #warnings = new Set<string>();
  #begun = false;
  #cancelling: Promise<void> | undefined;

  private constructor(context: StatementContext, first: QueryResults) {
    this.#context = context;
    this.#signal = context.options.signal;
    this.#current = first;
    // Whoever stops it needn't be reading it.
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = () => {
    void this.#cancel();
  };

  /** Sends a statement and waits for its columns, or its end. @throws what `RemoteEngine.query` throws */
  static async start(context: StatementContext): Promise<TrinoStatement> {
    const { connection, sql, headers, options } = context;
    const response = await connection.send({
      method: 'POST',
      url: connection.url('/v1/statement'),
      headers: {
        ...headers,
        'Content-Type': 'text/plain; charset=utf-8',
      },
      body: sql,
      signal: options.signal,
    });
    const statement = new TrinoStatement(context, readQueryResults(response.bytes));
    await statement.#untilFailure(async () => {
      statement.#take(statement.#current, response.headers);
      while (statement.#decoder === undefined && statement.#nextUri !== undefined) {
        statement.#current = await statement.#fetch();
      }
    });
    return statement;
  }

  get columns(): RemoteRows['columns'] {
    return this.#isCount ? [] : (this.#decoder?.columns ?? []);
  }

  get isQuery(): boolean {
    return this.columns.length > 0;
  }

  /** Whether the only row is how many rows were changed, which the outcome tells too. */
  get #isCount(): boolean {
    const columns = this.#decoder?.columns;
    return this.#operation !== undefined && columns?.length === 1 && columns[0]!.name === 'rows';
  }

  get batches(): AsyncIterable<RecordBatch> {
    return { [Symbol.asyncIterator]: () => this.#read() };
  }

  outcome(): RemoteOutcome {
    return {
      ...(this.#operation === undefined ? {} : { operation: this.#operation }),
      ...(this.#rowsChanged === undefined ? {} : { rowsChanged: this.#rowsChanged }),
      ...(this.#used === undefined ? {} : { used: this.#used }),
      warnings: [...this.#warnings],
    };
  }

  async *#read(): AsyncGenerator<RecordBatch, void> {
    if (this.#begun) throw new Error('The rows of a statement are read once.');
    this.#begun = true;
    try {
      for (;;) {
        const { data } = this.#current;
        if (this.#nextUri !== undefined) this.#prefetch();
        if (data !== undefined) yield* this.#decode(data);
        if (this.#next === undefined) return;
        this.#current = await this.#next;
        this.#next = undefined;
      }
    } catch (error) {
      throw this.#signal?.aborted ? new InterruptedError() : error;
    } finally {
      await this.#cancel();
    }
  }

  async *#decode(data: PageData): AsyncGenerator<RecordBatch, void> {
    const decoder = this.#decoder!;
    const wanted = !this.#isCount;
    if (data.kind === 'inline') {
      const batch = decoder.read(data.reader);
      if (batch !== undefined && wanted) yield batch;
      return;
    }
    for await (const text of segmentTexts(
      this.#context.connection,
      data.encoding,
      data.segments,
      this.#signal,
    )) {
      const batch = decoder.read(new JsonReader(text));
      if (batch !== undefined && wanted) yield batch;
    }
  }

  #prefetch(): void {
    this.#next = this.#fetch();
    // Told to whoever waits for it.
    this.#next.catch(() => undefined);
  }

  async #fetch(): Promise<QueryResults> {
    const { connection, headers } = this.#context;
    const response = await connection.send({
      method: 'GET',
      url: this.#nextUri!,
      headers,
      signal: this.#signal,
    });
    const results = readQueryResults(response.bytes);
    this.#take(results, response.headers);
    return results;
  }

  /** Takes over what an answer tells beside its rows. @throws the statement's error */
  #take(results: QueryResults, headers: Headers): void {
    const { session, sql, options } = this.#context;
    this.#used = session.update(headers) ?? this.#used;
    this.#nextUri = results.nextUri;
    if (this.#nextUri === undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    for (const { message } of results.warnings ?? []) this.#warnings.add(message);
    if (results.stats !== undefined) options.onProgress?.(statementProgress(results.stats));
    if (results.error !== undefined) throw statementError(results.error, sql);
    this.#operation = results.updateType ?? this.#operation;
    this.#rowsChanged = results.updateCount ?? this.#rowsChanged;
    if (results.columns !== undefined) this.#decoder ??= new RowDecoder(results.columns);
  }

  async #untilFailure(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.#cancel();
      throw this.#signal?.aborted ? new InterruptedError() : error;
    }
  }

  /** Ends the statement on the server unless it has ended, once. */
  #cancel(): Promise<void> {
    this.#cancelling ??= this.#delete();
    return this.#cancelling;
  }

  async #delete(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    // An answer under way may name a later address; the server takes an earlier one as well.
    const uri = this.#nextUri;
    if (uri === undefined) return;
    const { connection, headers } = this.#context;
    try {
      await connection.send({
        method: 'DELETE',
        url: uri,
        headers,
        signal: AbortSignal.timeout(cancelPatienceMs),
      });
    } catch {
      // A server that can't be told ends a statement that nobody asks about by itself.
    }
  }
}
