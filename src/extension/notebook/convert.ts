import {
  type JsonMap,
  joinLines,
  type Notebook,
  type NotebookCell,
  type NotebookOutput,
  newCellId,
  splitLines,
} from '../../notebook/lakebook-file.ts';

/*
 * Between a `.lakebook` file's notebook and the editor's, as plain data: `serializer.ts` puts it into the editor's
 * classes. Nothing that the file holds is lost, also what Lakebook doesn't know.
 */

/** One representation of an output. */
export interface PlainItem {
  readonly mime: string;
  readonly data: Uint8Array;
}

export interface PlainOutput {
  readonly items: readonly PlainItem[];
  readonly metadata: OutputMetadata;
}

/** What an output carries beside its items. */
export interface OutputMetadata {
  /** The output as the file has it, or will have it. */
  readonly nbformat: NotebookOutput;
  /** Figures for the cell's status bar. */
  readonly facts?: OutputFacts;
  readonly [key: string]: unknown;
}

/** What a run told of an output; plain JSON. */
export interface OutputFacts {
  readonly resultId?: string;
  readonly rows?: number;
  readonly complete?: boolean;
  readonly truncated?: boolean;
  readonly elapsedMs: number;
  readonly scan?: {
    readonly dataFiles: number;
    readonly dataFilesScanned: number;
    readonly bytes: number;
    readonly bytesScanned: number;
  };
}

/** The editor's metadata of a cell. */
export interface CellMetadata {
  readonly id?: string;
  /** The cell's metadata in the file. */
  readonly metadata?: JsonMap;
  readonly attachments?: JsonMap;
}

export interface PlainCell {
  readonly kind: 'code' | 'markup';
  readonly language: string;
  readonly source: string;
  readonly metadata: CellMetadata;
  readonly outputs: readonly PlainOutput[];
  readonly executionOrder?: number;
}

/** Language of a cell that no tool runs or renders: nbformat's `raw`. */
export const rawLanguage = 'raw';

const encoder = new TextEncoder();

/** The editor's cell of a file's cell. */
export function toPlainCell(cell: NotebookCell): PlainCell {
  const { id, source, metadata } = cell;
  if (cell.kind !== 'code') {
    const { attachments } = cell;
    return {
      kind: cell.kind === 'raw' ? 'code' : 'markup',
      language: cell.kind === 'raw' ? rawLanguage : 'markdown',
      source,
      metadata: { id, metadata, ...(attachments === undefined ? {} : { attachments }) },
      outputs: [],
    };
  }
  return {
    kind: 'code',
    language: cell.language,
    source,
    metadata: { id, metadata },
    outputs: cell.outputs.map(savedOutput),
    ...(cell.executionCount === null ? {} : { executionOrder: cell.executionCount }),
  };
}

/** The MIME type of the editor's own error output. */
export const errorMime = 'application/vnd.code.notebook.error';
const stdoutMime = 'application/vnd.code.notebook.stdout';
const stderrMime = 'application/vnd.code.notebook.stderr';

/** An output of the file as the editor shows it. */
export function savedOutput(output: NotebookOutput): PlainOutput {
  return { items: savedItems(output), metadata: { nbformat: output } };
}

function savedItems(output: NotebookOutput): PlainItem[] {
  switch (output.output_type) {
    case 'stream': {
      const text = joinLines(output.text) ?? '';
      return [{ mime: output.name === 'stderr' ? stderrMime : stdoutMime, data: encoder.encode(text) }];
    }
    case 'error': {
      const stack = joinTraceback(output.traceback);
      const name = String(output.ename ?? 'Error');
      return [errorItem(name, String(output.evalue ?? ''), stack)];
    }
    default:
      return Object.entries(asMap(output.data)).map(([mime, value]) => ({
        mime,
        data: mimeBytes(mime, value),
      }));
  }
}

/** The editor's representation of an error; `details` are shown as they are. */
export function errorItem(name: string, message: string, details: string): PlainItem {
  return { mime: errorMime, data: encoder.encode(JSON.stringify({ name, message, stack: details })) };
}

/** A piece of text that goes to the editor's stdout or stderr output. */
export function streamItem(name: 'stdout' | 'stderr', text: string): PlainItem {
  return { mime: name === 'stderr' ? stderrMime : stdoutMime, data: encoder.encode(text) };
}

function joinTraceback(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join('\n') : '';
}

/** nbformat keeps images in base64, JSON types as JSON and everything else as text. */
function mimeBytes(mime: string, value: unknown): Uint8Array {
  const text = joinLines(value);
  if (text === undefined) return encoder.encode(JSON.stringify(value));
  const isBinary = /^(image|audio|video)\//.test(mime) && mime !== 'image/svg+xml';
  return isBinary ? Uint8Array.from(Buffer.from(text, 'base64')) : encoder.encode(text);
}

function asMap(value: unknown): JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonMap) : {};
}

/** The file's notebook of the editor's cells. Ids that are missing or there twice are made anew. */
export function toNotebook(cells: readonly PlainCell[], metadata: JsonMap): Notebook {
  const ids = new Set<string>();
  return {
    metadata,
    cells: cells.map(cell => {
      const id = freeId(cell.metadata.id, ids);
      ids.add(id);
      return toNotebookCell(cell, id);
    }),
  };
}

function freeId(id: string | undefined, taken: ReadonlySet<string>): string {
  return id !== undefined && /^[a-zA-Z0-9_-]{1,64}$/.test(id) && !taken.has(id) ? id : newCellId();
}

function toNotebookCell(cell: PlainCell, id: string): NotebookCell {
  const { source, language } = cell;
  const metadata = cell.metadata.metadata ?? {};
  if (cell.kind === 'markup' || language === rawLanguage) {
    const { attachments } = cell.metadata;
    return {
      kind: cell.kind === 'markup' ? 'markdown' : 'raw',
      id,
      source,
      metadata,
      ...(attachments === undefined ? {} : { attachments }),
    };
  }
  return {
    kind: 'code',
    id,
    language: language === 'lake' ? 'lake' : 'sql',
    source,
    metadata,
    outputs: cell.outputs.map(output => toNbformat(output, cell.executionOrder ?? null)),
    executionCount: cell.executionOrder ?? null,
  };
}

/** An output that another extension put in has no nbformat of its own: its texts are kept. */
function toNbformat(output: PlainOutput, executionCount: number | null): NotebookOutput {
  const { nbformat } = output.metadata as Partial<OutputMetadata>;
  // A result is shown before its cell has ended, and with that its number is known.
  if (nbformat?.output_type === 'execute_result') return { ...nbformat, execution_count: executionCount };
  if (nbformat !== undefined) return nbformat;
  const decoder = new TextDecoder();
  const texts = output.items.filter(item => item.mime.startsWith('text/'));
  return {
    output_type: 'display_data',
    data: Object.fromEntries(texts.map(item => [item.mime, splitLines(decoder.decode(item.data))])),
    metadata: {},
  };
}
