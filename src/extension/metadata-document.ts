import * as vscode from 'vscode';
import { pickTable } from './commands/pick.ts';
import type { Register } from './commands/register.ts';
import type { TablePlace } from './explorer/nodes.ts';
import { indentedJson } from './json-text.ts';
import type { Kernels } from './kernel/kernels.ts';

const scheme = 'lakebook-metadata';

/** A table's current metadata file as a document that can't be changed, wherever the file is. */
export function registerMetadataDocuments(register: Register, kernels: Kernels): vscode.Disposable {
  /** What was read a moment ago, for the editor that is about to show it. */
  const texts = new Map<string, string>();
  register('lakebook.openMetadata', async (place?: TablePlace) => {
    const { lake, table } = await pickTable(place, kernels, { title: vscode.l10n.t('Open Metadata JSON') });
    const { location, text } = await kernels.ofLake(lake.root).request('tableMetadata', { table });
    const name = location.replace(/^.*\//, '').replace(/(\.gz)?\.metadata\.json(\.gz)?$/, '');
    const query = JSON.stringify({ root: lake.root, table });
    const uri = vscode.Uri.from({ scheme, path: `/${table} ${name}.json`, query });
    texts.set(uri.toString(), text);
    try {
      const document = await vscode.workspace.openTextDocument(uri);
      await vscode.window.showTextDocument(document, { preview: true });
    } finally {
      texts.delete(uri.toString());
    }
  });
  return vscode.workspace.registerTextDocumentContentProvider(scheme, {
    // A window that is opened again asks for the documents it had.
    provideTextDocumentContent: async uri => {
      const known = texts.get(uri.toString());
      if (known !== undefined) return indentedJson(known);
      const { root, table } = JSON.parse(uri.query) as { root: string; table: string };
      return indentedJson((await kernels.ofLake(root).request('tableMetadata', { table })).text);
    },
  });
}
