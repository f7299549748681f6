import type { NotebookOutput } from './lakebook-file.ts';
import { splitLines } from './lakebook-file.ts';
import type { CellOutput, ErrorInfo } from './protocol.ts';
import { errorText } from './render/error.ts';
import { htmlTable } from './render/html.ts';
import { countText, textTable } from './render/text-table.ts';

/** Most characters of a text that a notebook keeps. */
const maxTextLength = 100_000;

/** An output as nbformat has it, with the result's first rows as text and HTML. */
export function toNotebookOutput(output: CellOutput, executionCount: number): NotebookOutput {
  switch (output.kind) {
    case 'result': {
      const { columns, preview, rowCount, truncated } = output;
      const count = countText(preview.length, rowCount, truncated);
      const head = output.text === undefined ? '' : `${output.text}\n`;
      return {
        output_type: 'execute_result',
        execution_count: executionCount,
        data: {
          'text/html': splitLines(htmlTable(columns, preview, `${head}${count}`)),
          'text/plain': splitLines(`${head}${textTable(columns, preview)}\n${count}`),
        },
        metadata: {},
      };
    }
    case 'text':
    case 'warning':
      return {
        output_type: 'stream',
        name: output.kind === 'text' ? 'stdout' : 'stderr',
        text: splitLines(`${output.text.slice(0, maxTextLength)}\n`),
      };
  }
}

/** A cell's error as nbformat has it. */
export function toNotebookError(error: ErrorInfo, source: string): NotebookOutput {
  return {
    output_type: 'error',
    ename: error.name,
    evalue: error.message,
    traceback: errorText(error, source).split('\n'),
  };
}
