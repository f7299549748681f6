import * as vscode from 'vscode';
import { toErrorInfo } from '../../notebook/error-info.ts';
import type { TableDetails, TableSummary } from '../../notebook/protocol.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { type Log, logError } from '../log.ts';
import { lookOf, matchesFilter, tableDescription } from './describe.ts';
import { findLakes } from './lakes.ts';
import type { LakePlace, Node, TableGroup, TablePlace } from './nodes.ts';

/** Files shown of a table at most; the SQL of the last node shows all. */
const maxFiles = 100;
/** Several commits at once are one refresh, in milliseconds. */
const settleMs = 150;
/** How long a refresh waits at most for tables to be read, in milliseconds. */
const readAheadMs = 1000;

const groups: readonly TableGroup[] = ['columns', 'partitions', 'snapshots', 'refs', 'files', 'properties'];

/** Lakes, namespaces, tables and what a table is made of. */
export class LakeTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #kernels: Kernels;
  readonly #log: Log;
  readonly #changed = new vscode.EventEmitter<Node | undefined>();
  /** Tables of the last listing, for descriptions and tooltips. */
  #details = new Map<string, { readonly place: TablePlace; readonly details: TableDetails }>();
  readonly #subscription: vscode.Disposable;
  #timer: NodeJS.Timeout | undefined;
  #filter = '';

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(kernels: Kernels, log: Log) {
    this.#kernels = kernels;
    this.#log = log;
    this.#subscription = kernels.onDidCommit(() => this.refresh());
  }

  get filter(): string {
    return this.#filter;
  }

  set filter(text: string) {
    this.#filter = text.trim();
    this.refresh();
  }

  /** Reads everything anew, soon. */
  refresh(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#redraw(), settleMs);
  }

  /**
   * While the editor draws the view anew, its nodes are unknown, and a context menu would hand over nothing. That moment is
   * short when the kernel has read the tables already.
   */
  async #redraw(): Promise<void> {
    const known = [...this.#details.values()];
    this.#details = new Map();
    const read = known.map(({ place }) => this.#kernel(place.lake).request('table', { table: place.table }));
    const tooLong = new Promise(resolve => setTimeout(resolve, readAheadMs));
    // A table that isn't there any more is no longer listed either.
    await Promise.race([Promise.allSettled(read), tooLong]);
    this.#changed.fire(undefined);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  async getTreeItem(node: Node): Promise<vscode.TreeItem> {
    const look = lookOf(node, Date.now());
    const states = vscode.TreeItemCollapsibleState;
    const state = { leaf: states.None, collapsed: states.Collapsed, expanded: states.Expanded }[look.open];
    const item = new vscode.TreeItem(look.label, state);
    item.id = look.id;
    item.iconPath = new vscode.ThemeIcon(look.icon, iconColor(look.icon));
    item.contextValue = look.context;
    if (look.description !== undefined) item.description = look.description;
    if (look.tooltip !== undefined) item.tooltip = look.tooltip.join('\n');
    if (node.kind === 'table') {
      const found = this.#details.get(detailsKey(node));
      if (found !== undefined) item.description = tableDescription(found.details);
    }
    if (node.kind === 'lake' && node.lake.fault?.file !== undefined) {
      item.command = {
        command: 'vscode.open',
        title: vscode.l10n.t('Open'),
        arguments: [vscode.Uri.file(node.lake.fault.file)],
      };
    }
    return item;
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (!vscode.workspace.isTrusted) return [];
    try {
      return await this.#children(node);
    } catch (error) {
      logError(this.#log, 'explorer', error);
      const { message, hint } = toErrorInfo(error);
      const text = hint === undefined ? message : `${message} ${hint}`;
      return [
        { kind: 'message', id: `${node === undefined ? '' : lookOf(node, 0).id} error`, text, isError: true },
      ];
    }
  }

  async #children(node: Node | undefined): Promise<Node[]> {
    switch (node?.kind) {
      case undefined:
        return (await findLakes()).map(lake => ({ kind: 'lake', lake }));
      case 'lake':
        return this.#namespaces(node.lake, undefined);
      case 'namespace':
        return [
          ...(await this.#namespaces(node.lake, node.namespace)),
          ...(await this.#tables(node.lake, node.namespace)),
        ];
      case 'table':
        return this.#groups(node);
      case 'group':
        return this.#members(node);
      case 'column':
        return node.column.children.map(column => ({ ...node, column }));
      default:
        return [];
    }
  }

  async #namespaces(lake: LakePlace, parent: readonly string[] | undefined): Promise<Node[]> {
    const found = await this.#kernel(lake).request('namespaces', parent === undefined ? {} : { parent });
    if (parent !== undefined || found.length > 0) {
      return found.map(namespace => ({ kind: 'namespace', lake, namespace }));
    }
    const text = vscode.l10n.t('No tables yet. Right-click a file and choose "Ingest into Lakebook".');
    return [{ kind: 'message', id: `${lake.root} empty`, text, isError: false }];
  }

  async #tables(lake: LakePlace, namespace: readonly string[]): Promise<Node[]> {
    const kernel = this.#kernel(lake);
    const all = await kernel.request('tables', { namespace: [...namespace] });
    const shown = this.#filter === '' ? all : all.filter(({ name }) => matchesFilter(name, this.#filter));
    await Promise.all(shown.map(table => this.#learn(kernel, lake, table)));
    return shown.map(({ name }) => ({ kind: 'table', lake, table: name }));
  }

  /** A table that can't be loaded is listed all the same; it tells why when it is expanded. */
  async #learn(kernel: Kernel, lake: LakePlace, { name }: TableSummary): Promise<void> {
    try {
      this.#remember({ lake, table: name }, await kernel.request('table', { table: name }));
    } catch (error) {
      logError(this.#log, name, error);
    }
  }

  #remember(place: TablePlace, details: TableDetails): void {
    this.#details.set(detailsKey(place), { place, details });
  }

  async #groups(place: TablePlace): Promise<Node[]> {
    const { lake, table } = place;
    const details = await this.#kernel(lake).request('table', { table });
    this.#remember(place, details);
    return groups
      .filter(group => group !== 'partitions' || details.partitionedBy.length > 0)
      .map(group => ({ kind: 'group', group, details, lake, table }));
  }

  async #members(node: Extract<Node, { kind: 'group' }>): Promise<Node[]> {
    const { lake, table, group, details } = node;
    const place: TablePlace = { lake, table };
    const kernel = this.#kernel(lake);
    switch (group) {
      case 'columns':
        return details.columns.map(column => ({ kind: 'column', column, ...place }));
      case 'partitions': {
        const partitions = await kernel.request('tablePartitions', { table });
        return partitions.map(partition => ({ kind: 'partition', partition, ...place }));
      }
      case 'snapshots':
        return details.snapshots.map(snapshot => ({ kind: 'snapshot', snapshot, ...place }));
      case 'refs':
        return details.refs.map(ref => ({ kind: 'ref', ref, ...place }));
      case 'files': {
        const { files, total } = await kernel.request('tableFiles', { table, limit: maxFiles });
        const shown: Node[] = files.map(file => ({ kind: 'file', file, ...place }));
        if (total > files.length) {
          const text = vscode.l10n.t('{0} more: SELECT * FROM {1}$files', total - files.length, table);
          shown.push({ kind: 'message', id: `${lake.root} ${table} more files`, text, isError: false });
        }
        return shown;
      }
      case 'properties':
        return Object.entries(details.properties)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => ({ kind: 'property', key, value, ...place }));
    }
  }

  #kernel(lake: LakePlace): Kernel {
    return this.#kernels.ofLake(lake.root);
  }
}

function detailsKey({ lake, table }: TablePlace): string {
  return `${lake.root}\n${table}`;
}

function iconColor(icon: string): vscode.ThemeColor | undefined {
  if (icon === 'error') return new vscode.ThemeColor('errorForeground');
  if (icon === 'circle-filled') return new vscode.ThemeColor('charts.green');
  return undefined;
}
