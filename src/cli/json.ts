import type { CellOutput, ErrorInfo } from '../notebook/protocol.ts';
import type { CellRun } from '../notebook/run.ts';

/** A cell of `lakebook run --format json`. */
export function jsonCell(run: CellRun): object {
  return { source: run.cell.source, status: run.status, outputs: jsonOutputs(run.outputs, run.error) };
}

/** Outputs as `run`, `sql` and `lake` print them: rows with exact values, texts, and the error at the end. */
export function jsonOutputs(outputs: readonly CellOutput[], error: ErrorInfo | undefined): object[] {
  return [...outputs.map(jsonOutput), ...(error === undefined ? [] : [{ error: jsonError(error) }])];
}

export function jsonOutput(output: CellOutput): object {
  if (output.kind !== 'result') return { text: output.text };
  const { columns, preview, rowCount, text } = output;
  return { columns, rows: preview, rowCount, ...(text === undefined ? {} : { text }) };
}

export function jsonError(error: ErrorInfo): object {
  const { name, message, code, hint, position, file } = error;
  return { name, message, code, hint, file, line: position?.line, column: position?.column };
}
