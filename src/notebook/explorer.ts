import type { LoadedTable, Namespace, TableIdentifier } from '../catalog/catalog.ts';
import type { EngineSession } from '../engine/session.ts';
import {
  currentSchema,
  currentSnapshot,
  currentSortOrder,
  currentSpec,
  specById,
  type TableMetadata,
} from '../iceberg/metadata.ts';
import { metadataText } from '../iceberg/metadata-json.ts';
import { planScan } from '../iceberg/scan.ts';
import { childFields, fieldPath, findField, type Schema, typeToString } from '../iceberg/schema.ts';
import { type Transform, transformHuman, transformToString } from '../iceberg/transform.ts';
import type { NestedField, Value } from '../iceberg/types.ts';
import { tableNamed, tableNameInSql } from '../lake/table-names.ts';
import type {
  ColumnDetails,
  FileDetails,
  PartitionDetails,
  RefDetails,
  SnapshotDetails,
  TableDetails,
  TableSummary,
} from './protocol.ts';

/**
 * What the explorer tree, completion and hover want to know of the lake. Names are looked up once and kept until
 * `forget`.
 */
export class Explorer {
  readonly #session: EngineSession;
  #all: Promise<TableSummary[]> | undefined;
  readonly #details = new Map<string, Promise<TableDetails>>();

  constructor(session: EngineSession) {
    this.#session = session;
  }

  /** Drops what is known: somebody committed. */
  forget(): void {
    this.#all = undefined;
    this.#details.clear();
  }

  async namespaces(parent?: Namespace): Promise<string[][]> {
    const found = await this.#session.lake.catalog.listNamespaces(parent);
    return found.map(namespace => [...namespace]);
  }

  async tables(namespace: Namespace): Promise<TableSummary[]> {
    const found = await this.#session.lake.catalog.listTables(namespace);
    return found.map(table => this.#summary(table));
  }

  /** Every table of the lake. */
  async allTables(): Promise<TableSummary[]> {
    this.#all ??= this.#listAll();
    this.#all.catch(() => {
      this.#all = undefined;
    });
    return this.#all;
  }

  async #listAll(): Promise<TableSummary[]> {
    const found: TableSummary[] = [];
    const waiting: (Namespace | undefined)[] = [undefined];
    while (waiting.length > 0) {
      const parent = waiting.shift();
      for (const namespace of await this.namespaces(parent)) {
        waiting.push(namespace);
        found.push(...(await this.tables(namespace)));
      }
    }
    return found;
  }

  /** @throws NotFoundError (TABLE_NOT_FOUND) */
  async table(name: string): Promise<TableDetails> {
    return this.#describe(await this.#load(name));
  }

  /** The current metadata file of a table, wherever that is. @throws NotFoundError (TABLE_NOT_FOUND) */
  async metadata(name: string): Promise<{ location: string; text: string }> {
    const { metadataLocation: location } = await this.#load(name);
    const bytes = await this.#session.lake.storage.read(location);
    return { location, text: metadataText(bytes, location) };
  }

  /** As `table`, but what was found once is kept until `forget`; undefined when there is no such table. */
  async knownTable(name: string): Promise<TableDetails | undefined> {
    let details = this.#details.get(name);
    if (details === undefined) {
      details = this.table(name);
      this.#details.set(name, details);
      details.catch(() => this.#details.delete(name));
    }
    return details.catch(() => undefined);
  }

  /** The current snapshot's files, the largest first. */
  async files(name: string, limit: number): Promise<{ total: number; files: FileDetails[] }> {
    const { metadata } = await this.#load(name);
    const { tasks } = await planScan({ metadata, filter: { op: 'true' }, io: this.#session.lake.storage });
    const files = tasks
      .map(
        ({ dataFile }): FileDetails => ({
          path: dataFile.filePath,
          format: dataFile.fileFormat,
          rows: dataFile.recordCount,
          bytes: dataFile.fileSizeInBytes,
          partition: partitionText(metadata, dataFile.specId, dataFile.partition),
          content: 'data',
        }),
      )
      .sort((a, b) => b.bytes - a.bytes);
    return { total: files.length, files: files.slice(0, limit) };
  }

  /** The current snapshot's partitions, by name. */
  async partitions(name: string): Promise<PartitionDetails[]> {
    const { metadata } = await this.#load(name);
    const { tasks } = await planScan({ metadata, filter: { op: 'true' }, io: this.#session.lake.storage });
    const found = new Map<string, { rows: number; files: number }>();
    for (const { dataFile } of tasks) {
      const partition = partitionText(metadata, dataFile.specId, dataFile.partition);
      const totals = found.get(partition) ?? { rows: 0, files: 0 };
      totals.rows += dataFile.recordCount;
      totals.files++;
      found.set(partition, totals);
    }
    return [...found]
      .map(([partition, totals]) => ({ partition, ...totals }))
      .sort((a, b) => (a.partition < b.partition ? -1 : 1));
  }

  async #load(name: string): Promise<LoadedTable> {
    return this.#session.lake.catalog.loadTable(tableNamed(name, this.#session));
  }

  #summary(table: TableIdentifier): TableSummary {
    return {
      name: tableNameInSql(table, this.#session),
      namespace: [...table.namespace],
      table: table.name,
    };
  }

  #describe({ identifier, metadata, metadataLocation }: LoadedTable): TableDetails {
    const schema = currentSchema(metadata);
    const snapshot = currentSnapshot(metadata);
    const total = (key: string) => {
      const text = snapshot?.summary[key];
      return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
    };
    return {
      ...this.#summary(identifier),
      location: metadata.location,
      metadataLocation,
      formatVersion: metadata.formatVersion,
      columns: schema.fields.map(field => column(field, schema)),
      partitionedBy: currentSpec(metadata).fields.flatMap(field =>
        field.transform.kind === 'void' ? [] : [transformSql(field.transform, schema, field.sourceId)],
      ),
      sortedBy: currentSortOrder(metadata).fields.map(
        field => `${transformSql(field.transform, schema, field.sourceId)} ${field.direction}`,
      ),
      snapshots: snapshots(metadata),
      refs: refs(metadata),
      properties: metadata.properties,
      currentSnapshotId: snapshot === undefined ? undefined : String(snapshot.snapshotId),
      rows: total('total-records'),
      files: total('total-data-files'),
      bytes: total('total-files-size'),
      lastUpdatedMs: metadata.lastUpdatedMs,
    };
  }
}

function column(field: NestedField, schema: Schema): ColumnDetails {
  return {
    id: field.id,
    name: fieldPath(schema, field.id) ?? field.name,
    type: typeToString(field.type),
    required: field.required,
    isKey: schema.identifierFieldIds.includes(field.id),
    comment: field.doc,
    children: childFields(field.type).map(child => column(child, schema)),
  };
}

/** `month(sold_at)`, `bucket(16, id)`; the bare column for identity. */
function transformSql(transform: Transform, schema: Schema, sourceId: number): string {
  const source = fieldPath(schema, sourceId) ?? `field ${sourceId}`;
  const text = transformToString(transform);
  if (text === 'identity') return source;
  const [, name, argument] = /^(\w+)\[(.+)\]$/.exec(text) ?? [];
  return name === undefined ? `${text}(${source})` : `${name}(${argument}, ${source})`;
}

function refs(metadata: TableMetadata): RefDetails[] {
  return Object.entries(metadata.refs).map(([name, ref]) => ({
    name,
    type: ref.type,
    snapshotId: String(ref.snapshotId),
  }));
}

function snapshots(metadata: TableMetadata): SnapshotDetails[] {
  const named = refs(metadata);
  return metadata.snapshots
    .map(snapshot => ({
      id: String(snapshot.snapshotId),
      parentId: snapshot.parentSnapshotId === undefined ? undefined : String(snapshot.parentSnapshotId),
      timestampMs: snapshot.timestampMs,
      operation: snapshot.operation,
      summary: snapshot.summary,
      isCurrent: snapshot.snapshotId === metadata.currentSnapshotId,
      refs: named.filter(ref => ref.snapshotId === String(snapshot.snapshotId)).map(ref => ref.name),
    }))
    .sort((a, b) => b.timestampMs - a.timestampMs);
}

/** `sold_at_month=2026-01`; empty for an unpartitioned table. */
function partitionText(metadata: TableMetadata, specId: number, values: readonly (Value | null)[]): string {
  return specById(metadata, specId)
    .fields.map((field, index) => {
      const value = values[index] ?? null;
      // The source column may have been dropped since.
      const source = metadata.schemas.map(schema => findField(schema, field.sourceId)).find(found => found);
      const text = source === undefined ? String(value) : transformHuman(field.transform, source.type, value);
      return `${field.name}=${text}`;
    })
    .join(', ');
}
