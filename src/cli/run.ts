import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { NotFoundError } from '../iceberg/errors.ts';
import { type Notebook, parseNotebook, serializeNotebook } from '../notebook/lakebook-file.ts';
import { type CellRun, runNotebook, withOutputs } from '../notebook/run.ts';
import {
  choiceOption,
  lakeOptions,
  numberOption,
  parameterOptions,
  parseArguments,
  textOption,
  UsageError,
} from './arguments.ts';
import { notebookHtml } from './html-page.ts';
import { jsonCell } from './json.ts';
import { progressText, withKernel } from './kernel.ts';
import { type Output, openOutput, Status } from './output.ts';
import { cellEnd, cellStart, summaryLine } from './text.ts';

const formats = ['text', 'json', 'html', 'ipynb'] as const;
const defaultRows = { text: 40, json: 10_000, html: 200, ipynb: 100 } as const;

/** `lakebook run NOTEBOOK`: runs all cells. @returns 0 only when every cell passed */
export async function runCommand(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, {
    ...lakeOptions,
    format: { type: 'string' },
    out: { type: 'string' },
    'keep-going': { type: 'boolean' },
    'max-rows': { type: 'string' },
  });
  const [file, ...more] = parsed.positionals;
  if (file === undefined || more.length > 0) {
    throw new UsageError(
      file === undefined ? 'Which notebook?' : `One notebook at a time, not ${parsed.positionals.length}.`,
      'Usage: lakebook run NOTEBOOK [--format text|json|html|ipynb] [--out FILE] [--param name=value]...',
    );
  }
  const format = choiceOption(parsed, 'format', formats, 'text');
  const previewRows = numberOption(parsed, 'max-rows') ?? defaultRows[format];
  const parameters = parameterOptions(parsed);
  const notebook = parseNotebook(await readNotebook(file), file);
  const output = openOutput(textOption(parsed, 'out'));
  const status = new Status();
  const isText = format === 'text';
  const toTerminal = isText && textOption(parsed, 'out') === undefined && process.stdout.isTTY === true;
  const look = {
    color: toTerminal && !process.env.NO_COLOR,
    width: toTerminal ? process.stdout.columns : undefined,
  };
  try {
    const runs = await withKernel(parsed, path.dirname(path.resolve(file)), kernel =>
      runNotebook(notebook, kernel, {
        parameters,
        keepGoing: parsed.values['keep-going'] === true,
        previewRows,
        onStart: (cell, number) => {
          status.show(`cell ${number} of ${notebook.cells.length}`);
          if (!isText) return;
          status.clear();
          write(output, cellStart(cell, number, look));
        },
        onEnd: run => {
          status.clear();
          if (isText) write(output, cellEnd(run, look));
          else if (run.error !== undefined)
            process.stderr.write(`cell ${run.number}: ${run.error.message}\n`);
        },
        onProgress: progress => status.show(progressText(progress)),
      }),
    );
    status.clear();
    await output.write(isText ? summaryLine(runs) : whole(format, notebook, runs, file));
    await output.finish();
    return exitCode(runs);
  } catch (error) {
    status.clear();
    await output.discard();
    throw error;
  }
}

/** Text goes out as the cells end; order is kept by the stream. */
function write(output: Output, text: string): void {
  void output.write(text).catch(() => undefined);
}

function whole(
  format: 'json' | 'html' | 'ipynb',
  notebook: Notebook,
  runs: readonly CellRun[],
  file: string,
): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify({ cells: runs.map(jsonCell) }, undefined, 2)}\n`;
    case 'html':
      return notebookHtml(notebook, runs, path.basename(file));
    case 'ipynb':
      return serializeNotebook(withOutputs(notebook, runs));
  }
}

function exitCode(runs: readonly CellRun[]): number {
  if (runs.some(run => run.status === 'interrupted')) return 130;
  return runs.every(run => run.status === 'ok') ? 0 : 1;
}

async function readNotebook(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new NotFoundError(
      'file',
      code === 'ENOENT' ? `There is no notebook ${file}.` : `${file} can't be read: ${message}`,
      { hint: code === 'ENOENT' ? `Looked in ${process.cwd()}.` : undefined },
    );
  }
}
