import type { RecordBatch } from 'apache-arrow';
import { LakebookError } from '../../../iceberg/errors.ts';
import type { RemoteColumn, RemoteQueryOptions } from '../remote-engine.ts';
import { type SparkColumns, sparkColumns } from './columns.ts';
import { Execution } from './execution.ts';
import { identifierParts, sparkIdentifier } from './literal.ts';
import type { Relation } from './proto/spark_connect_pb.ts';
import { arrowBatches, progressOf, readArrow } from './rows.ts';
import { RpcError } from './rpc.ts';
import type { SparkSession } from './session.ts';

/** What a statement answers, before its errors are put into words. */
export interface Rows {
  readonly columns: readonly RemoteColumn[];
  readonly batches: AsyncIterable<RecordBatch>;
}

/** A session on the server, with what has been chosen in it. */
export class OpenSession {
  readonly session: SparkSession;
  readonly #catalog: string;
  readonly #running = new Set<Execution>();
  readonly #keepAlive: NodeJS.Timeout;
  /** Catalog and namespace that unqualified names belong to; undefined when it isn't known. */
  #used: readonly string[] | undefined;

  constructor(session: SparkSession, catalog: string, keepAliveMs: number) {
    this.session = session;
    this.#catalog = catalog;
    this.#keepAlive = setInterval(() => {
      // Whether it's still there is told with the next statement.
      void session.version().catch(() => undefined);
    }, keepAliveMs).unref();
  }

  /** Makes the lake's catalog and a namespace in it those of unqualified names. */
  async use(namespace: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const names = [this.#catalog, ...namespace];
    if (this.#used !== undefined && isSame(this.#used, names)) return;
    this.#used = undefined;
    const setCatalog = `SET CATALOG ${sparkIdentifier(this.#catalog)}`;
    try {
      await this.values(
        namespace.length === 0 ? setCatalog : `USE ${names.map(sparkIdentifier).join('.')}`,
        signal,
      );
      this.#used = names;
    } catch (error) {
      const errorClass = error instanceof RpcError ? error.errorClass : undefined;
      if (errorClass === 'CATALOG_NOT_FOUND') throw this.#noCatalog(error);
      // The statement may be the one that makes the namespace.
      if (errorClass !== 'SCHEMA_NOT_FOUND' || namespace.length === 0) throw error;
      await this.use([], signal);
      this.#used = undefined;
    }
  }

  async run(sql: string, { signal, onProgress }: RemoteQueryOptions): Promise<Rows> {
    const relation = await this.#command(sql, signal, onProgress);
    // A statement that Spark runs at once answers its rows with it, if it has some; a query is only analysed so far.
    if (relation?.relType.case === 'localRelation') {
      const { data } = relation.relType.value;
      return localRows(data === undefined ? [] : readArrow(data));
    }
    if (relation === undefined) return localRows([]);
    const execution = this.#start({ opType: { case: 'root', value: relation } }, signal);
    const batches = arrowBatches(this.#responses(execution), onProgress);
    const first = await batches.next();
    if (first.done === true)
      throw new LakebookError('ENGINE_FAILURE', 'Spark answered a query without columns.');
    const converter = sparkColumns(first.value.schema);
    return { columns: converter.columns, batches: convertAll(converter, first.value, batches) };
  }

  /** The rows of a statement whose answer is known to be small. */
  async values(sql: string, signal?: AbortSignal): Promise<unknown[][]> {
    const { columns, batches } = await this.run(sql, { signal });
    const rows: unknown[][] = [];
    for await (const batch of batches) {
      for (let row = 0; row < batch.numRows; row++) {
        rows.push(columns.map((_, column) => batch.getChildAt(column)?.get(row)));
      }
    }
    return rows;
  }

  /** Catalog and namespace after a statement that chose some. */
  async current(): Promise<{ readonly catalog: string; readonly namespace: readonly string[] }> {
    this.#used = undefined;
    const [row] = await this.values('SHOW CURRENT NAMESPACE');
    const catalog = String(row?.[0] ?? this.#catalog);
    const namespace = identifierParts(String(row?.[1] ?? ''));
    this.#used = [catalog, ...namespace];
    return { catalog, namespace };
  }

  async close(): Promise<void> {
    clearInterval(this.#keepAlive);
    for (const execution of this.#running) execution.stop();
    await this.session.close();
  }

  abandon(): void {
    clearInterval(this.#keepAlive);
    this.session.abandon();
  }

  /** Runs a statement as a command. @returns the relation that holds its answer, or that is the query to run */
  async #command(
    sql: string,
    signal: AbortSignal | undefined,
    onProgress: RemoteQueryOptions['onProgress'],
  ): Promise<Relation | undefined> {
    const execution = this.#start(
      {
        opType: {
          case: 'command',
          value: {
            commandType: {
              case: 'sqlCommand',
              value: { input: { relType: { case: 'sql', value: { query: sql } } } },
            },
          },
        },
      },
      signal,
    );
    let relation: Relation | undefined;
    for await (const { responseType } of this.#responses(execution)) {
      if (responseType.case === 'sqlCommandResult') relation = responseType.value.relation;
      else if (responseType.case === 'executionProgress') onProgress?.(progressOf(responseType.value));
    }
    return relation;
  }

  #start(plan: ConstructorParameters<typeof Execution>[1], signal: AbortSignal | undefined): Execution {
    const execution = new Execution(this.session, plan, signal);
    this.#running.add(execution);
    return execution;
  }

  async *#responses(execution: Execution) {
    try {
      yield* execution.responses();
    } finally {
      this.#running.delete(execution);
    }
  }

  #noCatalog(cause: unknown): LakebookError {
    return new LakebookError('CATALOG_NOT_FOUND', `Spark has no catalog "${this.#catalog}".`, {
      hint:
        `Name the catalog as Spark does (SHOW CATALOGS lists those in use), or give Spark one: ` +
        `spark.sql.catalog.${this.#catalog}=org.apache.iceberg.spark.SparkCatalog.`,
      cause,
    });
  }
}

/** Rows that came with the answer of a command. */
function localRows(batches: readonly RecordBatch[]): Rows {
  const schema = batches[0]?.schema;
  // Commands that answer nothing answer a batch without columns.
  if (schema === undefined || schema.fields.length === 0) return { columns: [], batches: each([]) };
  const { columns, convert } = sparkColumns(schema);
  return { columns, batches: each(batches.map(convert)) };
}

async function* each(batches: readonly RecordBatch[]): AsyncGenerator<RecordBatch, void> {
  yield* batches;
}

async function* convertAll(
  { convert }: SparkColumns,
  first: RecordBatch,
  others: AsyncGenerator<RecordBatch, void>,
): AsyncGenerator<RecordBatch, void> {
  try {
    yield convert(first);
    for await (const batch of others) yield convert(batch);
  } finally {
    // Also when nobody wants more than the first.
    await others.return();
  }
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name, index) => name === right[index]);
}
