import { randomBytes } from 'node:crypto';
import { type JsonNode, parseJsonSource } from '../catalog/json-source.ts';
import { LakebookError, type TextPosition, ValidationError } from '../iceberg/errors.ts';
import { isTooDeep, maxJsonDepth } from '../iceberg/json.ts';

/** The languages of a code cell. */
export type CellLanguage = 'sql' | 'lake';

export type JsonMap = Record<string, unknown>;

/** An output as nbformat has it; texts are lists of lines or one string. */
export interface NotebookOutput extends JsonMap {
  readonly output_type: 'execute_result' | 'display_data' | 'stream' | 'error';
}

export interface CodeCell {
  readonly kind: 'code';
  /** nbformat: 1 to 64 letters, digits, `-` and `_`, unique in the notebook. */
  readonly id: string;
  readonly language: CellLanguage;
  readonly source: string;
  /** Everything in the cell's metadata, also what Lakebook doesn't know; the language is kept apart. */
  readonly metadata: JsonMap;
  readonly outputs: readonly NotebookOutput[];
  readonly executionCount: number | null;
}

export interface TextCell {
  readonly kind: 'markdown' | 'raw';
  readonly id: string;
  readonly source: string;
  readonly metadata: JsonMap;
  /** nbformat's attachments, as they came. */
  readonly attachments?: JsonMap;
}

export type NotebookCell = CodeCell | TextCell;

export interface Notebook {
  readonly cells: readonly NotebookCell[];
  /** The notebook's metadata, also what Lakebook doesn't know. */
  readonly metadata: JsonMap;
}

const kernelspec = { name: 'lakebook', display_name: 'Lakebook', language: 'sql' };

/** A notebook without cells. */
export function emptyNotebook(): Notebook {
  return { cells: [], metadata: { kernelspec, language_info: { name: 'sql' } } };
}

/** A new cell id, as nbformat wants them. */
export function newCellId(): string {
  return randomBytes(4).toString('hex');
}

/**
 * Reads a `.lakebook` file: nbformat 4 JSON (ids are made for cells that lack them). An empty text is an empty
 * notebook, as editors create new files empty.
 * @throws ValidationError (NOTEBOOK_INVALID) saying what is wrong, with line and column in the file
 */
export function parseNotebook(text: string, file?: string): Notebook {
  const plain = text.replace(/^\ufeff/, '');
  if (plain.trim() === '') return emptyNotebook();
  const json = parse(plain, file);
  const fail = (path: readonly (string | number)[], what: string, hint?: string): never => {
    throw invalid(what, { file, hint, position: placeOf(plain, path) });
  };
  if (!isMap(json)) return fail([], 'A notebook is a JSON object, and this is not.');
  if (!('nbformat' in json)) {
    return fail([], 'This is JSON, but not a notebook: it has no `nbformat`.', 'Open it as JSON instead.');
  }
  if (json.nbformat !== 4) {
    return fail(
      ['nbformat'],
      `The notebook has nbformat ${JSON.stringify(json.nbformat)}; Lakebook reads version 4.`,
      'Convert it with `jupyter nbconvert --to notebook`.',
    );
  }
  if (!Array.isArray(json.cells)) return fail(['cells'], '`cells` must be a list.');
  if ('metadata' in json && !isMap(json.metadata)) return fail(['metadata'], '`metadata` must be an object.');
  const ids = new Set<string>();
  const cells = json.cells.map((cell: unknown, index) => readCell(cell, index, ids, fail));
  return { cells, metadata: { ...(json.metadata as JsonMap | undefined) } };
}

type Fail = (path: readonly (string | number)[], what: string, hint?: string) => never;

function readCell(cell: unknown, index: number, ids: Set<string>, fail: Fail): NotebookCell {
  const at = ['cells', index] as const;
  const nth = `Cell ${index + 1}`;
  if (!isMap(cell)) return fail(at, `${nth} must be an object.`);
  const metadata = cell.metadata ?? {};
  if (!isMap(metadata)) return fail([...at, 'metadata'], `${nth}: \`metadata\` must be an object.`);
  const source = joinLines(cell.source);
  if (source === undefined) {
    return fail([...at, 'source'], `${nth}: \`source\` must be a text or a list of texts.`);
  }
  const id = validId(cell.id, ids) ? cell.id : newCellId();
  ids.add(id);
  if (cell.cell_type === 'markdown' || cell.cell_type === 'raw') {
    const { attachments } = cell;
    return {
      kind: cell.cell_type,
      id,
      source,
      metadata,
      ...(isMap(attachments) ? { attachments } : {}),
    };
  }
  if (cell.cell_type !== 'code') {
    return fail(
      [...at, 'cell_type'],
      `${nth}: \`cell_type\` must be code, markdown or raw, not ${JSON.stringify(cell.cell_type) ?? 'missing'}.`,
    );
  }
  const outputs = cell.outputs ?? [];
  if (!Array.isArray(outputs)) return fail([...at, 'outputs'], `${nth}: \`outputs\` must be a list.`);
  const bad = outputs.findIndex(output => !isMap(output) || !outputTypes.has(output.output_type as string));
  if (bad >= 0) {
    return fail([...at, 'outputs', bad], `${nth}: output ${bad + 1} has no known \`output_type\`.`);
  }
  const count = cell.execution_count;
  const { vscode } = metadata;
  const language = isMap(vscode) && vscode.languageId === 'lake' ? 'lake' : 'sql';
  return {
    kind: 'code',
    id,
    language,
    source,
    metadata,
    outputs: outputs as NotebookOutput[],
    executionCount: Number.isInteger(count) ? (count as number) : null,
  };
}

const outputTypes = new Set(['execute_result', 'display_data', 'stream', 'error']);

function validId(id: unknown, taken: ReadonlySet<string>): id is string {
  return typeof id === 'string' && /^[a-zA-Z0-9_-]{1,64}$/.test(id) && !taken.has(id);
}

/**
 * Writes a notebook as Jupyter does: sorted keys, one space of indentation, texts as lists of lines, a newline at the
 * end. The same notebook always gives the same bytes.
 */
export function serializeNotebook(notebook: Notebook): string {
  const json = {
    cells: notebook.cells.map(writeCell),
    metadata: { ...notebook.metadata, kernelspec, language_info: languageInfo(notebook.metadata) },
    nbformat: 4,
    nbformat_minor: 5,
  };
  return `${JSON.stringify(sortKeys(json), undefined, 1)}\n`;
}

function languageInfo(metadata: JsonMap): JsonMap {
  return { ...(isMap(metadata.language_info) ? metadata.language_info : {}), name: 'sql' };
}

function writeCell(cell: NotebookCell): JsonMap {
  const source = splitLines(cell.source);
  if (cell.kind !== 'code') {
    const { attachments } = cell;
    return {
      cell_type: cell.kind,
      id: cell.id,
      metadata: cell.metadata,
      source,
      ...(attachments === undefined ? {} : { attachments }),
    };
  }
  const vscode = isMap(cell.metadata.vscode) ? cell.metadata.vscode : {};
  return {
    cell_type: 'code',
    execution_count: cell.executionCount,
    id: cell.id,
    metadata: { ...cell.metadata, vscode: { ...vscode, languageId: cell.language } },
    outputs: cell.outputs,
    source,
  };
}

/** A text as nbformat's list of lines, each with its line break. */
export function splitLines(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/);
}

/** The text of nbformat's string or list of strings; undefined when it is neither. */
export function joinLines(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every(line => typeof line === 'string')) return value.join('');
  return undefined;
}

function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isMap(value)) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([key, item]) => [key, sortKeys(item)]),
  );
}

function parse(text: string, file: string | undefined): unknown {
  if (isTooDeep(text)) {
    throw invalid(`The notebook is nested more than ${maxJsonDepth} levels deep.`, {
      file,
      hint: 'Open it as text to mend it, or take an earlier version from Git.',
    });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const conflict = text.split('\n').findIndex(line => /^(<{7}|={7}|>{7})( |$)/.test(line));
    if (conflict >= 0) {
      throw invalid('The notebook has unresolved merge conflicts.', {
        file,
        position: { line: conflict + 1, column: 1, length: 7 },
        hint: 'Open it as text, resolve the conflict markers and save.',
      });
    }
    const fault = faultIn(text);
    throw invalid(`The notebook is not valid JSON. ${fault?.message ?? (error as Error).message}`, {
      file,
      position: fault?.position,
      hint: 'Open it as text to mend it, or take an earlier version from Git.',
      cause: error,
    });
  }
}

const here = 'notebook';

/** The first fault of a JSON text, with its place. */
function faultIn(text: string): { message: string; position?: TextPosition } | undefined {
  try {
    parseJsonSource(text, here);
    return undefined;
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    return { message: error.message.replace(`${here}: `, ''), position: error.position };
  }
}

/** Where the value at a path (`['cells', 3, 'source']`) stands; the nearest value above it when it is missing. */
function placeOf(text: string, path: readonly (string | number)[]): TextPosition | undefined {
  let node: JsonNode;
  try {
    node = parseJsonSource(text, here);
  } catch (error) {
    // JSON.parse takes what this parser doesn't: a key that is there twice.
    if (error instanceof LakebookError) return undefined;
    throw error;
  }
  for (const step of path) {
    const next: JsonNode | undefined =
      node.kind === 'object'
        ? node.members.find(member => member.key === step)?.value
        : node.kind === 'array'
          ? node.items[step as number]
          : undefined;
    if (next === undefined) break;
    node = next;
  }
  return node.position;
}

function invalid(message: string, options: ConstructorParameters<typeof LakebookError>[2]): ValidationError {
  return new ValidationError(message, options, 'NOTEBOOK_INVALID');
}
