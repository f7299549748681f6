import { ValidationError } from './errors.ts';
import { asLong, asString } from './json.ts';
import { mainBranch, type Snapshot, type SnapshotRef, snapshotById, type TableMetadata } from './metadata.ts';
import { DefinitionsBuilder } from './metadata-definitions.ts';
import { integerProperty, propertyDefaults, propertyNames } from './properties.ts';
import { checkNewSnapshot, checkRef } from './snapshot-checks.ts';
import { asFormatVersion, checkProperties } from './table-checks.ts';
import type { TableUpdate } from './updates.ts';

export { checkRequirements } from './metadata-requirements.ts';

export interface ApplyOptions {
  /** Address of the file `base` was read from, which goes into the metadata log. Absent: no entry is made. */
  readonly previousMetadataLocation?: string;
  /** Milliseconds since the epoch; the clock's when absent. */
  readonly nowMs?: number;
}

/**
 * The table's metadata after updates, applied in order (REST catalog specification, `TableUpdate`). A schema,
 * spec or sort order that is there already isn't added again; new ones get the next free ids.
 * @throws ValidationError when the updates can't be applied, or leave metadata that contradicts itself
 * @throws CommitConflictError for a snapshot made on an older state of the table: it has to be made anew
 * @throws UnsupportedError for an upgrade to a newer format version
 */
export function applyUpdates(
  base: TableMetadata,
  updates: readonly TableUpdate[],
  options: ApplyOptions = {},
): TableMetadata {
  const builder = new MetadataBuilder(base, options.nowMs ?? Date.now());
  for (const update of updates) builder.apply(update);
  return builder.build(options.previousMetadataLocation);
}

type Draft = { -readonly [K in keyof TableMetadata]: TableMetadata[K] };
type Statistics = Readonly<Record<string, unknown>>;

class MetadataBuilder {
  readonly #base: TableMetadata;
  readonly #draft: Draft;
  readonly #definitions: DefinitionsBuilder;
  readonly #addedSnapshots = new Set<bigint>();

  constructor(base: TableMetadata, nowMs: number) {
    this.#base = base;
    // Time doesn't run backwards, whatever the clocks of several machines say.
    this.#draft = { ...base, lastUpdatedMs: Math.max(nowMs, base.lastUpdatedMs) };
    this.#definitions = new DefinitionsBuilder(this.#draft);
  }

  apply(update: TableUpdate): void {
    const draft = this.#draft;
    switch (update.action) {
      case 'assign-uuid':
        this.#assignUuid(update.uuid);
        break;
      case 'upgrade-format-version':
        this.#upgrade(update.formatVersion);
        break;
      case 'add-schema':
        this.#definitions.addSchema(update.schema, update.lastColumnId);
        break;
      case 'set-current-schema':
        this.#definitions.setCurrentSchema(update.schemaId);
        break;
      case 'add-spec':
        this.#definitions.addSpec(update.spec);
        break;
      case 'set-default-spec':
        this.#definitions.setDefaultSpec(update.specId);
        break;
      case 'add-sort-order':
        this.#definitions.addSortOrder(update.sortOrder);
        break;
      case 'set-default-sort-order':
        this.#definitions.setDefaultSortOrder(update.sortOrderId);
        break;
      case 'remove-partition-specs':
        this.#definitions.removeSpecs(update.specIds);
        break;
      case 'remove-schemas':
        this.#definitions.removeSchemas(update.schemaIds);
        break;
      case 'add-snapshot':
        this.#addSnapshot(update.snapshot);
        break;
      case 'remove-snapshots':
        this.#removeSnapshots(new Set(update.snapshotIds));
        break;
      case 'set-snapshot-ref':
        this.#setRef(update.refName, update.ref);
        break;
      case 'remove-snapshot-ref':
        this.#removeRef(update.refName);
        break;
      case 'set-location':
        this.#setLocation(update.location);
        break;
      case 'set-properties':
        this.#setProperties(update.updates);
        break;
      case 'remove-properties':
        this.#removeProperties(new Set(update.removals));
        break;
      case 'set-statistics':
        draft.statistics = this.#withStatistics(draft.statistics, update.statistics);
        break;
      case 'remove-statistics':
        draft.statistics = withoutStatistics(draft.statistics, new Set([update.snapshotId]));
        break;
      case 'set-partition-statistics':
        draft.partitionStatistics = this.#withStatistics(draft.partitionStatistics, update.statistics);
        break;
      case 'remove-partition-statistics':
        draft.partitionStatistics = withoutStatistics(
          draft.partitionStatistics,
          new Set([update.snapshotId]),
        );
        break;
      default:
        // Updates come from other programs too.
        throw new ValidationError(`There is no table update "${(update as { action: unknown }).action}".`);
    }
  }

  build(previousMetadataLocation: string | undefined): TableMetadata {
    this.#definitions.check(this.#base);
    const draft = this.#draft;
    draft.snapshotLog = this.#snapshotLog();
    if (previousMetadataLocation !== undefined) {
      const entry = { metadataFile: previousMetadataLocation, timestampMs: this.#base.lastUpdatedMs };
      const name = propertyNames.metadataPreviousVersionsMax;
      const kept = Math.max(1, integerProperty(draft.properties, name, propertyDefaults[name]));
      draft.metadataLog = [...draft.metadataLog, entry].slice(-kept);
    }
    // Fields that are undefined have no place in the JSON form, nor in comparisons.
    if (draft.currentSnapshotId === undefined) delete draft.currentSnapshotId;
    return draft;
  }

  #assignUuid(uuid: string): void {
    const draft = this.#draft;
    if (uuid.toLowerCase() === draft.tableUuid.toLowerCase()) return;
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) {
      throw new ValidationError(`"${uuid}" is no UUID.`);
    }
    // The UUID is how writers notice that another table took a table's place.
    if (draft.snapshots.length > 0) {
      throw new ValidationError(
        `The table has the UUID ${draft.tableUuid} already, and can't get another one.`,
      );
    }
    draft.tableUuid = uuid;
  }

  #upgrade(version: number): void {
    const draft = this.#draft;
    const formatVersion = asFormatVersion(version);
    if (formatVersion < draft.formatVersion) {
      throw new ValidationError(
        `The table has format version ${draft.formatVersion}, and can't go back to ${formatVersion}.`,
        { hint: 'Copy its rows into a new table of that version instead.' },
      );
    }
    if (formatVersion === 3 && draft.formatVersion < 3) draft.nextRowId = 0;
    draft.formatVersion = formatVersion;
  }

  #addSnapshot(snapshot: Snapshot): void {
    const draft = this.#draft;
    checkNewSnapshot(snapshot, draft);
    draft.snapshots = [...draft.snapshots, snapshot];
    draft.lastSequenceNumber = snapshot.sequenceNumber;
    draft.lastUpdatedMs = Math.max(draft.lastUpdatedMs, snapshot.timestampMs);
    if (draft.formatVersion === 3) draft.nextRowId = snapshot.firstRowId! + snapshot.addedRows!;
    this.#addedSnapshots.add(snapshot.snapshotId);
  }

  #removeSnapshots(snapshotIds: ReadonlySet<bigint>): void {
    const draft = this.#draft;
    draft.snapshots = draft.snapshots.filter(snapshot => !snapshotIds.has(snapshot.snapshotId));
    draft.statistics = withoutStatistics(draft.statistics, snapshotIds);
    draft.partitionStatistics = withoutStatistics(draft.partitionStatistics, snapshotIds);
    for (const [name, ref] of Object.entries(draft.refs)) {
      if (snapshotIds.has(ref.snapshotId)) this.#removeRef(name);
    }
    if (draft.currentSnapshotId !== undefined && snapshotIds.has(draft.currentSnapshotId)) {
      draft.currentSnapshotId = undefined;
    }
  }

  #setRef(name: string, ref: SnapshotRef): void {
    const draft = this.#draft;
    checkRef(name, ref);
    const snapshot = this.#requireSnapshot(ref.snapshotId, `"${name}" can't be set to it`);
    draft.refs = { ...draft.refs, [name]: ref };
    if (name !== mainBranch || draft.currentSnapshotId === ref.snapshotId) return;
    draft.currentSnapshotId = ref.snapshotId;
    // Going back to an old snapshot happens now; a new one counts from when it was made.
    const timestampMs = this.#addedSnapshots.has(ref.snapshotId) ? snapshot.timestampMs : draft.lastUpdatedMs;
    draft.snapshotLog = [...draft.snapshotLog, { snapshotId: ref.snapshotId, timestampMs }];
  }

  #removeRef(name: string): void {
    const draft = this.#draft;
    const { [name]: _, ...refs } = draft.refs;
    draft.refs = refs;
    if (name === mainBranch) draft.currentSnapshotId = undefined;
  }

  #setLocation(location: string): void {
    if (location === '') throw new ValidationError("A table's location can't be empty.");
    this.#draft.location = location;
  }

  /** `format-version` is no property that is stored, but setting it is how SQL asks for an upgrade. */
  #setProperties(updates: Readonly<Record<string, string>>): void {
    const { [propertyNames.formatVersion]: version, ...stored } = updates;
    checkProperties(stored);
    if (version !== undefined) this.#upgrade(integerProperty(updates, propertyNames.formatVersion, 0));
    this.#draft.properties = { ...this.#draft.properties, ...stored };
  }

  #removeProperties(names: ReadonlySet<string>): void {
    const kept = Object.entries(this.#draft.properties).filter(([name]) => !names.has(name));
    this.#draft.properties = Object.fromEntries(kept);
  }

  #withStatistics(all: readonly Statistics[], added: Statistics): Statistics[] {
    const snapshotId = asLong(added['snapshot-id'], 'snapshot-id of statistics');
    asString(added['statistics-path'], 'statistics-path');
    this.#requireSnapshot(snapshotId, "it can't get statistics");
    return [...withoutStatistics(all, new Set([snapshotId])), added];
  }

  #requireSnapshot(snapshotId: bigint, consequence: string): Snapshot {
    const snapshot = snapshotById(this.#draft, snapshotId);
    if (snapshot !== undefined) return snapshot;
    throw new ValidationError(`The table has no snapshot ${snapshotId}: ${consequence}.`);
  }

  /**
   * The log without snapshots that were the head of main only within this commit. Where a snapshot was removed,
   * all entries up to it go: otherwise its predecessor would seem to have been current in its time too.
   */
  #snapshotLog(): TableMetadata['snapshotLog'] {
    const draft = this.#draft;
    const lastRemoved = draft.snapshotLog.findLastIndex(
      ({ snapshotId }) => snapshotById(draft, snapshotId) === undefined,
    );
    const hasRemoved = draft.snapshots.length < this.#base.snapshots.length + this.#addedSnapshots.size;
    return draft.snapshotLog.filter(({ snapshotId }, index) => {
      if (hasRemoved && index <= lastRemoved) return false;
      return !this.#addedSnapshots.has(snapshotId) || snapshotId === draft.currentSnapshotId;
    });
  }
}

function withoutStatistics(all: readonly Statistics[], snapshotIds: ReadonlySet<bigint>): Statistics[] {
  return all.filter(entry => !snapshotIds.has(asLong(entry['snapshot-id'], 'snapshot-id of statistics')));
}
