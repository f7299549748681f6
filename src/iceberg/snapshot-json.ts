import { ValidationError } from './errors.ts';
import { asArray, asInteger, asLong, asObject, asString, type JsonObject, unknownFields } from './json.ts';
import type { Snapshot, SnapshotRef } from './metadata.ts';

const operations: ReadonlySet<string> = new Set(['append', 'replace', 'overwrite', 'delete']);

/** A field that may be missing; other writers also write null for it. */
export function optional<T>(
  object: JsonObject,
  name: string,
  where: string,
  read: (value: unknown, where: string) => T,
): T | undefined {
  const value = object[name];
  return value === undefined || value === null ? undefined : read(value, `${where}${name}`);
}

/** A map of strings, as properties and summaries are. @throws ValidationError */
export function asStringMap(value: unknown, where: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(asObject(value, where)).map(([key, text]) => [key, asString(text, `${where}: ${key}`)]),
  );
}

/** The object without the fields that are undefined, for `toEqual` and spreading. */
export function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

const snapshotFields: ReadonlySet<string> = new Set([
  'snapshot-id',
  'parent-snapshot-id',
  'sequence-number',
  'timestamp-ms',
  'manifest-list',
  'manifests',
  'summary',
  'schema-id',
  'first-row-id',
  'added-rows',
]);

/** The id of a snapshot that may be missing: null and -1, which some writers use, mean the same. */
export function optionalSnapshotId(object: JsonObject, name: string, where = ''): bigint | undefined {
  const id = optional(object, name, where, asLong);
  return id === -1n ? undefined : id;
}

/**
 * Reads a snapshot (spec: "Snapshots"). Where the operation is missing, as v1 allows, or isn't one of the
 * specification's, it counts as an overwrite: anything may have changed.
 * @throws ValidationError
 */
export function parseSnapshot(json: unknown, where: string): Snapshot {
  const object = asObject(json, where);
  const snapshotId = asLong(object['snapshot-id'], `${where}: snapshot-id`);
  const at = `Snapshot ${snapshotId}: `;
  const manifestList = optional(object, 'manifest-list', at, asString);
  const manifests =
    manifestList === undefined
      ? optional(object, 'manifests', at, asArray)?.map(path => asString(path, `${at}manifests`))
      : undefined;
  if (manifestList === undefined && manifests === undefined) {
    throw new ValidationError(`${at}manifest-list is missing.`);
  }
  const { operation, ...summary } = optional(object, 'summary', at, asStringMap) ?? {};
  const known = operation === undefined || operations.has(operation);
  return {
    snapshotId,
    sequenceNumber: optional(object, 'sequence-number', at, asInteger) ?? 0,
    timestampMs: asInteger(object['timestamp-ms'], `${at}timestamp-ms`),
    operation: known ? ((operation ?? 'overwrite') as Snapshot['operation']) : 'overwrite',
    // What isn't understood stays in the summary, and so is written back.
    summary: known ? summary : { operation, ...summary },
    ...defined({
      parentSnapshotId: optionalSnapshotId(object, 'parent-snapshot-id', at),
      manifestList,
      manifests,
      schemaId: optional(object, 'schema-id', at, asInteger),
      firstRowId: optional(object, 'first-row-id', at, asInteger),
      addedRows: optional(object, 'added-rows', at, asInteger),
      extra: unknownFields(object, snapshotFields),
    }),
  };
}

/** The JSON form of a snapshot; v1 has no sequence numbers. */
export function snapshotToJson(snapshot: Snapshot, formatVersion: number): Record<string, unknown> {
  return {
    'snapshot-id': snapshot.snapshotId,
    'parent-snapshot-id': snapshot.parentSnapshotId,
    'sequence-number': formatVersion === 1 ? undefined : snapshot.sequenceNumber,
    'timestamp-ms': snapshot.timestampMs,
    summary: { operation: snapshot.operation, ...snapshot.summary },
    'manifest-list': snapshot.manifestList,
    manifests: snapshot.manifestList === undefined ? snapshot.manifests : undefined,
    'schema-id': snapshot.schemaId,
    'first-row-id': snapshot.firstRowId,
    'added-rows': snapshot.addedRows,
    ...snapshot.extra,
  };
}

const refFields: ReadonlySet<string> = new Set([
  'snapshot-id',
  'type',
  'min-snapshots-to-keep',
  'max-snapshot-age-ms',
  'max-ref-age-ms',
]);

/** Reads a branch or tag (spec: "Snapshot References"). @throws ValidationError */
export function parseRef(json: unknown, where: string): SnapshotRef {
  const object = asObject(json, where);
  const at = `${where}: `;
  const type = asString(object.type, `${at}type`).toLowerCase();
  if (type !== 'branch' && type !== 'tag') {
    throw new ValidationError(`${at}type must be branch or tag, not "${type}".`);
  }
  return {
    snapshotId: asLong(object['snapshot-id'], `${at}snapshot-id`),
    type,
    ...defined({
      minSnapshotsToKeep: optional(object, 'min-snapshots-to-keep', at, asInteger),
      maxSnapshotAgeMs: optional(object, 'max-snapshot-age-ms', at, asAge),
      maxRefAgeMs: optional(object, 'max-ref-age-ms', at, asAge),
      extra: unknownFields(object, refFields),
    }),
  };
}

/** An age in milliseconds; Java's largest long stands for "for ever" and becomes the largest safe integer. */
function asAge(value: unknown, where: string): number {
  const age = asLong(value, where);
  return age > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : asInteger(Number(age), where);
}

export function refToJson(ref: SnapshotRef): Record<string, unknown> {
  return {
    'snapshot-id': ref.snapshotId,
    type: ref.type,
    'min-snapshots-to-keep': ref.minSnapshotsToKeep,
    'max-snapshot-age-ms': ref.maxSnapshotAgeMs,
    'max-ref-age-ms': ref.maxRefAgeMs,
    ...ref.extra,
  };
}
