import * as vscode from 'vscode';
import type { JsonMap } from '../../notebook/lakebook-file.ts';
import { parseNotebook, serializeNotebook } from '../../notebook/lakebook-file.ts';
import { withErrorPlace } from '../text.ts';
import {
  type CellMetadata,
  type OutputMetadata,
  type PlainCell,
  type PlainOutput,
  toNotebook,
  toPlainCell,
} from './convert.ts';

export const notebookType = 'lakebook';

/** What a notebook's metadata in the editor holds. */
export interface DocumentMetadata {
  /** The notebook's metadata in the file. */
  readonly metadata?: JsonMap;
  /** Root of the lake that a notebook without a file works on. */
  readonly lake?: string;
  /** Set when the file can't be read: what is wrong with it. */
  readonly fault?: string;
}

/**
 * Reads and writes `.lakebook` files. A file that can't be read opens as one cell that says what is wrong and where;
 * saving that is refused, so the file stays as it is. (The editor keeps the message of an error that is thrown on
 * opening to its log.)
 */
export class LakebookSerializer implements vscode.NotebookSerializer {
  deserializeNotebook(content: Uint8Array): vscode.NotebookData {
    try {
      const text = new TextDecoder('utf-8', { fatal: true });
      const notebook = parseNotebook(decode(text, content));
      return notebookData(notebook.cells.map(toPlainCell), notebook.metadata);
    } catch (error) {
      return faultyNotebook(withErrorPlace(error));
    }
  }

  /** @throws Error for a notebook whose file could not be read */
  serializeNotebook(data: vscode.NotebookData): Uint8Array {
    const { metadata = {}, fault } = (data.metadata ?? {}) as DocumentMetadata;
    if (fault !== undefined) {
      throw new Error(vscode.l10n.t('The file could not be read, so nothing is written over it: {0}', fault));
    }
    const notebook = toNotebook(data.cells.map(fromCellData), metadata);
    return new TextEncoder().encode(serializeNotebook(notebook));
  }
}

function decode(decoder: InstanceType<typeof TextDecoder>, content: Uint8Array): string {
  try {
    return decoder.decode(content);
  } catch {
    throw new Error(
      vscode.l10n.t('The file is not UTF-8 text, so it is no notebook. Take an earlier version of it.'),
    );
  }
}

function faultyNotebook(fault: string): vscode.NotebookData {
  const lines = [
    `## ${vscode.l10n.t('This notebook cannot be read')}`,
    fault.replace(/[\\`*_{}[\]<>#|]/g, '\\$&'),
    vscode.l10n.t('Nothing is saved over it. Choose "Reopen Editor With..." and "Text Editor" to mend it.'),
  ];
  const cell = new vscode.NotebookCellData(vscode.NotebookCellKind.Markup, lines.join('\n\n'), 'markdown');
  const data = new vscode.NotebookData([cell]);
  data.metadata = { fault } satisfies DocumentMetadata;
  return data;
}

/** Tells about a file that can't be read when it is opened, with the way to mend it. */
export function tellFaults(): vscode.Disposable {
  const tell = async ({ notebookType: type, metadata, uri }: vscode.NotebookDocument) => {
    const { fault } = metadata as DocumentMetadata;
    if (type !== notebookType || fault === undefined) return;
    const open = vscode.l10n.t('Open as Text');
    if ((await vscode.window.showErrorMessage(fault, open)) !== open) return;
    await vscode.commands.executeCommand('vscode.openWith', uri, 'default');
  };
  for (const notebook of vscode.workspace.notebookDocuments) void tell(notebook);
  return vscode.workspace.onDidOpenNotebookDocument(notebook => void tell(notebook));
}

/** The editor's data of a notebook. */
export function notebookData(cells: readonly PlainCell[], metadata: JsonMap): vscode.NotebookData {
  const data = new vscode.NotebookData(cells.map(cellData));
  data.metadata = { metadata };
  return data;
}

export function cellData(cell: PlainCell): vscode.NotebookCellData {
  const kind = cell.kind === 'code' ? vscode.NotebookCellKind.Code : vscode.NotebookCellKind.Markup;
  const data = new vscode.NotebookCellData(kind, cell.source, cell.language);
  data.metadata = { ...cell.metadata };
  data.outputs = cell.outputs.map(cellOutput);
  if (cell.executionOrder !== undefined) data.executionSummary = { executionOrder: cell.executionOrder };
  return data;
}

/** The editor's output of a plain one. */
export function cellOutput(output: PlainOutput): vscode.NotebookCellOutput {
  const items = output.items.map(({ mime, data }) => new vscode.NotebookCellOutputItem(data, mime));
  return new vscode.NotebookCellOutput(items, { ...output.metadata });
}

function fromCellData(cell: vscode.NotebookCellData): PlainCell {
  const { executionSummary, outputs, metadata } = cell;
  const executionOrder = executionSummary?.executionOrder;
  return {
    kind: cell.kind === vscode.NotebookCellKind.Code ? 'code' : 'markup',
    language: cell.languageId,
    source: cell.value,
    metadata: (metadata ?? {}) as CellMetadata,
    outputs: (outputs ?? []).map(output => ({
      items: output.items,
      metadata: (output.metadata ?? {}) as OutputMetadata,
    })),
    ...(executionOrder === undefined ? {} : { executionOrder }),
  };
}
