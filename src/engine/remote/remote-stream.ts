import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { ChunkStream, ColumnDescription } from '../duckdb.ts';
import { arrowChunks } from './arrow-chunks.ts';
import type { RemoteRows } from './remote-engine.ts';

/** A remote engine's rows as a stream of DuckDB's chunks, so that they become a result like any other. */
export class RemoteStream implements ChunkStream {
  readonly columns: readonly ColumnDescription[];
  readonly isQuery: boolean;
  readonly #chunks: AsyncGenerator<DuckDBDataChunk, void>;
  readonly #stop: AbortController;
  #open = true;

  /** `stop` is aborted when nobody wants more rows; its signal is one that the statement was started with. */
  constructor(rows: RemoteRows, stop: AbortController) {
    this.columns = rows.columns;
    this.isQuery = rows.isQuery;
    this.#chunks = chunksOf(rows);
    this.#stop = stop;
  }

  async next(): Promise<DuckDBDataChunk | undefined> {
    if (!this.#open) return undefined;
    try {
      const { done, value } = await this.#chunks.next();
      if (!done) return value;
      this.#open = false;
      return undefined;
    } catch (error) {
      // A fetch that closing the stream has broken off is no error.
      if (!this.#open) return undefined;
      throw error;
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stop.abort();
    // Whoever closes a stream isn't interested in how the statement's end on the server goes.
    void this.#chunks.return().catch(() => undefined);
  }
}

async function* chunksOf({ columns, batches }: RemoteRows): AsyncGenerator<DuckDBDataChunk, void> {
  for await (const batch of batches) yield* arrowChunks(columns, batch);
}
