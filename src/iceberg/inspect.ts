import { NotFoundError } from './errors.ts';
import type { InspectResult } from './inspect/columns.ts';
import { distinctManifests, entriesTable, filesTable } from './inspect/files.ts';
import { allManifestsTable, manifestsTable } from './inspect/manifests.ts';
import { partitionsTable } from './inspect/partitions.ts';
import { historyTable, metadataLogEntriesTable, refsTable, snapshotsTable } from './inspect/snapshots.ts';
import type { FileIO } from './io.ts';
import { snapshotManifests } from './manifest-list.ts';
import { currentSnapshot, type Snapshot, snapshotById, type TableMetadata } from './metadata.ts';

export type { InspectColumn, InspectResult } from './inspect/columns.ts';

export interface InspectContext {
  readonly metadata: TableMetadata;
  readonly metadataLocation: string;
  readonly io: FileIO;
  /** For the tables about one snapshot: the current one when absent. */
  readonly snapshotId?: bigint;
}

type Inspect = (context: InspectContext) => InspectResult | Promise<InspectResult>;

const tables: Readonly<Record<string, Inspect>> = {
  snapshots: c => snapshotsTable(c.metadata),
  history: c => historyTable(c.metadata),
  refs: c => refsTable(c.metadata),
  metadata_log_entries: c => metadataLogEntriesTable(c.metadata, c.metadataLocation),
  manifests: c => manifestsTable(c.metadata, snapshotOf(c), c.io),
  all_manifests: c => allManifestsTable(c.metadata, c.io),
  files: async c => filesTable(c.metadata, await manifestsOf(c), c.io, 'all'),
  data_files: async c => filesTable(c.metadata, await manifestsOf(c), c.io, 'data'),
  delete_files: async c => filesTable(c.metadata, await manifestsOf(c), c.io, 'deletes'),
  all_files: async c => filesTable(c.metadata, await allManifestsOf(c), c.io, 'all'),
  all_data_files: async c => filesTable(c.metadata, await allManifestsOf(c), c.io, 'data'),
  all_delete_files: async c => filesTable(c.metadata, await allManifestsOf(c), c.io, 'deletes'),
  entries: async c => entriesTable(c.metadata, await manifestsOf(c), c.io),
  all_entries: async c => entriesTable(c.metadata, await allManifestsOf(c), c.io),
  partitions: async c => partitionsTable(c.metadata, await manifestsOf(c), c.io),
};

/** The names of the metadata tables, as they stand behind `$` in SQL. */
export const metadataTableNames: readonly string[] = Object.keys(tables);

/** Everything that stands behind `$`: rows of the last two are in the table's files, which the engine reads. */
export const dollarNames: readonly string[] = [...metadataTableNames, 'position_deletes', 'changes'];

/**
 * A metadata table as plain rows, with the columns that Iceberg's other engines give it. `name` is one of
 * metadataTableNames, in any case. @throws NotFoundError('metadata table' or 'snapshot'), CorruptFileError
 */
export async function inspectTable(name: string, context: InspectContext): Promise<InspectResult> {
  const key = name.replace(/^\$/, '').toLowerCase();
  const inspect = Object.hasOwn(tables, key) ? tables[key] : undefined;
  if (inspect === undefined) {
    throw new NotFoundError('metadata table', `There is no metadata table $${key}.`, {
      hint: `The metadata tables are ${dollarNames.map(n => `$${n}`).join(', ')}.`,
    });
  }
  return inspect(context);
}

function snapshotOf({ metadata, snapshotId }: InspectContext): Snapshot | undefined {
  if (snapshotId === undefined) return currentSnapshot(metadata);
  const snapshot = snapshotById(metadata, snapshotId);
  if (snapshot !== undefined) return snapshot;
  throw new NotFoundError('snapshot', `The table at ${metadata.location} has no snapshot ${snapshotId}.`);
}

async function manifestsOf(context: InspectContext) {
  const snapshot = snapshotOf(context);
  return snapshot === undefined ? [] : snapshotManifests(context.io, snapshot);
}

function allManifestsOf(context: InspectContext) {
  return distinctManifests(context.metadata.snapshots, context.io);
}
