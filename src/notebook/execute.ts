import { textPosition } from '../engine/errors.ts';
import type { Progress } from '../engine/progress.ts';
import type { EngineKind } from '../engine/remote/remote-engine.ts';
import type { ResultSet } from '../engine/result-set.ts';
import type { EngineSession } from '../engine/session.ts';
import { tokenize } from '../engine/sql/tokenizer.ts';
import type { StatementResult } from '../engine/statement-result.ts';
import { InterruptedError } from '../iceberg/errors.ts';
import type { ScanStats } from '../iceberg/scan.ts';
import { type CellPart, parseCell } from './cell.ts';
import { placeInCell } from './error-place.ts';
import { parseStatement } from './lake-language/parser.ts';
import { lookUpParameter, type Parameters, parseParametersCell, sqlLiteral } from './parameters.ts';
import type { CellOutput, RequestOf, ScanSummary } from './protocol.ts';
import { firstPage } from './results/arrow-page.ts';
import { plainRows } from './results/plain-rows.ts';
import type { ResultRegistry } from './results/registry.ts';
import { runVerb } from './verbs.ts';

/** What a cell runs in. */
export interface CellContext {
  readonly session: EngineSession;
  readonly registry: ResultRegistry;
  readonly parameters: Parameters;
  readonly previewRows: number;
  readonly executionCount: number;
  readonly signal: AbortSignal;
  emit(index: number, output: CellOutput): void;
  progress(progress: Progress): void;
}

type ExecuteRequest = RequestOf<'execute'>;

/** How often a result that is still filling tells how many rows it has, in milliseconds. */
const fillingIntervalMs = 250;

/**
 * Runs a cell's statements in order and hands out what each answers; the first that fails ends the cell.
 * @returns the values that a parameters cell sets
 * @throws LakebookError with its place in the cell
 */
export async function executeCell(
  request: ExecuteRequest,
  context: CellContext,
): Promise<Parameters | undefined> {
  const { source } = request;
  const cell = parseCell(source, request.language, { tags: request.tags });
  if (cell.isParameters) return runParameters(request, context);
  const outputs = new Outputs(request.cellId, cell.name, context);
  for (const part of cell.parts) {
    if (context.signal.aborted) throw new InterruptedError();
    if (part.kind === 'sql') await runSql(part, cell.engine, source, context, outputs);
    else await runLake(part, source, context, outputs);
  }
  return undefined;
}

/** Values given with the request win over those the cell writes, and these over those of earlier cells. */
function runParameters({ source, parameters }: ExecuteRequest, context: CellContext): Parameters {
  const values = { ...context.parameters, ...parseParametersCell(source), ...parameters };
  const lines = Object.entries(values).map(([name, value]) => `${name} = ${sqlLiteral(value)}`);
  if (lines.length > 0) context.emit(0, { kind: 'text', text: lines.join('\n'), elapsedMs: 0 });
  return values;
}

async function runSql(
  part: Extract<CellPart, { kind: 'sql' }>,
  engine: EngineKind | undefined,
  source: string,
  context: CellContext,
  outputs: Outputs,
): Promise<void> {
  checkParameters(part.sql, source, context.parameters);
  const { session, parameters, signal } = context;
  const results = await session.execute(part.sql, {
    signal,
    parameters,
    engine: engine ?? session.engines.current,
    onProgress: context.progress,
    onWarning: text => outputs.add({ kind: 'warning', text }),
  });
  for (const result of results) await outputs.statement(result);
}

async function runLake(
  part: Extract<CellPart, { kind: 'lake' }>,
  source: string,
  context: CellContext,
  outputs: Outputs,
): Promise<void> {
  const statement = parseStatement(part.statement, source, context.parameters);
  const start = performance.now();
  try {
    const { session, signal } = context;
    const answer = await runVerb(session, statement.call, { signal, onProgress: context.progress });
    const elapsedMs = performance.now() - start;
    for (const text of answer.warnings ?? []) outputs.add({ kind: 'warning', text });
    const { columns, rows } = answer;
    const result =
      answer.result ??
      (columns === undefined || rows === undefined ? undefined : await plainRows(session, columns, rows));
    if (result !== undefined) {
      await outputs.rows(result, { text: answer.text, elapsedMs });
    } else {
      const snapshotId = answer.snapshotId === undefined ? {} : { snapshotId: String(answer.snapshotId) };
      outputs.add({ kind: 'text', text: answer.text, elapsedMs, ...snapshotId });
    }
  } catch (error) {
    throw placeInCell(error, statement, source);
  }
}

/** @throws NotFoundError with its place for a `$name` that no parameter has */
function checkParameters(sql: string, source: string, parameters: Parameters): void {
  for (const token of tokenize(sql)) {
    if (token.type === 'parameter' && /^\$[A-Za-z_]/.test(token.text)) {
      const position = textPosition(source, token.start, token.text.length);
      lookUpParameter(parameters, token.text.slice(1), position);
    }
  }
}

/** Numbers a cell's outputs and keeps its results. */
class Outputs {
  readonly #cellId: string;
  readonly #name: string | undefined;
  readonly #context: CellContext;
  #count = 0;

  constructor(cellId: string, name: string | undefined, context: CellContext) {
    this.#cellId = cellId;
    this.#name = name;
    this.#context = context;
  }

  add(output: CellOutput): number {
    this.#context.emit(this.#count, output);
    return this.#count++;
  }

  async statement(statement: StatementResult): Promise<void> {
    const { elapsedMs } = statement;
    if (statement.kind === 'rows') {
      const scan = statement.scan === undefined ? {} : { scan: scanSummary(statement.scan) };
      await this.rows(statement.result, { elapsedMs, ...scan });
    } else if (statement.kind === 'change') {
      const { text, snapshotId } = statement;
      this.add({
        kind: 'text',
        text,
        elapsedMs,
        ...(snapshotId === undefined ? {} : { snapshotId: String(snapshotId) }),
      });
    } else if (statement.text !== '') this.add({ kind: 'text', text: statement.text, elapsedMs });
  }

  /** Hands out a result with its first rows, waits for the others and hands it out again, then with all counts. */
  async rows(
    result: ResultSet,
    about: { readonly elapsedMs: number; readonly text?: string; readonly scan?: ScanSummary },
  ): Promise<void> {
    const { registry, executionCount, previewRows } = this.#context;
    const resultId = registry.add(this.#cellId, result);
    const name = this.#name ?? `_${executionCount}`;
    for (const alias of new Set([name, `_${executionCount}`, '_'])) registry.name(alias, resultId);
    const start = performance.now();
    const describe = async (): Promise<CellOutput> => {
      const { columns, rowCount, complete, truncated } = result;
      return {
        kind: 'result',
        resultId,
        name,
        columns,
        rowCount,
        complete,
        truncated,
        page: await firstPage(result, resultId, name, about.text),
        preview: await result.rows(0, Math.min(previewRows, rowCount)),
        ...about,
        elapsedMs: about.elapsedMs + (performance.now() - start),
      };
    };
    const index = this.add(await describe());
    if (result.complete) {
      await result.finished();
      return;
    }
    const timer = setInterval(
      () => this.#context.progress({ phase: 'fetching', rows: result.rowCount }),
      fillingIntervalMs,
    );
    try {
      await result.finished();
    } finally {
      clearInterval(timer);
      this.#context.emit(index, await describe());
    }
  }
}

function scanSummary(scan: ScanStats): ScanSummary {
  const { dataFiles, dataFilesScanned, bytes, bytesScanned } = scan;
  return { dataFiles, dataFilesScanned, bytes, bytesScanned };
}
