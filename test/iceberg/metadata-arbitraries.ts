import fc from 'fast-check';
import type { Snapshot, SnapshotRef, TableMetadata } from '../../src/iceberg/metadata.ts';
import { assignFreshIds, highestFieldId, type Schema } from '../../src/iceberg/schema.ts';
import type { NestedField, Type } from '../../src/iceberg/types.ts';
import { valueTypes } from './arbitraries.ts';

// Objects as a parser makes them, for strict comparison.
const plainRecord = <T, K extends keyof T = keyof T>(
  model: { [P in keyof T]: fc.Arbitrary<T[P]> },
  constraints: { requiredKeys?: K[] } = {},
) => fc.record<T, K>(model, { ...constraints, noNullPrototype: true });
const plainDictionary = <T>(
  key: fc.Arbitrary<string>,
  value: fc.Arbitrary<T>,
  constraints: fc.DictionaryConstraints,
) => fc.dictionary(key, value, { ...constraints, noNullPrototype: true });

const { type } = fc.letrec<{ type: Type }>(tie => ({
  type: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<Type>(...valueTypes, { kind: 'variant' }, { kind: 'geometry', parameters: 'OGC:CRS84' }),
    fields(tie('type')).map((f): Type => ({ kind: 'struct', fields: f })),
    plainRecord({ element: tie('type'), elementRequired: fc.boolean() }).map(
      (list): Type => ({ kind: 'list', elementId: 0, ...list }),
    ),
    plainRecord({ key: tie('type'), value: tie('type'), valueRequired: fc.boolean() }).map(
      (map): Type => ({ kind: 'map', keyId: 0, valueId: 0, ...map }),
    ),
  ),
}));

function fields(of: fc.Arbitrary<Type>): fc.Arbitrary<NestedField[]> {
  const field = plainRecord(
    {
      id: fc.constant(0),
      name: fc.string({ minLength: 1 }),
      required: fc.boolean(),
      type: of,
      doc: fc.string(),
    },
    { requiredKeys: ['id', 'name', 'required', 'type'] },
  );
  return fc.uniqueArray(field, { selector: f => f.name, minLength: 1, maxLength: 4 });
}

/** A schema of columns of any types, with ids from 1 in no other order than that of new tables. */
export const anySchema: fc.Arbitrary<Schema> = fields(type).map(
  f => assignFreshIds({ schemaId: 0, fields: f, identifierFieldIds: [] }).schema,
);

const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.integer(),
  // What no number of JavaScript can hold.
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
  fc.constant(null),
  plainRecord({ a: fc.array(fc.string()) }),
);

/** Fields that this version of the format doesn't have. */
const anyExtra = fc.option(
  plainDictionary(
    fc.string().map(name => `x-${name}`),
    anyJson,
    { minKeys: 1, maxKeys: 2 },
  ),
  { nil: undefined },
);

const anyStrings = plainDictionary(fc.string({ minLength: 1 }), fc.string(), { maxKeys: 3 });
export const anySnapshotId = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });

function without<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

function anySnapshot(snapshotId: bigint, index: number, formatVersion: number): fc.Arbitrary<Snapshot> {
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  return plainRecord({
    snapshotId: fc.constant(snapshotId),
    parentSnapshotId: maybe(anySnapshotId),
    sequenceNumber: fc.constant(formatVersion === 1 ? 0 : index + 1),
    timestampMs: count,
    list: fc.oneof(
      plainRecord({ manifestList: fc.string() }),
      ...(formatVersion === 1 ? [plainRecord({ manifests: fc.array(fc.string()) })] : []),
    ),
    operation: fc.constantFrom('append', 'replace', 'overwrite', 'delete'),
    summary: anyStrings.filter(summary => !Object.hasOwn(summary, 'operation')),
    schemaId: maybe(fc.constant(0)),
    rows: formatVersion === 3 ? plainRecord({ firstRowId: count, addedRows: count }) : fc.constant({}),
    extra: anyExtra,
  }).map(({ list, rows, ...snapshot }) => without({ ...snapshot, ...list, ...rows }));
}

const anyRef = (snapshotIds: readonly bigint[]): fc.Arbitrary<SnapshotRef> =>
  plainRecord(
    {
      snapshotId: fc.constantFrom(...snapshotIds),
      type: fc.constantFrom('branch', 'tag'),
      minSnapshotsToKeep: fc.integer({ min: 1 }),
      maxSnapshotAgeMs: count,
      maxRefAgeMs: count,
    },
    { requiredKeys: ['snapshotId', 'type'] },
  );

/** Any table metadata that doesn't contradict itself. */
export const anyMetadata: fc.Arbitrary<TableMetadata> = plainRecord({
  formatVersion: fc.constantFrom(1 as const, 2 as const, 3 as const),
  schema: anySchema,
  snapshotIds: fc.uniqueArray(anySnapshotId, { maxLength: 4 }),
  hasMain: fc.boolean(),
}).chain(({ formatVersion, schema, snapshotIds, hasMain }) => {
  const currentSnapshotId = hasMain ? snapshotIds.at(-1) : undefined;
  const refNames = fc.string({ minLength: 1 }).filter(name => name !== 'main');
  const refs =
    snapshotIds.length === 0
      ? fc.constant({})
      : plainDictionary(refNames, anyRef(snapshotIds), { maxKeys: 3 });
  const statistics = fc.array(
    plainRecord({
      'snapshot-id': anySnapshotId.map(id => (id > Number.MAX_SAFE_INTEGER ? id : Number(id))),
      'statistics-path': fc.string(),
      'blob-metadata': fc.array(plainRecord({ type: fc.string() }), { maxLength: 1 }),
    }),
    { maxLength: 2 },
  );
  return plainRecord({
    tableUuid: fc.uuid(),
    location: fc.string(),
    lastUpdatedMs: count,
    moreColumns: fc.nat({ max: 5 }),
    sourceId: fc.constantFrom(...schema.fields.map(field => field.id)),
    transform: fc.constantFrom(
      { kind: 'identity' },
      { kind: 'bucket', buckets: 7 },
      { kind: 'other', text: 'zorder' },
    ),
    properties: anyStrings,
    snapshots: fc.tuple(...snapshotIds.map((id, index) => anySnapshot(id, index, formatVersion))),
    snapshotLog: fc.array(plainRecord({ snapshotId: anySnapshotId, timestampMs: count }), { maxLength: 3 }),
    metadataLog: fc.array(plainRecord({ metadataFile: fc.string(), timestampMs: count }), { maxLength: 3 }),
    refs,
    statistics,
    partitionStatistics: statistics,
    nextRowId: count,
    extra: anyExtra,
  }).map(({ moreColumns, sourceId, transform, nextRowId, refs, ...rest }): TableMetadata => {
    const field = { sourceId, transform: transform as { kind: 'identity' } };
    return without({
      ...rest,
      formatVersion,
      lastSequenceNumber: formatVersion === 1 ? 0 : snapshotIds.length,
      lastColumnId: highestFieldId(schema) + moreColumns,
      schemas: [{ ...schema, schemaId: 3, fields: schema.fields.slice(0, 1) }, schema],
      currentSchemaId: 0,
      partitionSpecs: [
        { specId: 0, fields: [] },
        { specId: 4, fields: [{ ...field, fieldId: 1000, name: 'p' }] },
      ],
      defaultSpecId: 4,
      lastPartitionId: 1000 + moreColumns,
      sortOrders: [{ orderId: 2, fields: [{ ...field, direction: 'desc', nullOrder: 'nulls-last' }] }],
      defaultSortOrderId: 2,
      currentSnapshotId,
      refs:
        currentSnapshotId === undefined
          ? refs
          : { ...refs, main: { snapshotId: currentSnapshotId, type: 'branch' } },
      nextRowId: formatVersion === 3 ? nextRowId : undefined,
    });
  });
});
