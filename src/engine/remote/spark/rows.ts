import { type RecordBatch, RecordBatchReader } from 'apache-arrow';
import { LakebookError } from '../../../iceberg/errors.ts';
import type { ProgressListener } from '../../progress.ts';
import { codecOption } from './compression.ts';
import type {
  ExecutePlanResponse,
  ExecutePlanResponse_ArrowBatch,
  ExecutePlanResponse_ExecutionProgress,
} from './proto/spark_connect_pb.ts';

/**
 * The record batches of an execution's responses. Each of them is an Arrow IPC stream of its own, in one or several
 * pieces. @throws LakebookError when rows are missing
 */
export async function* arrowBatches(
  responses: AsyncIterable<ExecutePlanResponse>,
  onProgress: ProgressListener | undefined,
): AsyncGenerator<RecordBatch, void> {
  const pieces: Uint8Array[] = [];
  let rows = 0n;
  for await (const { responseType } of responses) {
    if (responseType.case === 'executionProgress') onProgress?.(progressOf(responseType.value));
    if (responseType.case !== 'arrowBatch') continue;
    const piece = responseType.value;
    expectInOrder(piece, pieces.length, rows);
    pieces.push(piece.data);
    if (pieces.length < Number(piece.numChunksInBatch ?? 1n)) continue;
    let batchRows = 0;
    for (const batch of readArrow(joined(pieces.splice(0)))) {
      batchRows += batch.numRows;
      yield batch;
    }
    if (BigInt(batchRows) !== piece.rowCount)
      throw outOfOrder(`${batchRows} rows instead of ${piece.rowCount}`);
    rows += piece.rowCount;
  }
  if (pieces.length > 0) throw outOfOrder('the last batch is not complete');
}

/**
 * The batches of an Arrow IPC stream; one without rows when it has none, so that its columns are known.
 * @throws LakebookError when they can't be read
 */
export function readArrow(bytes: Uint8Array): RecordBatch[] {
  try {
    return [...RecordBatchReader.from(bytes)];
  } catch (cause) {
    throw new LakebookError('ENGINE_FAILURE', `Spark's rows can't be read: ${(cause as Error).message}.`, {
      hint: `If they are compressed, run: SET ${codecOption} = none`,
      cause,
    });
  }
}

function expectInOrder(piece: ExecutePlanResponse_ArrowBatch, index: number, rows: bigint): void {
  if ((piece.chunkIndex ?? 0n) !== BigInt(index)) {
    throw outOfOrder(`piece ${piece.chunkIndex} of a batch instead of ${index}`);
  }
  if (index === 0 && piece.startOffset !== undefined && piece.startOffset !== rows) {
    throw outOfOrder(`rows from ${piece.startOffset} instead of ${rows}`);
  }
}

function outOfOrder(what: string): LakebookError {
  return new LakebookError('ENGINE_FAILURE', `Spark's answer has gaps: ${what}.`, {
    hint: 'Run the statement again.',
  });
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const { buffer, byteOffset, byteLength } = Buffer.concat(pieces);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Stages of a job become known as it goes on, so the fraction is of the work known so far. */
export function progressOf({ stages, numInflightTasks }: ExecutePlanResponse_ExecutionProgress) {
  let tasks = 0;
  let completed = 0;
  let bytes = 0;
  let done = 0;
  for (const stage of stages) {
    tasks += Number(stage.numTasks);
    completed += Number(stage.numCompletedTasks);
    bytes += Number(stage.inputBytesRead);
    if (stage.done) done += 1;
  }
  if (tasks === 0) return { phase: 'planning' };
  const running = numInflightTasks > 0n ? `, ${numInflightTasks} running` : '';
  return {
    phase: `stage ${Math.min(done + 1, stages.length)} of ${stages.length}, ${completed} of ${tasks} tasks${running}`,
    fraction: completed / tasks,
    ...(bytes > 0 ? { bytes } : {}),
  };
}
