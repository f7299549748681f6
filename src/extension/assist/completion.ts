import * as vscode from 'vscode';
import type { CompletionItem, CompletionKind } from '../../notebook/protocol.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { type Log, logError } from '../log.ts';
import { assistedCell } from './cells.ts';

/** Characters after which something can follow without a letter typed: members, paths, clauses. */
export const completionTriggers = ['.', "'", '/', ' ', '$', '%', '('];

/** Tables, columns, versions, verbs and files from the live catalog. */
export class CellCompletion implements vscode.CompletionItemProvider {
  readonly #kernels: Kernels;
  readonly #log: Log;

  constructor(kernels: Kernels, log: Log) {
    this.#kernels = kernels;
    this.#log = log;
  }

  async provideCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
  ): Promise<vscode.CompletionItem[] | undefined> {
    const cell = assistedCell(document, this.#kernels);
    if (cell === undefined) return undefined;
    const { kernel, source, language } = cell;
    try {
      const offset = document.offsetAt(position);
      const reply = await kernel.request('complete', { source, language, offset });
      const range = new vscode.Range(document.positionAt(reply.start), document.positionAt(reply.end));
      return reply.items.map((item, index) => editorItem(item, range, index));
    } catch (error) {
      logError(this.#log, 'complete', error);
      return undefined;
    }
  }
}

function editorItem(item: CompletionItem, range: vscode.Range, index: number): vscode.CompletionItem {
  const { label, detail, documentation, insert, kind } = item;
  const made = new vscode.CompletionItem(
    detail === undefined ? label : { label, description: detail },
    kinds[kind],
  );
  made.insertText = insert ?? label;
  made.filterText = insert ?? label;
  made.range = range;
  // The kernel's order: what fits best comes first.
  made.sortText = `${order[kind]}${String(index).padStart(6, '0')}`;
  if (documentation !== undefined) made.documentation = new vscode.MarkdownString(documentation);
  if (kind === 'folder' || kind === 'namespace') {
    made.command = { command: 'editor.action.triggerSuggest', title: vscode.l10n.t('Suggest') };
  }
  return made;
}

const kinds: Readonly<Record<CompletionKind, vscode.CompletionItemKind>> = {
  keyword: vscode.CompletionItemKind.Keyword,
  table: vscode.CompletionItemKind.Struct,
  column: vscode.CompletionItemKind.Field,
  function: vscode.CompletionItemKind.Function,
  namespace: vscode.CompletionItemKind.Module,
  snapshot: vscode.CompletionItemKind.Event,
  reference: vscode.CompletionItemKind.Reference,
  verb: vscode.CompletionItemKind.Keyword,
  file: vscode.CompletionItemKind.File,
  folder: vscode.CompletionItemKind.Folder,
  type: vscode.CompletionItemKind.TypeParameter,
  value: vscode.CompletionItemKind.EnumMember,
};

/** Names of the lake before words of the language. */
const order: Readonly<Record<CompletionKind, number>> = {
  column: 1,
  table: 2,
  reference: 2,
  snapshot: 3,
  folder: 2,
  file: 2,
  value: 2,
  verb: 2,
  type: 2,
  namespace: 4,
  function: 5,
  keyword: 6,
};
