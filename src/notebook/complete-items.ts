import { dollarNames } from '../iceberg/inspect.ts';
import { sqlName } from '../lake/table-names.ts';
import type { AssistContext } from './assist-context.ts';
import type { CompletionItem, TableDetails, TableSummary } from './protocol.ts';

/** All tables of the lake, and its namespaces. */
export async function tableItems(context: AssistContext): Promise<CompletionItem[]> {
  const tables = await context.explorer.allTables().catch((): TableSummary[] => []);
  const namespaces = new Set(tables.map(table => table.namespace.join('.')));
  return [
    ...tables.map(
      (table): CompletionItem => ({
        label: table.name,
        kind: 'table',
        detail: table.namespace.join('.'),
      }),
    ),
    ...context.results.names().map((label): CompletionItem => ({ label, kind: 'table', detail: 'result' })),
    ...[...namespaces].map((name): CompletionItem => ({ label: sqlName(name), kind: 'namespace' })),
  ];
}

/** Tables of a namespace written before a dot. */
export async function tableItemsOf(context: AssistContext, namespace: string): Promise<CompletionItem[]> {
  const tables = await context.explorer.allTables().catch((): TableSummary[] => []);
  return tables
    .filter(table => table.namespace.join('.') === namespace)
    .map(table => ({ label: sqlName(table.table), kind: 'table' }));
}

/** Columns of a table of the lake, or of a result. */
export async function columnsOfTable(context: AssistContext, name: string): Promise<CompletionItem[]> {
  const table = await context.explorer.knownTable(name);
  if (table !== undefined) return columnItems(table);
  const columns = context.results.columnsNamed(name) ?? [];
  return columns.map(column => ({
    label: column.name,
    kind: 'column',
    detail: column.type,
    insert: sqlName(column.name),
  }));
}

/** A table's columns with their types. */
export function columnItems(table: TableDetails): CompletionItem[] {
  return table.columns.map(column => ({
    label: column.name,
    kind: 'column',
    detail: `${column.type}${column.required ? ' not null' : ''}${column.isKey ? ' key' : ''}`,
    insert: sqlName(column.name),
    ...(column.comment === undefined ? {} : { documentation: column.comment }),
  }));
}

/** `sales$snapshots` and the others. */
export function metadataTableItems(table: string): CompletionItem[] {
  return dollarNames.map(name => ({
    label: `${table}$${name}`,
    kind: 'table',
    detail: 'metadata table',
  }));
}

/** Branches, tags and snapshots; `quote` as SQL strings, else with `tag:` and `branch:`. */
export function versionItems(table: TableDetails, style: 'sql' | 'lake'): CompletionItem[] {
  const refs = table.refs.map(
    (ref): CompletionItem => ({
      label: style === 'sql' ? `'${ref.name}'` : `${ref.type}:${ref.name}`,
      kind: 'reference',
      detail: `${ref.type} at ${ref.snapshotId}`,
    }),
  );
  const snapshots = table.snapshots.map(
    (snapshot): CompletionItem => ({
      label: snapshot.id,
      kind: 'snapshot',
      detail: `${new Date(snapshot.timestampMs).toISOString()} ${snapshot.operation}`,
    }),
  );
  const words = style === 'sql' ? [] : ['current', 'previous'];
  return [...refs, ...snapshots, ...words.map((label): CompletionItem => ({ label, kind: 'keyword' }))];
}
