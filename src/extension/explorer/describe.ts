import type { ColumnDetails, SnapshotDetails, TableDetails } from '../../notebook/protocol.ts';
import { agoText, bytesText, countOf, momentText } from '../text.ts';
import { t } from '../translate.ts';
import type { Node, TableGroup } from './nodes.ts';

/** How a node looks, as plain data. */
export interface NodeLook {
  /** The same node keeps its id, so that the tree keeps what is expanded. */
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  /** Lines of the tooltip. */
  readonly tooltip?: readonly string[];
  /** A product icon. */
  readonly icon: string;
  /** What menus tell nodes apart by. */
  readonly context: string;
  readonly open: 'leaf' | 'collapsed' | 'expanded';
}

/** @param nowMs for how long ago something was */
export function lookOf(node: Node, nowMs: number): NodeLook {
  switch (node.kind) {
    case 'lake': {
      const { root, name, label, fault } = node.lake;
      return {
        id: root,
        label: name,
        description: label,
        tooltip: fault === undefined ? [root] : [fault.message],
        icon: fault === undefined ? 'database' : 'error',
        context: fault === undefined ? 'lake' : 'lake-fault',
        open: fault === undefined ? 'expanded' : 'leaf',
      };
    }
    case 'namespace': {
      const name = node.namespace.join('.');
      return {
        id: `${node.lake.root} ns ${name}`,
        label: name,
        icon: 'symbol-namespace',
        context: 'namespace',
        open: 'expanded',
      };
    }
    case 'table':
      return {
        id: tableId(node),
        label: node.table,
        icon: 'table',
        context: 'table',
        open: 'collapsed',
      };
    case 'group':
      return {
        id: `${tableId(node)} ${node.group}`,
        label: groupLabels[node.group](),
        description: groupDescription(node.group, node.details),
        icon: groupIcons[node.group],
        context: `group-${node.group}`,
        open: 'collapsed',
      };
    case 'column':
      return columnLook(node.column, tableId(node));
    case 'partition': {
      const { partition, rows, files } = node.partition;
      return {
        id: `${tableId(node)} partition ${partition}`,
        label: partition === '' ? t('(unpartitioned)') : partition,
        description: `${countOf(rows, 'row')}, ${countOf(files, 'file')}`,
        icon: 'symbol-enum-member',
        context: 'partition',
        open: 'leaf',
      };
    }
    case 'snapshot':
      return snapshotLook(node.snapshot, tableId(node), nowMs);
    case 'ref': {
      const { name, type, snapshotId } = node.ref;
      return {
        id: `${tableId(node)} ${type} ${name}`,
        label: name,
        description: type === 'branch' ? t('branch at {0}', snapshotId) : t('tag at {0}', snapshotId),
        icon: type === 'branch' ? 'git-branch' : 'tag',
        context: `ref-${type}`,
        open: 'leaf',
      };
    }
    case 'file': {
      const { path, rows, bytes, partition, format } = node.file;
      return {
        id: `${tableId(node)} file ${path}`,
        label: path.replace(/^.*\//, ''),
        description: `${countOf(rows, 'row')}, ${bytesText(bytes)}`,
        tooltip: [path, ...(partition === '' ? [] : [partition]), format],
        icon: 'file-binary',
        context: 'file',
        open: 'leaf',
      };
    }
    case 'property':
      return {
        id: `${tableId(node)} property ${node.key}`,
        label: node.key,
        description: node.value,
        tooltip: [`${node.key} = ${node.value}`],
        icon: 'symbol-property',
        context: 'property',
        open: 'leaf',
      };
    case 'message':
      return {
        id: node.id,
        label: node.text,
        tooltip: [node.text],
        icon: node.isError ? 'error' : 'info',
        context: 'message',
        open: 'leaf',
      };
  }
}

function tableId(node: { readonly lake: { readonly root: string }; readonly table: string }): string {
  return `${node.lake.root} table ${node.table}`;
}

const groupLabels: Readonly<Record<TableGroup, () => string>> = {
  columns: () => t('Columns'),
  partitions: () => t('Partitions'),
  snapshots: () => t('Snapshots'),
  refs: () => t('Branches and Tags'),
  files: () => t('Files'),
  properties: () => t('Properties'),
};

const groupIcons: Readonly<Record<TableGroup, string>> = {
  columns: 'symbol-field',
  partitions: 'group-by-ref-type',
  snapshots: 'history',
  refs: 'git-branch',
  files: 'files',
  properties: 'settings',
};

function groupDescription(group: TableGroup, details: TableDetails): string {
  switch (group) {
    case 'columns':
      return String(details.columns.length);
    case 'partitions':
      return details.partitionedBy.join(', ');
    case 'snapshots':
      return String(details.snapshots.length);
    case 'refs':
      return String(details.refs.length);
    case 'files': {
      const size = details.bytes === undefined ? '' : `, ${bytesText(details.bytes)}`;
      return details.files === undefined ? '' : `${details.files}${size}`;
    }
    case 'properties':
      return String(Object.keys(details.properties).length);
  }
}

function columnLook(column: ColumnDetails, table: string): NodeLook {
  const { id, name, type, required, isKey, comment, children } = column;
  const isNested = children.length > 0;
  const kind = isNested ? type.replace(/[<(].*$/s, '') : type;
  const notes = [...(required ? [t('not null')] : []), ...(isKey ? [t('key')] : [])];
  return {
    id: `${table} column ${id}`,
    label: name.replace(/^.*\./, ''),
    description: [kind, ...notes].join(' '),
    tooltip: [`${name}: ${type}`, t('field id {0}', id), ...(comment === undefined ? [] : [comment])],
    icon: isKey ? 'key' : isNested ? 'symbol-structure' : columnIcon(type),
    context: 'column',
    open: isNested ? 'collapsed' : 'leaf',
  };
}

function columnIcon(type: string): string {
  if (/^(int|long|float|double|decimal)/.test(type)) return 'symbol-number';
  if (/^(string|uuid)/.test(type)) return 'symbol-string';
  if (/^boolean/.test(type)) return 'symbol-boolean';
  if (/^(date|time)/.test(type)) return 'calendar';
  return 'symbol-field';
}

/** `+12 -3 rows` of a snapshot's summary; empty when no writer counted. */
export function changeText(summary: Readonly<Record<string, string>>): string {
  const added = summary['added-records'];
  const deleted = summary['deleted-records'] ?? summary['added-position-deletes'];
  const parts = [
    ...(added === undefined ? [] : [`+${added}`]),
    ...(deleted === undefined ? [] : [`-${deleted}`]),
  ];
  return parts.length === 0 ? '' : t('{0} rows', parts.join(' '));
}

function snapshotLook(snapshot: SnapshotDetails, table: string, nowMs: number): NodeLook {
  const { id, operation, timestampMs, summary, isCurrent, refs } = snapshot;
  const change = changeText(summary);
  const others = refs.filter(name => name !== 'main');
  return {
    id: `${table} snapshot ${id}`,
    label: `${operation}${change === '' ? '' : ` ${change}`}`,
    description: [agoText(timestampMs, nowMs), ...(isCurrent ? [t('current')] : []), ...others].join(' · '),
    tooltip: [
      t('Snapshot {0}', id),
      momentText(timestampMs),
      ...(refs.length === 0 ? [] : [t('Branches and tags: {0}', refs.join(', '))]),
      ...Object.entries(summary).map(([key, value]) => `${key}: ${value}`),
    ],
    icon: isCurrent ? 'circle-filled' : 'circle-outline',
    context: isCurrent ? 'snapshot-current' : 'snapshot',
    open: 'leaf',
  };
}

/** What a table node says of its table once that is known. */
export function tableDescription(details: TableDetails): string {
  return details.rows === undefined ? '' : countOf(details.rows, 'row');
}

/** Whether a table's name fits what was typed into the filter: all words, in any order and case. */
export function matchesFilter(table: string, filter: string): boolean {
  const name = table.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every(word => name.includes(word));
}
