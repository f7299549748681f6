import * as vscode from 'vscode';
import type { Node } from './nodes.ts';

/** Lets a table, a column or a version be dragged from the tree into a cell, where its SQL is put in. */
export class ExplorerDrag implements vscode.TreeDragAndDropController<Node> {
  readonly dropMimeTypes: readonly string[] = [];
  readonly dragMimeTypes: readonly string[] = ['text/plain'];

  handleDrag(nodes: readonly Node[], data: vscode.DataTransfer): void {
    const texts = nodes.map(sqlOf).filter(text => text !== undefined);
    if (texts.length > 0) data.set('text/plain', new vscode.DataTransferItem(texts.join(', ')));
  }
}

function sqlOf(node: Node): string | undefined {
  return node.kind === 'table' ? node.table : node.kind === 'column' ? node.column.name : undefined;
}
