// What changes of the table `m` mean for its rows, and what its history of commits must look like then.
import type { Lake } from '../../../src/catalog/open-lake.ts';
import type { TableMetadata } from '../../../src/iceberg/metadata.ts';
import { currentSchema } from '../../../src/iceberg/metadata.ts';
import { parseTableMetadata } from '../../../src/iceberg/metadata-json.ts';
import type { OpenLake } from '../support/lakes.ts';
import type { Recorded } from '../support/recorder.ts';

export const partitions = 4;
/** Ids that every process upserts. */
export const sharedKeys: readonly number[] = Array.from({ length: 12 }, (_, id) => id);

export type MixedCall =
  | { readonly kind: 'append'; readonly p: number; readonly ids: readonly number[] }
  | { readonly kind: 'upsert'; readonly rows: readonly { readonly id: number; readonly n: number }[] }
  | {
      readonly kind: 'delete' | 'update';
      readonly p: number;
      readonly divisor: number;
      readonly rest: number;
    }
  | { readonly kind: 'evolve'; readonly column: string; readonly drop: boolean }
  | { readonly kind: 'rollback'; readonly to: string }
  | { readonly kind: 'compact' | 'expire' | 'read' };

export interface MixedAnswer {
  /** Absent when nothing was to be done. */
  readonly snapshotId?: string;
  /** Rows inserted, updated and deleted. */
  readonly counts?: readonly number[];
  readonly expired?: number;
  /** Files that expiry couldn't delete. */
  readonly failed?: number;
  readonly moved?: boolean;
  readonly rows?: readonly Row[];
}

/** id, p, n */
export type Row = readonly [number, number, number];

export type MixedRecord = Recorded<MixedCall, MixedAnswer>;

export async function readRows(open: OpenLake, at = ''): Promise<Row[]> {
  const rows = await open.rows(`SELECT id, p, n FROM m ${at} ORDER BY id`);
  return rows.map(row => row.map(Number) as unknown as Row);
}

type State = ReadonlyMap<number, Row>;

/** The rows after a change, and what it has to answer. */
function apply(state: State, call: MixedCall): { readonly state: State; readonly counts: readonly number[] } {
  const after = new Map(state);
  const counts = [0, 0, 0] as [number, number, number];
  switch (call.kind) {
    case 'append':
      for (const id of call.ids) after.set(id, [id, call.p, 0]);
      counts[0] = call.ids.length;
      break;
    case 'upsert':
      for (const { id, n } of call.rows) {
        counts[state.has(id) ? 1 : 0]++;
        after.set(id, [id, id % partitions, n]);
      }
      break;
    case 'delete':
    case 'update':
      for (const [id, p, n] of state.values()) {
        if (p !== call.p || id % call.divisor !== call.rest) continue;
        counts[call.kind === 'delete' ? 2 : 1]++;
        if (call.kind === 'delete') after.delete(id);
        else after.set(id, [id, p, n + 1]);
      }
      break;
    default:
  }
  return { state: after, counts };
}

export function sorted(state: State): Row[] {
  return [...state.values()].sort((a, b) => a[0] - b[0]);
}

/** A commit as the catalog has it. */
interface Version {
  readonly metadata: TableMetadata;
  readonly location: string;
}

/**
 * The states of a table's metadata since the one at an address (all when absent), oldest first; the table must keep its
 * whole metadata log.
 */
export async function versionsOf({ catalog, storage, defaultNamespace }: Lake, name: string, after?: string) {
  const { metadata, metadataLocation } = await catalog.loadTable({ namespace: defaultNamespace, name });
  const locations = [...metadata.metadataLog.map(({ metadataFile }) => metadataFile), metadataLocation];
  const versions: Version[] = [];
  for (const location of locations.slice(after === undefined ? 0 : locations.indexOf(after) + 1)) {
    versions.push({ metadata: parseTableMetadata(await storage.read(location), location), location });
  }
  return versions;
}

const none: State = new Map();

/**
 * Replays commits in the catalog's order: each must be a call's, and each acknowledged call's must be there, once, with
 * the effect that the call has on the state before it; in an order that agrees with when the calls began and ended; and
 * reads must have seen the state of a moment at which they were under way. A call of unknown outcome may be there.
 */
export class Replay {
  /** What is wrong; empty when nothing is. */
  readonly faults: string[] = [];
  /** The rows of each snapshot. */
  readonly states = new Map<bigint, State>();
  readonly #versions: Version[];

  /** `first`: the state of the table before all calls. */
  constructor(first: Version) {
    this.#versions = [first];
  }

  /** Where the commits that were replayed end. */
  get last(): Version {
    return this.#versions.at(-1)!;
  }

  /** The rows as they are after what was replayed. */
  get rows(): Row[] {
    return this.#rowsOf(this.last);
  }

  #rowsOf({ metadata: { currentSnapshotId } }: Version): Row[] {
    return sorted((currentSnapshotId === undefined ? undefined : this.states.get(currentSnapshotId)) ?? none);
  }

  /** Replays further commits, which are those of further calls; of these at most one may have an unknown outcome. */
  advance(versions: readonly Version[], records: readonly MixedRecord[]): void {
    const start = this.#versions.length;
    const expected = new Expected(records, this.faults);
    const places = new Map<MixedRecord, number>();
    for (const version of versions) {
      const index = this.#versions.push(version) - 1;
      for (const record of this.#step(this.#versions[index - 1]!, version, expected)) {
        if (places.has(record)) this.faults.push(`${nameOf(record)} is in the history twice`);
        places.set(record, index);
      }
    }
    this.faults.push(...expected.left(places));
    this.faults.push(...realTimeFaults(places));
    const rowsAt = (index: number) => JSON.stringify(this.#rowsOf(this.#versions[index]!));
    this.faults.push(...readFaults(start - 1, this.#versions.length - 1, records, rowsAt, places));
  }

  /** The call that a commit is of; several calls are a fault. */
  #step(previous: Version, { metadata, location }: Version, expected: Expected): MixedRecord[] {
    const { faults } = this;
    const before = previous.metadata;
    const found: MixedRecord[] = [];
    const known = new Set(before.snapshots.map(({ snapshotId }) => snapshotId));
    const there = new Set(metadata.snapshots.map(({ snapshotId }) => snapshotId));
    const made = metadata.snapshots.filter(({ snapshotId }) => !known.has(snapshotId));
    const gone = [...known].filter(id => !there.has(id));
    const columns = columnChanges(before, metadata);
    const moved = made.length === 0 && metadata.currentSnapshotId !== before.currentSnapshotId;
    const changes = made.length + columns.length + Number(moved) + Number(gone.length > 0);
    if (changes !== 1) faults.push(`${location} is ${changes} changes at once`);
    if (metadata.lastUpdatedMs < before.lastUpdatedMs) faults.push(`time runs backwards in ${location}`);
    for (const { snapshotId, parentSnapshotId } of made) {
      const record = expected.ofSnapshot(String(snapshotId));
      if (record === undefined) {
        faults.push(`nobody asked for snapshot ${snapshotId} in ${location}`);
        continue;
      }
      found.push(record);
      if (parentSnapshotId !== before.currentSnapshotId || metadata.currentSnapshotId !== snapshotId) {
        faults.push(`${nameOf(record)} does not follow the snapshot before it`);
      }
      const parent = parentSnapshotId === undefined ? none : this.states.get(parentSnapshotId);
      if (parent === undefined) {
        faults.push(`${nameOf(record)} builds on a snapshot that nobody asked for`);
        continue;
      }
      const { state, counts } = apply(parent, record.call);
      this.states.set(snapshotId, state);
      const told = record.answer?.counts;
      if (told !== undefined && String(told) !== String(counts)) {
        faults.push(`${nameOf(record)} answered ${told} rows, but ${counts} is right`);
      }
    }
    for (const change of columns) {
      const record = expected.ofColumn(change);
      if (record === undefined) faults.push(`nobody asked for the column ${change} in ${location}`);
      else found.push(record);
    }
    if (moved) expected.takeRollback(String(metadata.currentSnapshotId), location);
    if (gone.length > 0) expected.takeExpiry(gone.length, location);
    return found;
  }
}

function nameOf({ process, number, call }: MixedRecord): string {
  return `${call.kind} ${process}.${number}`;
}

/** The calls that commits have to be of. */
class Expected {
  readonly #bySnapshot = new Map<string, MixedRecord>();
  readonly #byColumn = new Map<string, MixedRecord>();
  readonly #rollbacks: string[] = [];
  readonly #expiries: number[] = [];
  readonly #faults: string[];
  /** What a call of unknown outcome may have done, if it isn't known to have. */
  #unknown: MixedRecord | undefined;

  constructor(records: readonly MixedRecord[], faults: string[]) {
    this.#faults = faults;
    const unknown = records.filter(({ outcome }) => outcome === 'unknown');
    if (unknown.length > 1) throw new Error('Several calls have an unknown outcome.');
    this.#unknown = unknown[0];
    for (const record of records) if (record.outcome === 'ok') this.#expect(record);
  }

  #expect(record: MixedRecord): void {
    const { call, answer } = record;
    if (answer?.snapshotId !== undefined) {
      const other = this.#bySnapshot.get(answer.snapshotId);
      if (other !== undefined)
        this.#faults.push(`${nameOf(record)} and ${nameOf(other)} say they made one snapshot`);
      this.#bySnapshot.set(answer.snapshotId, record);
    }
    if (call.kind === 'evolve') this.#byColumn.set(columnOf(call), record);
    if (call.kind === 'rollback' && answer!.moved) this.#rollbacks.push(call.to);
    if (call.kind === 'expire' && answer!.expired! > 0) this.#expiries.push(answer!.expired!);
    if (call.kind === 'expire' && answer!.failed! > 0)
      this.#faults.push(`${nameOf(record)} could not delete files`);
  }

  #takeUnknown(isRight: (call: MixedCall) => boolean): MixedRecord | undefined {
    const unknown = this.#unknown;
    if (unknown === undefined || !isRight(unknown.call)) return undefined;
    this.#unknown = undefined;
    return unknown;
  }

  ofSnapshot(snapshotId: string): MixedRecord | undefined {
    const kinds = ['append', 'upsert', 'delete', 'update', 'compact'];
    return this.#bySnapshot.get(snapshotId) ?? this.#takeUnknown(({ kind }) => kinds.includes(kind));
  }

  ofColumn(change: string): MixedRecord | undefined {
    const isRight = (call: MixedCall) => call.kind === 'evolve' && columnOf(call) === change;
    return this.#byColumn.get(change) ?? this.#takeUnknown(isRight);
  }

  takeRollback(to: string, location: string): void {
    const index = this.#rollbacks.indexOf(to);
    if (index >= 0) this.#rollbacks.splice(index, 1);
    else if (this.#takeUnknown(call => call.kind === 'rollback' && call.to === to) === undefined)
      this.#faults.push(`nobody asked for the rollback in ${location}`);
  }

  takeExpiry(snapshots: number, location: string): void {
    const index = this.#expiries.indexOf(snapshots);
    if (index >= 0) this.#expiries.splice(index, 1);
    else if (this.#takeUnknown(({ kind }) => kind === 'expire') === undefined)
      this.#faults.push(`nobody asked for ${snapshots} expired snapshots in ${location}`);
  }

  /** Acknowledged calls that are in no commit. */
  left(places: ReadonlyMap<MixedRecord, number>): string[] {
    const missing = [...this.#bySnapshot.values(), ...this.#byColumn.values()].filter(
      record => !places.has(record),
    );
    const faults = missing.map(record => `${nameOf(record)} was acknowledged and is not in the history`);
    if (this.#rollbacks.length > 0) faults.push(`rollbacks to ${this.#rollbacks} are not in the history`);
    if (this.#expiries.length > 0) faults.push(`expiries of ${this.#expiries} are not in the history`);
    return faults;
  }
}

function columnOf({ column, drop }: Extract<MixedCall, { kind: 'evolve' }>): string {
  return `${drop ? '-' : '+'}${column}`;
}

/** `+name` and `-name` of columns that came and went. */
function columnChanges(before: TableMetadata, after: TableMetadata): string[] {
  const names = (metadata: TableMetadata) => new Set(currentSchema(metadata).fields.map(field => field.name));
  const [old, now] = [names(before), names(after)];
  return [
    ...[...now].filter(each => !old.has(each)).map(each => `+${each}`),
    ...[...old].filter(each => !now.has(each)).map(each => `-${each}`),
  ];
}

/** A call that ended before another began must come before it. */
function realTimeFaults(places: ReadonlyMap<MixedRecord, number>): string[] {
  const faults: string[] = [];
  const inOrder = [...places].sort(([, a], [, b]) => a - b).map(([record]) => record);
  // From the back: the earliest end of those that come later in the history.
  let earliest: MixedRecord | undefined;
  for (const record of inOrder.reverse()) {
    if (earliest !== undefined && earliest.completed < record.invoked) {
      faults.push(
        `${nameOf(record)} began after ${nameOf(earliest)} had ended, and is before it in the history`,
      );
    }
    if (earliest === undefined || record.completed < earliest.completed) earliest = record;
  }
  return faults;
}

function readFaults(
  first: number,
  last: number,
  records: readonly MixedRecord[],
  rowsAt: (index: number) => string,
  places: ReadonlyMap<MixedRecord, number>,
): string[] {
  const faults: string[] = [];
  for (const record of records) {
    if (record.call.kind !== 'read' || record.outcome !== 'ok') continue;
    const seen = JSON.stringify(record.answer!.rows);
    let [from, to] = [first, last];
    for (const [other, index] of places) {
      if (other.completed < record.invoked) from = Math.max(from, index);
      if (other.invoked > record.completed) to = Math.min(to, index - 1);
    }
    const moments = Array.from({ length: to - from + 1 }, (_, offset) => from + offset);
    if (!moments.some(index => rowsAt(index) === seen)) {
      faults.push(`${nameOf(record)} saw rows that the table had at no moment from version ${from} to ${to}`);
    }
  }
  return faults;
}
