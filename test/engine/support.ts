import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { DuckDb } from '../../src/engine/duckdb.ts';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import type { ByteRange } from '../../src/iceberg/io.ts';
import type { TableMetadata } from '../../src/iceberg/metadata.ts';
import type { PartitionSpec } from '../../src/iceberg/partition.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { SortOrder } from '../../src/iceberg/sort.ts';
import type { Type } from '../../src/iceberg/types.ts';
import type { ReadRequest, StagingArea, Storage } from '../../src/storage/storage.ts';

const temporaryFolders: string[] = [];
afterAll(() => {
  for (const folder of temporaryFolders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes away after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-engine-'));
  temporaryFolders.push(folder);
  return folder;
}

/** An engine that closes after the test file. */
export async function openDuckDb(options: { memoryLimit?: string; threads?: number } = {}): Promise<DuckDb> {
  const duckdb = await DuckDb.open({
    tempDirectory: path.join(temporaryFolder(), 'tmp'),
    threads: 2,
    ...options,
  });
  afterAll(() => duckdb.close());
  return duckdb;
}

/** The parts of a local storage that reading and writing data files needs; counts what is published. */
export class DataFolder implements Pick<Storage, 'read' | 'localPaths' | 'stage' | 'delete'> {
  readonly root = temporaryFolder();
  published = 0;
  /** When set, publishing this many files fails. */
  failAfter = Number.POSITIVE_INFINITY;
  #stages = 0;

  get storage(): Storage {
    return this as unknown as Storage;
  }

  get location(): string {
    return `file://${path.join(this.root, 'table')}`;
  }

  async localPaths(files: readonly ReadRequest[]): Promise<string[]> {
    return files.map(file => localPath(file.location));
  }

  async read(location: string, range?: ByteRange): Promise<Uint8Array> {
    return (await readFile(localPath(location))).subarray(range?.start, range?.end);
  }

  async delete(location: string): Promise<void> {
    await rm(localPath(location), { force: true });
  }

  async stage(): Promise<StagingArea> {
    const folder = path.join(this.root, `stage-${this.#stages++}`);
    mkdirSync(folder, { recursive: true });
    return {
      path: folder,
      publish: async (source, location) => {
        if (this.published >= this.failAfter) throw new Error('disk full');
        this.published++;
        await mkdir(path.dirname(localPath(location)), { recursive: true });
        await rename(source, localPath(location));
      },
      discard: () => rm(folder, { recursive: true, force: true }),
    };
  }
}

/** Iceberg's locations are plain text: percent signs in them are part of the file's name. */
export function localPath(location: string): string {
  return location.replace(/^file:\/\//, '');
}

export interface TestTable {
  readonly location: string;
  readonly schema: Schema;
  readonly spec?: PartitionSpec;
  readonly sortOrder?: SortOrder;
  readonly schemas?: readonly Schema[];
  readonly properties?: Readonly<Record<string, string>>;
}

/** Metadata of a table without snapshots. */
export function tableMetadata(table: TestTable): TableMetadata {
  const spec = table.spec ?? { specId: 0, fields: [] };
  const sortOrder = table.sortOrder ?? { orderId: 0, fields: [] };
  return {
    formatVersion: 2,
    tableUuid: '00000000-0000-4000-8000-000000000000',
    location: table.location,
    lastSequenceNumber: 0,
    lastUpdatedMs: 0,
    lastColumnId: 1000,
    schemas: table.schemas ?? [table.schema],
    currentSchemaId: table.schema.schemaId,
    partitionSpecs: [spec],
    defaultSpecId: spec.specId,
    lastPartitionId: 999 + spec.fields.length,
    sortOrders: [sortOrder],
    defaultSortOrderId: sortOrder.orderId,
    properties: table.properties ?? {},
    snapshots: [],
    snapshotLog: [],
    metadataLog: [],
    refs: {},
    statistics: [],
    partitionStatistics: [],
  };
}

/** A schema of optional columns with ids 1, 2, ...; nested types bring their own ids. */
export function schemaOf(columns: Readonly<Record<string, Type>>, required: readonly string[] = []): Schema {
  return {
    schemaId: 0,
    fields: Object.entries(columns).map(([name, type], index) => ({
      id: index + 1,
      name,
      required: required.includes(name),
      type,
    })),
    identifierFieldIds: [],
  };
}

/** A data file entry for a Parquet file that some other tool wrote. */
export async function foreignFile(file: string, extra: Partial<DataFile> = {}): Promise<DataFile> {
  return {
    content: 0,
    filePath: `file://${file}`,
    fileFormat: 'PARQUET',
    specId: 0,
    partition: [],
    recordCount: 0,
    fileSizeInBytes: (await stat(file)).size,
    ...extra,
  };
}
