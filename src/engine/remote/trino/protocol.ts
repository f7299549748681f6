import { LakebookError } from '../../../iceberg/errors.ts';
import { JsonReader, openBrace, openBracket } from './json-reader.ts';
import type { ProtocolColumn } from './row-decoder.ts';

/*
 * What a coordinator answers (https://trino.io/docs/current/develop/client-protocol.html): a JSON object for each
 * request, until one has no `nextUri`.
 */

export interface QueryResults {
  readonly id: string;
  /** Where the next answer is; absent in the last one. */
  readonly nextUri?: string;
  readonly columns?: readonly ProtocolColumn[];
  readonly stats?: StatementStats;
  readonly error?: QueryError;
  readonly warnings?: readonly { readonly message: string }[];
  /** What a statement other than a query does: `INSERT`, `CREATE TABLE`, ... */
  readonly updateType?: string;
  readonly updateCount?: number;
  /** Where rows are, if there are some. */
  readonly data?: PageData;
}

/** Rows: in the answer itself, or in segments that are fetched (the spooling protocol). */
export type PageData =
  | { readonly kind: 'inline'; readonly reader: JsonReader }
  | { readonly kind: 'segments'; readonly encoding: string; readonly segments: readonly Segment[] };

export type Segment =
  | { readonly type: 'inline'; readonly data: string; readonly metadata?: SegmentMetadata }
  | {
      readonly type: 'spooled';
      readonly uri: string;
      readonly ackUri?: string;
      readonly headers?: Readonly<Record<string, readonly string[]>>;
      readonly metadata?: SegmentMetadata;
    };

export interface SegmentMetadata {
  readonly rowsCount?: number;
  readonly segmentSize?: number;
  readonly uncompressedSize?: number;
}

export interface StatementStats {
  readonly state: string;
  readonly queued?: boolean;
  readonly totalSplits?: number;
  readonly completedSplits?: number;
  readonly processedRows?: number;
  readonly processedBytes?: number;
  readonly physicalInputBytes?: number;
  readonly progressPercentage?: number;
  readonly rootStage?: StageStats;
}

export interface StageStats {
  readonly stageId?: string;
  readonly state: string;
  readonly done?: boolean;
  readonly subStages?: readonly StageStats[];
}

export interface QueryError {
  readonly message: string;
  readonly errorCode?: number;
  readonly errorName: string;
  readonly errorType?: string;
  readonly errorLocation?: { readonly lineNumber: number; readonly columnNumber: number };
  readonly failureInfo?: {
    readonly errorLocation?: { readonly lineNumber: number; readonly columnNumber: number };
  };
}

/** Members that nothing here needs, some of them long. */
const unread = new Set(['infoUri', 'partialCancelUri']);

/** Reads an answer; rows in it stay bytes. @throws LakebookError for what is no answer of a coordinator */
export function readQueryResults(bytes: Uint8Array): QueryResults {
  const reader = new JsonReader(bytes);
  const results: Record<string, unknown> = {};
  if (reader.peek() !== openBrace) throw reader.fault();
  if (reader.enter(openBrace)) {
    do {
      const name = reader.name();
      if (reader.skipNull()) continue;
      if (name === 'data') results.data = readData(reader);
      else if (unread.has(name)) reader.skip();
      else results[name] = reader.value();
    } while (reader.more());
  }
  if (typeof results.id !== 'string') {
    throw new LakebookError('ENGINE_RESPONSE', 'The server answered with JSON that is no answer of Trino.', {
      hint: 'Check that the address is that of a Trino coordinator.',
    });
  }
  return results as unknown as QueryResults;
}

function readData(reader: JsonReader): PageData {
  if (reader.peek() === openBracket) {
    const start = reader.skip();
    return { kind: 'inline', reader: new JsonReader(reader.bytes.subarray(start, reader.position)) };
  }
  const { encoding, segments } = reader.value() as { encoding: string; segments: Segment[] };
  return { kind: 'segments', encoding, segments };
}
