import { RESULT_MIME } from '../../../renderers/messages.ts';
import { toNotebookError, toNotebookOutput } from '../../notebook/outputs.ts';
import type { CellOutput, ErrorInfo } from '../../notebook/protocol.ts';
import { errorText } from '../../notebook/render/error.ts';
import { errorItem, type OutputFacts, type PlainOutput, savedOutput, streamItem } from './convert.ts';

/** What a run's output looks like in the editor: the grid, with the saved preview's HTML and text beside it. */
export function runOutput(output: CellOutput, executionCount: number): PlainOutput {
  const nbformat = toNotebookOutput(output, executionCount);
  switch (output.kind) {
    case 'result': {
      const { resultId, rowCount: rows, complete, truncated, elapsedMs, scan, page } = output;
      const facts: OutputFacts = {
        resultId,
        rows,
        complete,
        truncated,
        elapsedMs,
        ...(scan === undefined ? {} : { scan }),
      };
      const { items } = savedOutput(nbformat);
      return { items: [{ mime: RESULT_MIME, data: page }, ...items], metadata: { nbformat, facts } };
    }
    case 'text':
      return {
        items: [streamItem('stdout', `${output.text}\n`)],
        metadata: { nbformat, facts: { elapsedMs: output.elapsedMs } },
      };
    case 'warning':
      return { items: [streamItem('stderr', `${output.text}\n`)], metadata: { nbformat } };
  }
}

/** A cell's error with the line it is in. */
export function runError(error: ErrorInfo, source: string): PlainOutput {
  return {
    items: [errorItem(error.name, error.message, errorText(error, source))],
    metadata: { nbformat: toNotebookError(error, source) },
  };
}
