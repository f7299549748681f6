import type { Progress } from '../engine/progress.ts';
import { didYouMean } from '../iceberg/did-you-mean.ts';
import { LakebookError, NotFoundError } from '../iceberg/errors.ts';
import { parseCell } from './cell.ts';
import { toErrorInfo } from './error-info.ts';
import type { ExecuteResult, KernelClient } from './kernel-client.ts';
import type { CodeCell, Notebook, NotebookCell } from './lakebook-file.ts';
import { toNotebookError, toNotebookOutput } from './outputs.ts';
import {
  type Parameters,
  type ParameterValue,
  parameterFromText,
  parseParametersCell,
} from './parameters.ts';
import type { CellOutput, ErrorInfo } from './protocol.ts';

/** What became of a code cell. */
export interface CellRun {
  readonly cell: CodeCell;
  /** From 1, among all cells of the notebook. */
  readonly number: number;
  readonly status: 'ok' | 'error' | 'interrupted' | 'skipped';
  readonly outputs: readonly CellOutput[];
  readonly error?: ErrorInfo;
  readonly executionCount: number | null;
  readonly elapsedMs: number;
}

export interface RunNotebookOptions {
  /** `--param name=text`, as given. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Runs the cells behind one that failed too. */
  readonly keepGoing?: boolean;
  /** Rows of each result that are handed out. */
  readonly previewRows?: number;
  /** Called for each cell in order, before it runs and after. */
  readonly onStart?: (cell: NotebookCell, number: number) => void;
  readonly onEnd?: (run: CellRun) => void;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * Runs a notebook's code cells in order on a kernel that has its lake open, and stops at the first that fails.
 * @throws LakebookError for parameters that don't fit the notebook
 */
export async function runNotebook(
  notebook: Notebook,
  kernel: KernelClient,
  options: RunNotebookOptions = {},
): Promise<CellRun[]> {
  const parameters = resolveParameters(notebook, options.parameters ?? {});
  const runs: CellRun[] = [];
  let stopped = false;
  for (const [index, cell] of notebook.cells.entries()) {
    const number = index + 1;
    options.onStart?.(cell, number);
    if (cell.kind !== 'code') continue;
    const run = stopped ? skipped(cell, number) : await runCell(cell, number, kernel, parameters, options);
    if (run.status === 'interrupted' || (run.status === 'error' && !options.keepGoing)) stopped = true;
    runs.push(run);
    options.onEnd?.(run);
  }
  return runs;
}

function skipped(cell: CodeCell, number: number): CellRun {
  return { cell, number, status: 'skipped', outputs: [], executionCount: null, elapsedMs: 0 };
}

async function runCell(
  cell: CodeCell,
  number: number,
  kernel: KernelClient,
  parameters: Parameters,
  options: RunNotebookOptions,
): Promise<CellRun> {
  const tags = Array.isArray(cell.metadata.tags) ? cell.metadata.tags.map(String) : undefined;
  let result: ExecuteResult;
  const start = performance.now();
  try {
    result = await kernel.execute(
      {
        cellId: cell.id,
        source: cell.source,
        language: cell.language,
        tags,
        parameters,
        previewRows: options.previewRows,
      },
      { onProgress: options.onProgress },
    );
  } catch (error) {
    const elapsedMs = performance.now() - start;
    return {
      cell,
      number,
      status: 'error',
      outputs: [],
      error: toErrorInfo(error),
      executionCount: null,
      elapsedMs,
    };
  }
  return { cell, number, ...result };
}

/** The notebook with what its cells answered, and nothing of what they answered before. */
export function withOutputs(notebook: Notebook, runs: readonly CellRun[]): Notebook {
  const byCell = new Map(runs.map(run => [run.cell, run]));
  return {
    ...notebook,
    cells: notebook.cells.map(cell => {
      if (cell.kind !== 'code') return cell;
      const run = byCell.get(cell);
      if (run === undefined) return cell;
      const outputs = run.outputs.map(output => toNotebookOutput(output, run.executionCount ?? 0));
      if (run.error !== undefined) outputs.push(toNotebookError(run.error, cell.source));
      return { ...cell, outputs, executionCount: run.executionCount };
    }),
  };
}

/** The given parameters with the types that the notebook gives them. @throws NotFoundError for one it doesn't use */
function resolveParameters(notebook: Notebook, given: Readonly<Record<string, string>>): Parameters {
  if (Object.keys(given).length === 0) return {};
  const declared = declaredParameters(notebook);
  const resolved: Record<string, ParameterValue> = {};
  for (const [name, text] of Object.entries(given)) {
    if (!(name in declared) && !isUsed(notebook, name)) {
      const names = Object.keys(declared);
      const close = didYouMean(name, names);
      throw new NotFoundError('parameter', `The notebook has no parameter ${name}.`, {
        hint:
          close !== undefined
            ? `Did you mean ${close}?`
            : names.length > 0
              ? `Its parameters are ${names.join(', ')}.`
              : 'It has no parameters cell (a cell that begins with `-- parameters`).',
      });
    }
    resolved[name] = parameterFromText(name, text, declared[name]);
  }
  return resolved;
}

function declaredParameters(notebook: Notebook): Record<string, ParameterValue> {
  const declared: Record<string, ParameterValue> = {};
  for (const cell of notebook.cells) {
    if (cell.kind !== 'code') continue;
    try {
      if (parseCell(cell.source, cell.language, cell.metadata).isParameters) {
        Object.assign(declared, parseParametersCell(cell.source));
      }
    } catch (error) {
      // The cell tells its error when it runs.
      if (!(error instanceof LakebookError)) throw error;
    }
  }
  return declared;
}

function isUsed(notebook: Notebook, name: string): boolean {
  const use = new RegExp(`\\$(${name}\\b|\\{${name}\\})`);
  return notebook.cells.some(cell => cell.kind === 'code' && use.test(cell.source));
}
