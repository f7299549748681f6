import { availableParallelism, totalmem } from 'node:os';

/** What the gateway gives at most. Every limit ends a request with a problem document, never the server. */
export interface GatewayLimits {
  /** Queries that run at the same time; each has an engine of its own. */
  readonly queries: number;
  /** Changes of tables (ingests, upserts, ...) that run at the same time. */
  readonly changes: number;
  /** Requests that may wait for either. */
  readonly waiting: number;
  /** Uploads that are received at the same time. */
  readonly uploads: number;
  /** Memory of all engines together, in bytes; shared out evenly. */
  readonly memoryBytes: number;
  /** Temporary files of each engine, in bytes. */
  readonly tempBytes: number;
  /** Rows of one answer in JSON, which is made in memory. */
  readonly jsonRows: number;
  /** Rows of one streamed answer, and of one result that is read page by page. */
  readonly rows: number;
  /** Milliseconds that a query or change may take unless its request asks for less. */
  readonly timeoutMs: number;
  /** Bytes of a request's body, except uploads. */
  readonly bodyBytes: number;
  /** Bytes of an upload, unpacked. */
  readonly uploadBytes: number;
  /** Columns of an upload. */
  readonly uploadColumns: number;
  /** Milliseconds in which a body that isn't an upload must be there, and in which an upload must go on. */
  readonly idleMs: number;
  /** UTF-16 units of a SQL text. */
  readonly sqlLength: number;
  /** Results that are kept for reading page by page. */
  readonly cursors: number;
  /** Milliseconds that such a result is kept after it was last read. */
  readonly cursorMs: number;
  /** Answers that are kept for queries that are asked again, in UTF-16 units. */
  readonly cacheSize: number;
  /** Clients that follow /events. */
  readonly followers: number;
}

export function defaultLimits(): GatewayLimits {
  const cores = availableParallelism();
  return {
    // Twice the cores: a query waits for files and for the event loop too.
    queries: Math.min(Math.max(cores * 2, 4), 16),
    changes: Math.min(Math.max(cores, 4), 16),
    waiting: 512,
    uploads: 64,
    memoryBytes: Math.floor(totalmem() * 0.5),
    tempBytes: 20 * 2 ** 30,
    jsonRows: 10_000,
    rows: 10_000_000,
    timeoutMs: 60_000,
    bodyBytes: 2 ** 20,
    uploadBytes: 50 * 2 ** 30,
    uploadColumns: 5_000,
    idleMs: 30_000,
    sqlLength: 100_000,
    cursors: 64,
    cursorMs: 300_000,
    cacheSize: 64 * 2 ** 20,
    followers: 256,
  };
}
