import { ValidationError } from './errors.ts';

/**
 * Names of the table properties Lakebook knows, with their defaults (Iceberg's "Table properties"
 * configuration page). Properties not listed here are kept and passed on, and have no effect.
 */
export const propertyNames = {
  formatVersion: 'format-version',
  commitNumRetries: 'commit.retry.num-retries',
  commitMinRetryWaitMs: 'commit.retry.min-wait-ms',
  commitMaxRetryWaitMs: 'commit.retry.max-wait-ms',
  commitTotalRetryTimeMs: 'commit.retry.total-timeout-ms',
  manifestTargetSizeBytes: 'commit.manifest.target-size-bytes',
  manifestMinMergeCount: 'commit.manifest.min-count-to-merge',
  manifestMergeEnabled: 'commit.manifest-merge.enabled',
  defaultFileFormat: 'write.format.default',
  targetFileSizeBytes: 'write.target-file-size-bytes',
  parquetCompression: 'write.parquet.compression-codec',
  parquetCompressionLevel: 'write.parquet.compression-level',
  parquetRowGroupSizeBytes: 'write.parquet.row-group-size-bytes',
  writeDataPath: 'write.data.path',
  objectStorageEnabled: 'write.object-storage.enabled',
  objectStoragePartitionedPaths: 'write.object-storage.partitioned-paths',
  writeMetadataPath: 'write.metadata.path',
  metadataCompression: 'write.metadata.compression-codec',
  metadataPreviousVersionsMax: 'write.metadata.previous-versions-max',
  metadataDeleteAfterCommit: 'write.metadata.delete-after-commit.enabled',
  metricsModeDefault: 'write.metadata.metrics.default',
  /** Followed by the column's dotted name. */
  metricsModeColumnPrefix: 'write.metadata.metrics.column.',
  metricsMaxInferredColumns: 'write.metadata.metrics.max-inferred-column-defaults',
  bloomFilterColumnPrefix: 'write.parquet.bloom-filter-enabled.column.',
  columnStatsPrefix: 'write.parquet.stats-enabled.column.',
  defaultNameMapping: 'schema.name-mapping.default',
  maxSnapshotAgeMs: 'history.expire.max-snapshot-age-ms',
  minSnapshotsToKeep: 'history.expire.min-snapshots-to-keep',
  maxRefAgeMs: 'history.expire.max-ref-age-ms',
  gcEnabled: 'gc.enabled',
} as const;

/** Defaults of the properties above, by property name. Those without one here have no default. */
export const propertyDefaults = {
  /** Iceberg's is 4, which is few where several writers share a table; the time is a limit too. */
  [propertyNames.commitNumRetries]: 20,
  [propertyNames.commitMinRetryWaitMs]: 100,
  /** Iceberg's is a minute: who waits longer than others work never gets its turn. */
  [propertyNames.commitMaxRetryWaitMs]: 1000,
  [propertyNames.commitTotalRetryTimeMs]: 1_800_000,
  [propertyNames.manifestTargetSizeBytes]: 8 * 1024 * 1024,
  [propertyNames.manifestMinMergeCount]: 100,
  [propertyNames.manifestMergeEnabled]: true,
  [propertyNames.defaultFileFormat]: 'parquet',
  [propertyNames.targetFileSizeBytes]: 512 * 1024 * 1024,
  [propertyNames.parquetCompression]: 'zstd',
  [propertyNames.parquetRowGroupSizeBytes]: 128 * 1024 * 1024,
  [propertyNames.metadataCompression]: 'none',
  [propertyNames.metadataPreviousVersionsMax]: 100,
  [propertyNames.metadataDeleteAfterCommit]: false,
  [propertyNames.metricsModeDefault]: 'truncate(16)',
  [propertyNames.metricsMaxInferredColumns]: 100,
  [propertyNames.maxSnapshotAgeMs]: 5 * 24 * 60 * 60 * 1000,
  [propertyNames.minSnapshotsToKeep]: 1,
  /** Refs other than main live for ever unless they say otherwise. */
  [propertyNames.maxRefAgeMs]: Number.MAX_SAFE_INTEGER,
  [propertyNames.gcEnabled]: true,
} as const;

/**
 * Properties that other Iceberg libraries show as part of a table's properties but that are not stored with
 * them: they mirror other metadata. `format-version` upgrades the table when it's set.
 */
export const reservedProperties: ReadonlySet<string> = new Set([
  propertyNames.formatVersion,
  'uuid',
  'snapshot-count',
  'current-snapshot-summary',
  'current-snapshot-id',
  'current-snapshot-timestamp-ms',
  'current-schema',
  'default-partition-spec',
  'default-sort-order',
]);

type Properties = Readonly<Record<string, string>>;

/** A property's value as a whole number. @throws ValidationError when it's set to something else. */
export function integerProperty(properties: Properties, name: string, fallback: number): number {
  const text = properties[name];
  if (text === undefined) return fallback;
  const value = Number(text.trim());
  if (text.trim() !== '' && Number.isSafeInteger(value)) return value;
  throw new ValidationError(`The table property '${name}' must be a whole number, but is '${text}'.`, {
    hint: `Set it to a number, or remove it: the default is ${fallback}.`,
  });
}

/** A property's value as true or false, in any case. @throws ValidationError when it's set to something else. */
export function booleanProperty(properties: Properties, name: string, fallback: boolean): boolean {
  const text = properties[name];
  if (text === undefined) return fallback;
  const value = text.trim().toLowerCase();
  if (value === 'true' || value === 'false') return value === 'true';
  throw new ValidationError(`The table property '${name}' must be true or false, but is '${text}'.`, {
    hint: `Set it to true or false, or remove it: the default is ${fallback}.`,
  });
}
