import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecuteResult, KernelClient } from '../notebook/kernel-client.ts';
import type { CellLanguage } from '../notebook/lakebook-file.ts';
import { type Parameters, parameterFromText } from '../notebook/parameters.ts';
import type { CellOutput } from '../notebook/protocol.ts';
import { errorText } from '../notebook/render/error.ts';
import {
  choiceOption,
  lakeOptions,
  numberOption,
  type ParsedArguments,
  parameterOptions,
  parseArguments,
  textOption,
  UsageError,
} from './arguments.ts';
import { jsonOutputs } from './json.ts';
import { progressText, withKernel } from './kernel.ts';
import { type Output, openOutput, Status } from './output.ts';
import { outputText, paintedError } from './text.ts';

const sqlFormats = ['table', 'json', 'csv', 'parquet', 'arrow'] as const;
type Format = (typeof sqlFormats)[number];

const defaultTableRows = 100;
/** Rows asked for at once while all rows are written as JSON. */
const windowRows = 5000;

/** `lakebook sql "SELECT ..."` and `lakebook lake "ingest ..."`. @returns the exit code */
export async function statementCommand(language: CellLanguage, args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, {
    ...lakeOptions,
    format: { type: 'string' },
    out: { type: 'string' },
    file: { type: 'string', short: 'f' },
    'max-rows': { type: 'string' },
  });
  const format = choiceOption<Format>(parsed, 'format', sqlFormats, 'table');
  const out = textOption(parsed, 'out');
  const maxRows = numberOption(parsed, 'max-rows');
  if ((format === 'parquet' || format === 'arrow') && out === undefined && process.stdout.isTTY) {
    throw new UsageError(
      `${format} is no text for a terminal.`,
      'Add --out FILE, or send the output on with > or |.',
    );
  }
  const source = await statementText(language, parsed);
  const parameters: Parameters = Object.fromEntries(
    Object.entries(parameterOptions(parsed)).map(([name, text]) => [name, parameterFromText(name, text)]),
  );
  return withKernel(parsed, process.cwd(), async kernel => {
    const status = new Status();
    const result = await kernel.execute(
      {
        cellId: 'cli',
        source,
        language,
        parameters,
        previewRows: format === 'table' ? (maxRows ?? defaultTableRows) : 0,
      },
      { onProgress: progress => status.show(progressText(progress)) },
    );
    status.clear();
    const output = openOutput(out);
    try {
      await writeResult(kernel, result, format, output, { source, maxRows, out });
      await output.finish();
    } catch (error) {
      await output.discard();
      throw error;
    }
    return result.status === 'ok' ? 0 : result.status === 'interrupted' ? 130 : 1;
  });
}

interface About {
  readonly source: string;
  readonly maxRows: number | undefined;
  readonly out: string | undefined;
}

async function writeResult(
  kernel: KernelClient,
  result: ExecuteResult,
  format: Format,
  output: Output,
  about: About,
): Promise<void> {
  const { outputs, error } = result;
  if (format === 'table') {
    const toTerminal = about.out === undefined && process.stdout.isTTY === true;
    const look = {
      color: toTerminal && !process.env.NO_COLOR,
      width: toTerminal ? process.stdout.columns : undefined,
    };
    for (const each of outputs) await output.write(`${outputText(each, look)}\n`);
  } else if (format === 'json') {
    await writeJson(kernel, result, output, about.maxRows);
  } else {
    for (const each of outputs) if (each.kind !== 'result') process.stderr.write(`${each.text}\n`);
    const rows = outputs.findLast(each => each.kind === 'result');
    if (error === undefined && rows === undefined) {
      throw new UsageError(`The statement has no rows to write as ${format}.`);
    }
    if (error === undefined) await writeFile(kernel, rows!.resultId, format, output);
  }
  if (error !== undefined) {
    const color = process.stderr.isTTY === true && !process.env.NO_COLOR;
    process.stderr.write(`${paintedError(errorText(error, about.source), { color })}\n`);
  }
}

/** One statement's output, or `{"outputs": [...]}` for several. All rows, unless --max-rows says less. */
async function writeJson(
  kernel: KernelClient,
  result: ExecuteResult,
  output: Output,
  maxRows: number | undefined,
): Promise<void> {
  const { outputs, error } = result;
  const single = outputs.length + (error === undefined ? 0 : 1) === 1;
  if (!single) await output.write('{"outputs":[');
  for (const [index, each] of outputs.entries()) {
    if (index > 0) await output.write(',\n');
    if (each.kind === 'result') await writeJsonRows(kernel, each, output, maxRows);
    else await output.write(JSON.stringify({ text: each.text }));
  }
  if (error !== undefined) {
    await output.write((outputs.length > 0 ? ',\n' : '') + JSON.stringify(jsonOutputs([], error)[0]));
  }
  await output.write(single ? '\n' : ']}\n');
}

async function writeJsonRows(
  kernel: KernelClient,
  result: Extract<CellOutput, { kind: 'result' }>,
  output: Output,
  maxRows = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { resultId, columns, rowCount } = result;
  await output.write(`{"columns":${JSON.stringify(columns)},"rows":[`);
  const wanted = Math.min(rowCount, maxRows);
  for (let offset = 0; offset < wanted; ) {
    const limit = Math.min(windowRows, wanted - offset);
    const { rows } = await kernel.request('fetchRows', { resultId, offset, limit });
    if (rows.length === 0) break;
    const text = rows.map(row => JSON.stringify(row)).join(',\n');
    await output.write((offset === 0 ? '\n' : ',\n') + text);
    offset += rows.length;
  }
  await output.write(`],"rowCount":${rowCount}}`);
}

/** The kernel writes the file; it is passed on from there. */
async function writeFile(
  kernel: KernelClient,
  resultId: string,
  format: 'csv' | 'parquet' | 'arrow',
  output: Output,
): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lakebook-out-'));
  try {
    const file = path.join(folder, `result.${format}`);
    await kernel.request('exportResult', { resultId, format, path: file });
    for await (const chunk of createReadStream(file)) await output.write(chunk as Uint8Array);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function statementText(language: CellLanguage, parsed: ParsedArguments): Promise<string> {
  const file = textOption(parsed, 'file');
  if (file !== undefined && parsed.positionals.length > 0) {
    throw new UsageError('Give a statement or --file, not both.');
  }
  if (file !== undefined) return readFile(file, 'utf8');
  const text = parsed.positionals.join(' ');
  if (text.trim() !== '' && text !== '-') return text;
  if (text === '-' || process.stdin.isTTY !== true) {
    let piped = '';
    process.stdin.setEncoding('utf8');
    for await (const chunk of process.stdin) piped += chunk;
    if (piped.trim() !== '') return piped;
  }
  const example = language === 'sql' ? '"SELECT * FROM sales"' : '"ingest sales data.csv"';
  throw new UsageError(
    'Which statement?',
    `Usage: lakebook ${language} ${example} [--format ${sqlFormats.join('|')}] [--out FILE]`,
  );
}
