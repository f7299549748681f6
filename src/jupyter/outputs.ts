import { RESULT_MIME } from '../../renderers/messages.ts';
import { joinLines } from '../notebook/lakebook-file.ts';
import { toNotebookError, toNotebookOutput } from '../notebook/outputs.ts';
import type { CellOutput, ErrorInfo } from '../notebook/protocol.ts';

/** A message for the iopub channel. */
export interface OutputMessage {
  readonly type: 'stream' | 'display_data' | 'execute_result';
  readonly content: Readonly<Record<string, unknown>>;
}

/**
 * Turns a cell's outputs into messages. The kernel tells of a result when its first rows are there and once more when
 * all are; Jupyter gets it once, then. The last result is the cell's `execute_result`, those before it are
 * `display_data`.
 */
export class CellOutputs {
  readonly #executionCount: number;
  readonly #publish: (message: OutputMessage) => void;
  readonly #results = new Map<number, Extract<CellOutput, { kind: 'result' }>>();

  constructor(executionCount: number, publish: (message: OutputMessage) => void) {
    this.#executionCount = executionCount;
    this.#publish = publish;
  }

  /** Takes an output at its index in the cell's list; a later one of the same index takes its place. */
  add(output: CellOutput, index: number): void {
    if (output.kind === 'result') {
      this.#flush(index, 'display_data');
      this.#results.set(index, output);
      return;
    }
    this.#flush(Number.POSITIVE_INFINITY, 'display_data');
    const { name, text } = toNotebookOutput(output, this.#executionCount);
    this.#publish({ type: 'stream', content: { name, text: joinLines(text) } });
  }

  /** Publishes what is held back. */
  finish(): void {
    this.#flush(Number.POSITIVE_INFINITY, 'execute_result');
  }

  #flush(before: number, type: 'display_data' | 'execute_result'): void {
    for (const [index, result] of this.#results) {
      if (index >= before) continue;
      this.#results.delete(index);
      this.#publish({ type, content: this.#content(result, type) });
    }
  }

  #content(
    result: Extract<CellOutput, { kind: 'result' }>,
    type: 'display_data' | 'execute_result',
  ): OutputMessage['content'] {
    const { data } = toNotebookOutput(result, this.#executionCount) as { data?: Record<string, unknown> };
    return {
      data: {
        ...Object.fromEntries(Object.entries(data ?? {}).map(([mime, text]) => [mime, joinLines(text)])),
        [RESULT_MIME]: Buffer.from(result.page).toString('base64'),
      },
      metadata: {},
      ...(type === 'execute_result' ? { execution_count: this.#executionCount } : { transient: {} }),
    };
  }
}

/** An error's fields in the `error` message and the reply. */
export function errorContent(error: ErrorInfo, source: string) {
  const { ename, evalue, traceback } = toNotebookError(error, source);
  return { ename, evalue, traceback };
}
