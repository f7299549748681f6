/**
 * A plain model of what planning must keep: rows in memory, the files they're written to with true metrics and
 * partition values (as careful and as careless writers make them), and filters over them.
 */
import fc from 'fast-check';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import {
  alwaysFalse,
  alwaysTrue,
  compare,
  type Expr,
  evaluateRow,
  inSet,
  not,
  unary,
} from '../../src/iceberg/expression.ts';
import type { TableMetadata } from '../../src/iceberg/metadata.ts';
import { truncateLower, truncateUpper } from '../../src/iceberg/metrics.ts';
import type { PartitionField, PartitionSpec } from '../../src/iceberg/partition.ts';
import { partitionKey } from '../../src/iceberg/partition-key.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import {
  applyTransform,
  canTransform,
  type Transform,
  transformResultType,
} from '../../src/iceberg/transform.ts';
import { isFloating, type NestedField, type Type, type Value } from '../../src/iceberg/types.ts';
import { compareForFilter, valueToBytes } from '../../src/iceberg/value.ts';
import { anyValue, valueTypes } from './arbitraries.ts';

export type Row = ReadonlyMap<number, Value | null>;

export const column = (id: number, type: Type): NestedField => ({
  id,
  name: `c${id}`,
  required: false,
  type,
});

/** Type promotions (spec: Schema Evolution): the type before, the type now, and the value's new form. */
const promotions: readonly [Type, Type, (value: Value) => Value][] = [
  [{ kind: 'int' }, { kind: 'long' }, value => BigInt(value as number)],
  [{ kind: 'float' }, { kind: 'double' }, value => value],
  [{ kind: 'decimal', precision: 9, scale: 2 }, { kind: 'decimal', precision: 18, scale: 2 }, value => value],
  [{ kind: 'date' }, { kind: 'timestamp' }, value => BigInt(value as number) * 86_400_000_000n],
];

/** A column of the model: its type when old files were written, and now. */
export interface ModelColumn {
  readonly id: number;
  readonly oldType: Type;
  readonly type: Type;
  readonly promote: (value: Value) => Value;
  /** Old values that rows are made of; few, so that filters hit them. */
  readonly pool: readonly Value[];
  /** The field is in a struct, which may be null. */
  readonly nested: boolean;
}

function neighbours(type: Type, value: Value): Value[] {
  if (typeof value === 'bigint') {
    const limit = type.kind === 'decimal' ? 10n ** BigInt(type.precision) - 1n : 2n ** 63n - 1n;
    const least = type.kind === 'decimal' ? -limit : type.kind === 'time' ? 0n : -limit - 1n;
    return [value - 1n, value, value + 1n].filter(v => v >= least && v <= limit);
  }
  if (typeof value === 'number' && !isFloating(type)) {
    return [value - 1, value, value + 1].filter(v => v >= -0x80000000 && v <= 0x7fffffff);
  }
  if (typeof value === 'string' && type.kind === 'string')
    return [value, `${value}a`, [...value].slice(0, 2).join('')];
  return [value];
}

/** Values near zero, near the ends and anywhere. */
function poolValue(type: Type): fc.Arbitrary<Value> {
  const near = (() => {
    switch (type.kind) {
      case 'int':
        return fc.oneof(
          fc.integer({ min: -20, max: 20 }),
          fc.constantFrom(-0x80000000, -0x80000000 + 1, 0x7fffffff),
        );
      case 'date':
        return fc.integer({ min: -800, max: 800 });
      case 'long':
        return fc.bigInt({ min: -20n, max: 20n });
      case 'decimal':
        return fc.bigInt({ min: -200n, max: 200n });
      case 'float':
      case 'double':
        return fc.constantFrom(
          0,
          -0,
          1.5,
          -1.5,
          Number.NaN,
          Number.POSITIVE_INFINITY,
          Number.NEGATIVE_INFINITY,
        );
      case 'timestamp':
      case 'timestamptz': {
        const day = 86_400_000_000n;
        return fc
          .bigInt({ min: -800n * day, max: 800n * day })
          .map(v => (v % 3n === 0n ? (v / day) * day : v));
      }
      case 'timestamp_ns':
      case 'timestamptz_ns': {
        const day = 86_400_000_000_000n;
        return fc
          .bigInt({ min: -800n * day, max: 800n * day })
          .map(v => (v % 3n === 0n ? (v / day) * day : v));
      }
      case 'string':
        return fc.string({
          unit: fc.constantFrom('a', 'b', '\uffff', '😀', '\u{10ffff}', 'é'),
          maxLength: 6,
        });
      case 'binary':
        return fc.uint8Array({ maxLength: 4 }).map(bytes => bytes.map(b => (b > 200 ? 255 : b & 3)));
      case 'uuid':
        return fc
          .tuple(fc.constantFrom('0', '7', '8', 'f'), fc.constantFrom('0', '7', '8', 'f'))
          .map(([a, b]) => `${a}0000000-0000-4000-${b}000-000000000001`);
      default:
        return anyValue(type);
    }
  })();
  return fc.oneof(
    { weight: 4, arbitrary: near as fc.Arbitrary<Value> },
    { weight: 1, arbitrary: anyValue(type) },
  );
}

const anyTypes = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(...valueTypes).map(type => [type, type, (v: Value) => v] as const),
  },
  { weight: 1, arbitrary: fc.constantFrom(...promotions) },
);

export function modelColumn(id: number, nested = false): fc.Arbitrary<ModelColumn> {
  return anyTypes.chain(([oldType, type, promote]) =>
    fc
      .array(
        poolValue(oldType).filter(value => fits(type, promote(value))),
        { minLength: 1, maxLength: 3 },
      )
      .map(values => ({
        id,
        oldType,
        type,
        promote,
        nested,
        pool: values.flatMap(v => neighbours(oldType, v)),
      })),
  );
}

/** A timestamp holds fewer years than a date. */
function fits(type: Type, value: Value): boolean {
  if (type.kind !== 'timestamp') return true;
  const day = 86_400_000_000n;
  return (
    BigInt.asIntN(64, (value as bigint) + day) - day === value &&
    BigInt.asIntN(64, (value as bigint) - day) + day === value
  );
}

/** Three columns, the last one in a struct (id 10). */
export const modelColumns: fc.Arbitrary<readonly ModelColumn[]> = fc.tuple(
  modelColumn(1),
  modelColumn(2),
  modelColumn(11, true),
);

export function modelSchema(columns: readonly ModelColumn[], age: 'old' | 'new'): Schema {
  const typeOf = (c: ModelColumn) => (age === 'old' ? c.oldType : c.type);
  const nested = columns.filter(c => c.nested).map(c => column(c.id, typeOf(c)));
  return {
    schemaId: age === 'old' ? 0 : 1,
    fields: [
      ...columns.filter(c => !c.nested).map(c => column(c.id, typeOf(c))),
      ...(nested.length === 0 ? [] : [column(10, { kind: 'struct', fields: nested })]),
    ],
    identifierFieldIds: [],
  };
}

/** A row in the old types' form. */
export function modelRow(columns: readonly ModelColumn[]): fc.Arbitrary<Row> {
  return fc
    .tuple(...columns.map(c => fc.option(fc.constantFrom(...c.pool), { nil: null, freq: 5 })))
    .map(values => new Map(columns.map((c, i) => [c.id, values[i]!])));
}

export function promoteRow(columns: readonly ModelColumn[], row: Row): Row {
  return new Map(
    columns.map(c => {
      const value = row.get(c.id)!;
      return [c.id, value === null ? null : c.promote(value)];
    }),
  );
}

const transforms: readonly Transform[] = [
  { kind: 'identity' },
  { kind: 'year' },
  { kind: 'month' },
  { kind: 'day' },
  { kind: 'hour' },
  { kind: 'bucket', buckets: 3 },
  { kind: 'truncate', width: 1 },
  { kind: 'truncate', width: 3 },
  { kind: 'truncate', width: 10 },
  { kind: 'void' },
  { kind: 'other', text: 'zorder' },
];

/** Transforms the column can be partitioned by; only those that promotion keeps (spec: Schema Evolution). */
export function transformsOf(c: ModelColumn): readonly Transform[] {
  const dateTime = c.oldType.kind === 'date' && c.type.kind === 'timestamp';
  return transforms.filter(
    t =>
      t.kind === 'void' ||
      t.kind === 'other' ||
      (canTransform(t, c.oldType) && canTransform(t, c.type) && !(dateTime && t.kind === 'bucket')),
  );
}

export function modelSpec(columns: readonly ModelColumn[], specId: number): fc.Arbitrary<PartitionSpec> {
  const field = fc
    .constantFrom(...columns)
    .chain(c => fc.constantFrom(...transformsOf(c)).map(transform => ({ sourceId: c.id, transform })));
  return fc.array(field, { maxLength: 3 }).map(fields => ({
    specId,
    fields: fields.map(
      (f, i): PartitionField => ({ ...f, fieldId: 1000 + specId * 10 + i, name: `p${specId}_${i}` }),
    ),
  }));
}

/** A filter in the new types' form, over values from the rows' pools. */
export function modelFilter(columns: readonly ModelColumn[]): fc.Arbitrary<Expr> {
  const predicate = fc.constantFrom(...columns).chain(c => modelPredicate(c));
  return fc.letrec<{ expr: Expr }>(tie => ({
    expr: fc.oneof(
      { depthSize: 'small' },
      { weight: 5, arbitrary: predicate },
      {
        weight: 2,
        arbitrary: fc
          .tuple(tie('expr'), tie('expr'))
          .map(([left, right]): Expr => ({ op: 'and', left, right })),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(tie('expr'), tie('expr'))
          .map(([left, right]): Expr => ({ op: 'or', left, right })),
      },
      { weight: 1, arbitrary: tie('expr').map(not) },
      { weight: 1, arbitrary: fc.constantFrom(alwaysTrue, alwaysFalse) },
    ),
  })).expr;
}

export function modelPredicate(c: ModelColumn): fc.Arbitrary<Expr> {
  const value = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...c.pool).map(c.promote) },
    { weight: 1, arbitrary: anyValue(c.type) },
  );
  const prefix = value.map(v => [...(v as string)].slice(0, 3).join(''));
  return fc.oneof(
    fc.constantFrom('is-null', 'not-null', 'is-nan', 'not-nan').map(op => unary(op as 'is-null', c.id)),
    fc
      .tuple(fc.constantFrom('eq', 'not-eq', 'lt', 'lt-eq', 'gt', 'gt-eq'), value)
      .map(([op, v]) => compare(op as 'eq', c.id, v)),
    fc
      .tuple(fc.constantFrom('in', 'not-in'), fc.array(value, { maxLength: 4 }))
      .map(([op, vs]) => inSet(op as 'in', c.id, vs)),
    ...(c.type.kind === 'string'
      ? [
          fc
            .tuple(
              fc.constantFrom('starts-with', 'not-starts-with'),
              fc.oneof(value as fc.Arbitrary<string>, prefix),
            )
            .map(([op, v]) => compare(op as 'starts-with', c.id, v)),
        ]
      : []),
  );
}

export const selects = (filter: Expr, row: Row): boolean =>
  evaluateRow(filter, id => row.get(id) ?? null) === true;

/** How a writer writes a file. */
export interface WriterHabits {
  /** The schema it had: rows, bounds and partition values have its types. */
  readonly age: 'old' | 'new';
  /** Length of truncated bounds; Infinity: whole ones. */
  readonly boundsLength: number;
  /** Column metrics it leaves out. */
  readonly omit: ReadonlySet<'bounds' | 'lower' | 'upper' | 'nulls' | 'nans'>;
  /** Rounds times before 1970 towards zero in partition values. */
  readonly roundsToZero: boolean;
  /** Orders UUIDs by signed halves. */
  readonly signedUuids: boolean;
}

export const writerHabits: fc.Arbitrary<WriterHabits> = fc.record({
  age: fc.constantFrom('old', 'new'),
  boundsLength: fc.constantFrom(1, 2, 16, Number.POSITIVE_INFINITY),
  omit: fc
    .array(fc.constantFrom('bounds', 'lower', 'upper', 'nulls', 'nans'), { maxLength: 2 })
    .map(list => new Set(list)) as fc.Arbitrary<WriterHabits['omit']>,
  roundsToZero: fc.boolean(),
  signedUuids: fc.boolean(),
});

/** The partition value that the writer gives a row, in the form a reader decodes it to. */
export function partitionValue(
  c: ModelColumn,
  transform: Transform,
  oldValue: Value | null,
  habits: WriterHabits,
): Value | null {
  if (oldValue === null || transform.kind === 'void') return null;
  if (transform.kind === 'other') return String(oldValue);
  const type = habits.age === 'old' ? c.oldType : c.type;
  const value = habits.age === 'old' ? oldValue : c.promote(oldValue);
  const result = applyTransform(transform, type, value)!;
  const timed = transform.kind === 'year' || transform.kind === 'month' || transform.kind === 'hour';
  const rounded = habits.roundsToZero && (timed || (transform.kind === 'day' && type.kind !== 'date'));
  if (rounded && (result as number) < 0 && !startsUnit(transform, type, value)) return (result as number) + 1;
  const promoted = habits.age === 'old' && (transform.kind === 'identity' || transform.kind === 'truncate');
  return promoted ? c.promote(result) : result;
}

/** Whether a time is the first of its year, month, day or hour: rounding down and to zero agree then. */
function startsUnit(transform: Transform, type: Type, value: Value): boolean {
  const before = typeof value === 'bigint' ? value - 1n : (value as number) - 1;
  return applyTransform(transform, type, before) !== applyTransform(transform, type, value);
}

function signedHalves(a: string, b: string): number {
  const half = (uuid: string, from: number) =>
    BigInt.asIntN(64, BigInt(`0x${uuid.replaceAll('-', '').slice(from, from + 16)}`));
  const [first, second] = [half(a, 0) - half(b, 0), half(a, 16) - half(b, 16)];
  return first !== 0n ? Number(first > 0n) * 2 - 1 : second === 0n ? 0 : Number(second > 0n) * 2 - 1;
}

/** One data file of rows (old form) that share a partition. */
export function writeFile(
  columns: readonly ModelColumn[],
  spec: PartitionSpec,
  rows: readonly Row[],
  partition: readonly (Value | null)[],
  habits: WriterHabits,
  filePath: string,
): DataFile {
  const nullValueCounts = new Map<number, number>();
  const nanValueCounts = new Map<number, number>();
  const valueCounts = new Map<number, number>();
  const lowerBounds = new Map<number, Uint8Array>();
  const upperBounds = new Map<number, Uint8Array>();
  for (const c of columns) {
    const type = habits.age === 'old' ? c.oldType : c.type;
    const all = rows.map(row => row.get(c.id)!).filter(v => v !== null);
    const values = all.map(v => (habits.age === 'old' ? v : c.promote(v)));
    const numbers = values.filter(v => !Number.isNaN(v));
    const order = type.kind === 'uuid' && habits.signedUuids ? signedHalves : compareForFilter;
    numbers.sort(order as typeof compareForFilter);
    valueCounts.set(c.id, rows.length);
    if (!habits.omit.has('nulls')) nullValueCounts.set(c.id, rows.length - values.length);
    if (isFloating(type) && !habits.omit.has('nans'))
      nanValueCounts.set(c.id, values.length - numbers.length);
    if (numbers.length === 0 || habits.omit.has('bounds')) continue;
    const length = habits.boundsLength;
    if (!habits.omit.has('lower'))
      lowerBounds.set(c.id, valueToBytes(type, truncateLower(type, numbers[0]!, length)));
    const upper = truncateUpper(type, numbers.at(-1)!, length);
    if (upper !== undefined && !habits.omit.has('upper')) upperBounds.set(c.id, valueToBytes(type, upper));
  }
  return {
    content: 0,
    filePath,
    fileFormat: 'PARQUET',
    specId: spec.specId,
    partition,
    recordCount: rows.length,
    fileSizeInBytes: 100 * rows.length,
    valueCounts,
    nullValueCounts,
    nanValueCounts,
    lowerBounds,
    upperBounds,
  };
}

/** Rows grouped by partition, each group one file. */
export function writeFiles(
  columns: readonly ModelColumn[],
  spec: PartitionSpec,
  rows: readonly Row[],
  habits: WriterHabits,
  prefix: string,
): { file: DataFile; rows: readonly Row[] }[] {
  const groups = new Map<string, { partition: (Value | null)[]; rows: Row[] }>();
  for (const row of rows) {
    const partition = spec.fields.map(field => {
      const c = columns.find(m => m.id === field.sourceId)!;
      return partitionValue(c, field.transform, row.get(c.id)!, habits);
    });
    const key = partitionKey(spec.specId, partition);
    const group = groups.get(key) ?? { partition, rows: [] };
    groups.set(key, group);
    group.rows.push(row);
  }
  return [...groups.values()].map((group, i) => ({
    file: writeFile(columns, spec, group.rows, group.partition, habits, `${prefix}-${i}.parquet`),
    rows: group.rows.map(row => promoteRow(columns, row)),
  }));
}

/** Types of a spec's partition values as a writer of that age has them. */
export function writtenPartitionTypes(
  columns: readonly ModelColumn[],
  spec: PartitionSpec,
  age: 'old' | 'new',
): Type[] {
  return spec.fields.map(field => {
    const c = columns.find(m => m.id === field.sourceId)!;
    return transformResultType(field.transform, age === 'old' ? c.oldType : c.type);
  });
}

export function modelMetadata(
  schemas: readonly Schema[],
  specs: readonly PartitionSpec[],
  more: Partial<TableMetadata> = {},
): TableMetadata {
  return {
    formatVersion: 2,
    tableUuid: '00000000-0000-4000-8000-000000000000',
    location: 'mem:/table',
    lastSequenceNumber: 0,
    lastUpdatedMs: 0,
    lastColumnId: 100,
    schemas,
    currentSchemaId: schemas.at(-1)!.schemaId,
    partitionSpecs: specs,
    defaultSpecId: specs[0]?.specId ?? 0,
    lastPartitionId: 1999,
    sortOrders: [],
    defaultSortOrderId: 0,
    properties: {},
    snapshots: [],
    snapshotLog: [],
    metadataLog: [],
    refs: {},
    statistics: [],
    partitionStatistics: [],
    ...more,
  };
}
