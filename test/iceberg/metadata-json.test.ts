import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptFileError, LakebookError, UnsupportedError } from '../../src/iceberg/errors.ts';
import { parseJson, stringifyJson } from '../../src/iceberg/json.ts';
import { currentSchema, currentSnapshot, type TableMetadata } from '../../src/iceberg/metadata.ts';
import {
  encodeTableMetadata,
  newTableMetadata,
  parseTableMetadata,
  tableMetadataToJson,
} from '../../src/iceberg/metadata-json.ts';
import { type PartitionSpec, parseSpec, specToJson } from '../../src/iceberg/partition.ts';
import { findField, parseSchema, type Schema, schemaToJson } from '../../src/iceberg/schema.ts';
import { parseSortOrder, sortOrderToJson } from '../../src/iceberg/sort.ts';
import type { NestedField, Type } from '../../src/iceberg/types.ts';
import { anyMetadata, anySchema } from './metadata-arbitraries.ts';

const location = 's3://bucket/t/metadata/00001-x.metadata.json';
const encode = (json: unknown) => new TextEncoder().encode(stringifyJson(json));
const parse = (json: unknown) => parseTableMetadata(encode(json), location);
const fixture = (name: string) =>
  readFileSync(path.join(import.meta.dirname, 'fixtures', 'apache-iceberg', `TableMetadata${name}.json`));
const read = (name: string) => parseTableMetadata(fixture(name), `${name}.metadata.json`);
type Json = Record<string, unknown>;
const jsonOf = (name: string) => parseJson(fixture(name).toString()) as Json;

function failure(bytes: Uint8Array, at = location): LakebookError {
  try {
    parseTableMetadata(bytes, at);
  } catch (error) {
    if (error instanceof LakebookError) return error;
    throw error;
  }
  throw new Error('it was read without a fault');
}

describe("iceberg-rust's samples of what version 1 leaves out", () => {
  const sample = (name: string) =>
    readFileSync(path.join(import.meta.dirname, 'fixtures', 'iceberg-rust', `TableMetadata${name}.json`));

  test('a table that another engine wrote', () => {
    expect(parseTableMetadata(sample('V1Compat'), location)).toMatchObject({
      formatVersion: 1,
      tableUuid: '3276010d-7b1d-488c-98d8-9025fc4fde6b',
      location: 's3://bucket/warehouse/iceberg/glue.db/table_name',
      lastUpdatedMs: 1727773114005,
      currentSchemaId: 0,
    });
  });

  test('schemas without the id of the current one: `schema` is it', () => {
    const metadata = parseTableMetadata(sample('V1SchemasWithoutCurrentId'), location);
    expect(currentSchema(metadata).fields.map(field => field.name)).toEqual(['x', 'y', 'z']);
    expect(failure(sample('V1NoValidSchema')).message).toMatch(
      /schema must be a JSON object, but is missing/,
    );
  });

  test('partition specs without the id of the default one: the newest is it', () => {
    const metadata = parseTableMetadata(sample('V1PartitionSpecsWithoutDefaultId'), location);
    expect(metadata.defaultSpecId).toBe(2);
    expect(metadata.partitionSpecs.map(spec => spec.fields[0]?.name)).toEqual(['x', 'y']);
  });
});

describe("Apache Iceberg's samples", () => {
  test('v1: single schema and spec, no sort orders', () => {
    const metadata = read('V1Valid');
    expect(metadata).toMatchObject({
      formatVersion: 1,
      tableUuid: 'd20125c8-7284-442c-9aea-15fee620737c',
      lastSequenceNumber: 0,
      lastUpdatedMs: 1602638573874,
      currentSchemaId: 0,
      defaultSpecId: 0,
      partitionSpecs: [
        { specId: 0, fields: [{ sourceId: 1, fieldId: 1000, name: 'x', transform: { kind: 'identity' } }] },
      ],
      lastPartitionId: 1000,
      sortOrders: [{ orderId: 0, fields: [] }],
      defaultSortOrderId: 0,
      snapshots: [],
      refs: {},
    });
    expect(metadata.currentSnapshotId).toBeUndefined();
    expect(currentSchema(metadata).fields.map(field => field.name)).toEqual(['x', 'y', 'z']);
  });

  test('v2: every list, and ids beyond 2^53', () => {
    const metadata = read('V2Valid');
    expect(metadata).toMatchObject({
      formatVersion: 2,
      lastSequenceNumber: 34,
      currentSchemaId: 1,
      sortOrders: [
        {
          orderId: 3,
          fields: [
            { sourceId: 2, direction: 'asc', nullOrder: 'nulls-first' },
            { sourceId: 3, transform: { kind: 'bucket', buckets: 4 }, nullOrder: 'nulls-last' },
          ],
        },
      ],
      currentSnapshotId: 3055729675574597004n,
      snapshotLog: [
        { snapshotId: 3051729675574597004n, timestampMs: 1515100955770 },
        { snapshotId: 3055729675574597004n, timestampMs: 1555100955770 },
      ],
      // There is always a main branch, also where no refs are written down.
      refs: { main: { snapshotId: 3055729675574597004n, type: 'branch' } },
    });
    expect(currentSchema(metadata).identifierFieldIds).toEqual([1, 2]);
    expect(currentSnapshot(metadata)).toEqual({
      snapshotId: 3055729675574597004n,
      parentSnapshotId: 3051729675574597004n,
      sequenceNumber: 1,
      timestampMs: 1555100955770,
      operation: 'append',
      summary: {},
      manifestList: 's3://a/b/2.avro',
      schemaId: 1,
    });
  });

  test('v3: defaults and row ids', () => {
    const metadata = read('V3ValidMinimal');
    expect(metadata).toMatchObject({ formatVersion: 3, nextRowId: 0, snapshots: [], properties: {} });
    expect(currentSchema(metadata).fields[0]).toMatchObject({ initialDefault: 1, writeDefault: 1 });
  });

  test('statistics are kept as they are', () => {
    expect(read('StatisticsFiles').statistics).toEqual(jsonOf('StatisticsFiles').statistics);
    expect(read('PartitionStatisticsFiles').partitionStatistics).toEqual(
      jsonOf('PartitionStatisticsFiles')['partition-statistics'],
    );
  });

  test.each([
    'V1Valid',
    'V2Valid',
    'V2ValidMinimal',
    'V3ValidMinimal',
    'StatisticsFiles',
    'PartitionStatisticsFiles',
  ])('%s is written back with all it says', name => {
    const metadata = read(name);
    expect(tableMetadataToJson(metadata)).toMatchObject({
      ...jsonOf(name),
      'current-snapshot-id': metadata.currentSnapshotId,
      ...(name === 'V1Valid' && { schema: expect.objectContaining(jsonOf(name).schema as Json) }),
    });
    expect(parseTableMetadata(encodeTableMetadata(metadata, location), location)).toEqual(metadata);
  });

  test.each([
    ['V1MissingSchemaType', 'schema: type'],
    ['V2CurrentSchemaNotFound', 'current-schema-id is 2, but schemas has 0, 1'],
    ['V2MissingLastPartitionId', 'last-partition-id'],
    ['V2MissingPartitionSpecs', 'partition-specs'],
    ['V2MissingSchemas', 'schemas'],
    ['V2MissingSortOrder', 'sort-orders'],
  ])('%s is refused, naming what is wrong', (name, what) => {
    const error = failure(fixture(name), 'file:///bad.metadata.json');
    expect(error).toBeInstanceOf(CorruptFileError);
    expect(error.message).toContain('file:///bad.metadata.json');
    expect(error.message).toContain(what);
    expect(error.hint).toBeDefined();
  });

  test('a version of the future is refused, with what to do', () => {
    const error = failure(fixture('UnsupportedVersion'));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toMatch(/version 42\b.*1 to 3/);
    expect(error.message).toContain(location);
    expect(error.hint).toContain('newer Lakebook');
  });
});

describe('whatever was written is read back equal', () => {
  test('as text, in every format version', () => {
    fc.assert(
      fc.property(anyMetadata, metadata => {
        expect(parseTableMetadata(encodeTableMetadata(metadata, location), location)).toStrictEqual(metadata);
      }),
    );
  });

  test('unknown fields of schemas, partition specs, sort orders and their fields', () => {
    const [schema, spec, order] = [
      {
        type: 'struct',
        'schema-id': 0,
        fields: [
          {
            id: 1,
            name: 's',
            required: false,
            type: { type: 'struct', fields: [{ id: 2, name: 'x', required: false, type: 'int', tag: [1] }] },
            color: 'red',
          },
        ],
        'x-owner': { name: 'a' },
      },
      {
        'spec-id': 0,
        fields: [{ 'source-id': 2, 'field-id': 1000, name: 'x', transform: 'identity', hint: 1 }],
        note: 'n',
      },
      {
        'order-id': 1,
        fields: [
          { transform: 'identity', 'source-id': 2, direction: 'asc', 'null-order': 'nulls-first', why: true },
        ],
        made: 'by',
      },
    ];
    expect(schemaToJson(parseSchema(schema))).toEqual(schema);
    expect(specToJson(parseSpec(spec))).toEqual(spec);
    expect(sortOrderToJson(parseSortOrder(order))).toEqual(order);
  });

  test('unknown fields of the table, of snapshots and of refs', () => {
    const json = jsonOf('V2Valid');
    const [first, ...others] = json.snapshots as Json[];
    const big = 2n ** 62n;
    const written = {
      ...json,
      'encryption-keys': [{ 'key-id': 'k', 'encrypted-key-metadata': 'aGk=' }],
      future: { deep: [big] },
      snapshots: [{ ...first, 'key-id': 'k' }, ...others],
      refs: { main: { 'snapshot-id': json['current-snapshot-id'], type: 'branch', future: true } },
    };
    expect(tableMetadataToJson(parse(written))).toMatchObject(written);
  });

  test('names that JavaScript objects have by themselves', () => {
    const json = parseJson(
      stringifyJson({ ...jsonOf('V2Valid') }).replace(
        '"properties":{}',
        '"properties":{"__proto__":"p","constructor":"c"},"refs":{"__proto__":{"snapshot-id":3055729675574597004,"type":"tag"}}',
      ),
    );
    const metadata = parse(json);
    expect(Object.keys(metadata.refs)).toEqual(['main', '__proto__']);
    expect(parse(tableMetadataToJson(metadata))).toStrictEqual(metadata);
    expect(Object.entries(metadata.properties)).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
  });

  test.each(['t/v1.gz.metadata.json', 't/v1.metadata.json.gz'])('compressed as %s', name => {
    const metadata = read('V2Valid');
    const bytes = encodeTableMetadata(metadata, name);
    expect(JSON.parse(gunzipSync(bytes).toString())).toMatchObject({ 'format-version': 2 });
    expect(parseTableMetadata(bytes, name)).toEqual(metadata);
  });

  test('the content decides whether a file is compressed, not its name', () => {
    const metadata = read('V2Valid');
    const plain = encodeTableMetadata(metadata, location);
    expect(parseTableMetadata(gzipSync(plain), location)).toEqual(metadata);
    expect(parseTableMetadata(plain, 'v1.gz.metadata.json')).toEqual(metadata);
  });
});

describe('the JSON of each version', () => {
  const metadataOf = (formatVersion: 1 | 2 | 3) =>
    newTableMetadata({ schema: schemaOf({ a: { kind: 'long' } }), location: 's3://b/t', formatVersion });

  test('v1 has the single schema and spec for old readers, and no sequence numbers', () => {
    const snapshot = {
      snapshotId: 1n,
      sequenceNumber: 0,
      timestampMs: 1,
      operation: 'append',
      summary: {},
    } as const;
    const json = tableMetadataToJson({ ...metadataOf(1), snapshots: [{ ...snapshot, manifests: ['m'] }] });
    expect(json).toMatchObject({ schema: { type: 'struct' }, 'partition-spec': [] });
    expect(stringifyJson(json)).not.toMatch(/sequence-number|row-id/);
    expect(json.snapshots).toMatchObject([{ manifests: ['m'] }]);
  });

  test('v2 and v3 have neither, and v3 has row ids', () => {
    const v2 = stringifyJson(tableMetadataToJson(metadataOf(2)));
    expect(v2).not.toMatch(/"schema"|"partition-spec"|next-row-id/);
    expect(v2).toContain('"last-sequence-number":0');
    expect(stringifyJson(tableMetadataToJson(metadataOf(3)))).toContain('"next-row-id":0');
  });
});

describe('old and lenient forms', () => {
  test('v1 snapshots that list their manifests, without a summary', () => {
    const snapshot = { 'snapshot-id': 7, 'timestamp-ms': 5, manifests: ['a.avro', 'b.avro'] };
    const metadata = parse({ ...jsonOf('V1Valid'), 'current-snapshot-id': 7, snapshots: [snapshot] });
    expect(metadata.snapshots).toEqual([
      {
        snapshotId: 7n,
        sequenceNumber: 0,
        timestampMs: 5,
        manifests: ['a.avro', 'b.avro'],
        operation: 'overwrite',
        summary: {},
      },
    ]);
    expect(metadata.refs).toEqual({ main: { snapshotId: 7n, type: 'branch' } });
  });

  test('a v1 table without a UUID has one all the same, the same each time', () => {
    const { 'table-uuid': _, ...json } = jsonOf('V1Valid');
    const first = parse(json).tableUuid;
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(parse(json).tableUuid).toBe(first);
    expect(parse({ ...json, location: 's3://elsewhere' }).tableUuid).not.toBe(first);
  });

  test('null is as good as missing', () => {
    const json = {
      ...jsonOf('V2ValidMinimal'),
      'current-snapshot-id': null,
      snapshots: null,
      refs: null,
      properties: null,
      statistics: null,
    };
    expect(parse(json)).toEqual(read('V2ValidMinimal'));
  });

  test('an operation that is unknown counts as an overwrite and is written back', () => {
    const json = jsonOf('V2Valid');
    const [first, ...others] = json.snapshots as Json[];
    const metadata = parse({
      ...json,
      snapshots: [{ ...first, summary: { operation: 'teleport' } }, ...others],
    });
    expect(metadata.snapshots[0]!.operation).toBe('overwrite');
    expect(tableMetadataToJson(metadata).snapshots).toMatchObject([
      { summary: { operation: 'teleport' } },
      {},
    ]);
  });

  test('the longest age of a Java long', () => {
    const refs = {
      main: { 'snapshot-id': 3055729675574597004n, type: 'BRANCH', 'max-ref-age-ms': 2n ** 63n - 1n },
    };
    expect(parse({ ...jsonOf('V2Valid'), refs }).refs.main).toEqual({
      snapshotId: 3055729675574597004n,
      type: 'branch',
      maxRefAgeMs: Number.MAX_SAFE_INTEGER,
    });
  });

  test('last ids that are too low are not used again', () => {
    const metadata = parse({ ...jsonOf('V2Valid'), 'last-column-id': 1, 'last-partition-id': 999 });
    expect(metadata).toMatchObject({ lastColumnId: 3, lastPartitionId: 1000 });
  });

  test('a default order of 0 needs no entry', () => {
    const metadata = parse({ ...jsonOf('V2Valid'), 'default-sort-order-id': 0 });
    expect(metadata.sortOrders.map(order => order.orderId)).toEqual([0, 3]);
  });
});

describe('damaged files', () => {
  const valid = jsonOf('V2Valid');
  const snapshots = valid.snapshots as Json[];
  const schemas = valid.schemas as Json[];

  test.each<[string, Json, string]>([
    ['no format version', { 'format-version': undefined }, 'format-version'],
    ['a format version of 0', { 'format-version': 0 }, 'format-version must be 1, 2 or 3'],
    ['no UUID', { 'table-uuid': undefined }, 'table-uuid'],
    ['a location that is a number', { location: 5 }, 'location must be a string, but is 5'],
    ['no last sequence number', { 'last-sequence-number': undefined }, 'last-sequence-number'],
    ['v3 without row ids', { 'format-version': 3 }, 'next-row-id'],
    ['schemas that are an object', { schemas: {} }, 'schemas must be a JSON array'],
    ['no current schema', { 'current-schema-id': 9 }, 'current-schema-id is 9'],
    ['a schema twice', { schemas: [...schemas, schemas[0]] }, 'schemas has the id 0 twice'],
    ['no default spec', { 'default-spec-id': 9 }, 'default-spec-id is 9'],
    ['no default order', { 'default-sort-order-id': 9 }, 'default-sort-order-id is 9'],
    ['a snapshot twice', { snapshots: [snapshots[0], ...snapshots] }, '3051729675574597004 twice'],
    ['a snapshot that is text', { snapshots: ['x'] }, 'snapshots[0]'],
    [
      'an id that is text',
      { snapshots: [{ ...snapshots[0], 'snapshot-id': '1' }] },
      'snapshots[0]: snapshot-id',
    ],
    [
      'an id with a fraction',
      { snapshots: [{ ...snapshots[0], 'snapshot-id': 1.5 }] },
      'snapshots[0]: snapshot-id',
    ],
    [
      'a snapshot without manifests',
      { snapshots: [{ ...snapshots[0], 'manifest-list': undefined }] },
      'manifest-list',
    ],
    ['a snapshot of the future', { 'last-sequence-number': 0 }, 'sequence-number is 1'],
    ['no current snapshot', { 'current-snapshot-id': 5 }, 'current-snapshot-id is 5'],
    [
      'a summary of numbers',
      { snapshots: [{ ...snapshots[0], summary: { operation: 'append', n: 1 } }] },
      'summary: n',
    ],
    ['a ref to nothing', { refs: { x: { 'snapshot-id': 5, type: 'tag' } } }, 'Ref "x"'],
    ['a ref of another kind', { refs: { x: { 'snapshot-id': 5, type: 'twig' } } }, 'branch or tag'],
    [
      'main elsewhere',
      { refs: { main: { 'snapshot-id': snapshots[0]!['snapshot-id'], type: 'branch' } } },
      'current-snapshot-id',
    ],
    [
      'main without a current snapshot',
      {
        'current-snapshot-id': -1,
        refs: { main: { 'snapshot-id': snapshots[0]!['snapshot-id'], type: 'branch' } },
      },
      'current-snapshot-id',
    ],
    ['a log entry without time', { 'snapshot-log': [{ 'snapshot-id': 1 }] }, 'snapshot-log[0]: timestamp-ms'],
    ['a metadata log of text', { 'metadata-log': ['x'] }, 'metadata-log[0]'],
    ['statistics of nothing', { statistics: [{}] }, 'statistics[0]: snapshot-id'],
    ['properties that are no text', { properties: { a: 1 } }, 'properties: a must be a string'],
    [
      'a transform that is no text',
      { 'partition-specs': [{ 'spec-id': 0, fields: [{ 'source-id': 1, name: 'x', transform: 1 }] }] },
      'transform',
    ],
  ])('%s', (_, change, what) => {
    const json = Object.fromEntries(
      Object.entries({ ...valid, ...change }).filter(([, value]) => value !== undefined),
    );
    const error = failure(encode(json));
    expect(error).toBeInstanceOf(CorruptFileError);
    expect(error.message).toMatch(`${location}: `);
    expect(error.message).toContain(what);
  });

  test('a column type of the future is told with the file', () => {
    const fields = [{ id: 1, name: 'x', required: true, type: 'quaternion' }];
    const error = failure(encode({ ...valid, 'current-schema-id': 0, schemas: [{ ...schemas[0], fields }] }));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toContain(location);
    expect(error.message).toContain('quaternion');
  });

  test('text that ends too early, wherever it does', () => {
    const bytes = fixture('V2Valid');
    for (let end = 0; end < bytes.length; end += 7) {
      const error = failure(bytes.subarray(0, end));
      expect(error).toBeInstanceOf(CorruptFileError);
      expect(error.message).toContain(location);
    }
    const error = failure(bytes.subarray(0, 100));
    expect(error.position).toEqual({ line: 4, column: 20 });
    expect(error.file).toBe(location);
  });

  test('compressed text that ends too early or is damaged', () => {
    const zipped = gzipSync(fixture('V2Valid'));
    expect(failure(zipped.subarray(0, -20))).toBeInstanceOf(CorruptFileError);
    const damaged = Uint8Array.from(zipped);
    damaged[damaged.length >> 1]! ^= 0xff;
    expect(failure(damaged)).toBeInstanceOf(CorruptFileError);
    expect(failure(Buffer.from('PAR1'), 'v1.gz.metadata.json').message).toContain('named as gzip');
  });

  test('bytes that are no text', () => {
    expect(failure(Uint8Array.of(0x7b, 0xff, 0xfe)).message).toContain("can't be decoded");
    expect(failure(Buffer.from('[]')).message).toContain('must be a JSON object');
    expect(failure(Buffer.from('PAR1 is no JSON')).message).toContain("isn't valid JSON");
  });

  test('any change of the JSON is read, or refused with the name of the file', () => {
    const paths = pathsOf(valid);
    fc.assert(
      fc.property(
        fc.constantFrom(...paths),
        fc.oneof(fc.jsonValue(), fc.constant(undefined)),
        (at, value) => {
          const json = structuredClone(valid);
          const parent = at.slice(0, -1).reduce((node, key) => node[key] as Json, json);
          if (value === undefined) delete parent[at.at(-1)!];
          else parent[at.at(-1)!] = value;
          try {
            parse(json);
          } catch (error) {
            expect(error).toBeInstanceOf(LakebookError);
            expect((error as LakebookError).message).toContain(location);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

function pathsOf(node: unknown, above: readonly string[] = []): string[][] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => [
    [...above, key],
    ...pathsOf(value, [...above, key]),
  ]);
}

function schemaOf(columns: Readonly<Record<string, Type>>): Schema {
  const fields = Object.entries(columns).map(
    ([name, type], index): NestedField => ({ id: index + 1, name, required: false, type }),
  );
  return { schemaId: 0, fields, identifierFieldIds: [] };
}

describe('a new table', () => {
  const long: Type = { kind: 'long' };
  const create = (request: Partial<Parameters<typeof newTableMetadata>[0]> = {}) =>
    newTableMetadata({ schema: schemaOf({ a: long }), location: 's3://b/t', ...request });

  test('gets ids level by level, as other libraries give them', () => {
    const struct = (fields: NestedField[]): Type => ({ kind: 'struct', fields });
    const schema: Schema = {
      schemaId: 8,
      identifierFieldIds: [50],
      fields: [
        {
          id: 10,
          name: 's',
          required: false,
          type: struct([{ id: 20, name: 'x', required: true, type: long }]),
        },
        {
          id: 30,
          name: 'm',
          required: false,
          type: {
            kind: 'map',
            keyId: 31,
            key: { kind: 'string' },
            valueId: 32,
            valueRequired: false,
            value: struct([{ id: 33, name: 'y', required: false, type: long }]),
          },
        },
        {
          id: 40,
          name: 'l',
          required: false,
          type: { kind: 'list', elementId: 41, elementRequired: false, element: long },
        },
        { id: 50, name: 'k', required: true, type: long },
      ],
    };
    const metadata = create({ schema });
    const fresh = currentSchema(metadata);
    const names = ['s', 'm', 'l', 'k', 's.x', 'm.key', 'm.value', 'm.value.y', 'l.element'];
    expect(names.map(name => findField(fresh, name)!.id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(metadata).toMatchObject({ lastColumnId: 9, currentSchemaId: 0 });
    expect(fresh).toMatchObject({ schemaId: 0, identifierFieldIds: [4] });
  });

  test('spec and sort order follow the columns and are numbered anew', () => {
    const spec: PartitionSpec = {
      specId: 5,
      fields: [
        { sourceId: 2, fieldId: 0, name: 'p', transform: { kind: 'bucket', buckets: 4 } },
        { sourceId: 1, fieldId: 0, name: 'b', transform: { kind: 'identity' } },
      ],
    };
    const schema = {
      ...schemaOf({ b: long, a: long }),
      fields: schemaOf({ b: long, a: long }).fields.toReversed(),
    };
    const sortOrder = {
      orderId: 7,
      fields: [{ sourceId: 1, transform: { kind: 'identity' }, direction: 'asc', nullOrder: 'nulls-first' }],
    } as const;
    expect(create({ schema, spec, sortOrder })).toMatchObject({
      partitionSpecs: [
        {
          specId: 0,
          fields: [
            { sourceId: 1, fieldId: 1000 },
            { sourceId: 2, fieldId: 1001 },
          ],
        },
      ],
      lastPartitionId: 1001,
      sortOrders: [{ orderId: 1, fields: [{ sourceId: 2 }] }],
      defaultSortOrderId: 1,
    });
    expect(create()).toMatchObject({
      partitionSpecs: [{ specId: 0, fields: [] }],
      lastPartitionId: 999,
      sortOrders: [{ orderId: 0, fields: [] }],
    });
  });

  test('any schema, written and read back', () => {
    fc.assert(
      fc.property(anySchema, schema => {
        const metadata = create({ schema, formatVersion: 3 });
        expect(currentSchema(metadata)).toEqual(schema);
        expect(parseTableMetadata(encodeTableMetadata(metadata, location), location)).toEqual(metadata);
      }),
    );
  });

  test('the format version: 2, or the property, or what is asked for', () => {
    const versions = (metadata: TableMetadata) => [
      metadata.formatVersion,
      metadata.nextRowId,
      metadata.properties,
    ];
    expect(versions(create())).toEqual([2, undefined, {}]);
    expect(versions(create({ properties: { 'format-version': '3', a: 'b' } }))).toEqual([3, 0, { a: 'b' }]);
    expect(versions(create({ formatVersion: 1, properties: { 'format-version': '3' } }))).toEqual([
      1,
      undefined,
      {},
    ]);
    expect(() => create({ formatVersion: 4 })).toThrow(UnsupportedError);
    expect(() => create({ properties: { 'format-version': 'x' } })).toThrow(/whole number/);
  });

  const field = (name: string, type: Type, more: Partial<NestedField> = {}): Schema => ({
    schemaId: 0,
    fields: [{ id: 1, name, required: false, type, ...more }],
    identifierFieldIds: [],
  });
  const specOn = (sourceId: number, kind: 'identity' | 'day', name = 'p'): PartitionSpec => ({
    specId: 0,
    fields: [{ sourceId, fieldId: 0, name, transform: { kind } }],
  });
  const list: Type = { kind: 'list', elementId: 9, elementRequired: false, element: long };

  const structOf = (...fields: NestedField[]): Type => ({ kind: 'struct', fields });

  test.each<[string, Partial<Parameters<typeof newTableMetadata>[0]>, RegExp]>([
    ['a type of v3 in v2', { schema: field('n', { kind: 'timestamp_ns' }) }, /"n".*timestamp_ns.*version 3/],
    ['a default of v3 in v2', { schema: field('n', long, { initialDefault: 5 }) }, /"n".*default.*version 3/],
    [
      'an unknown that is required',
      { schema: field('n', { kind: 'unknown' }, { required: true }), formatVersion: 3 },
      /"n".*unknown/,
    ],
    [
      'a name twice',
      {
        schema: {
          ...field('a', long),
          fields: [...field('a', long).fields, { id: 2, name: 'a', required: false, type: long }],
        },
      },
      /two columns named "a"/,
    ],
    [
      'an identifier that may be null',
      { schema: { ...field('a', long), identifierFieldIds: [1] } },
      /"a".*may be null/,
    ],
    [
      'an identifier of floats',
      { schema: { ...field('a', { kind: 'double' }, { required: true }), identifierFieldIds: [1] } },
      /"a".*double/,
    ],
    [
      'an identifier in a list',
      {
        schema: {
          ...field('a', { ...list, elementRequired: true }, { required: true }),
          identifierFieldIds: [9],
        },
      },
      /list or map/,
    ],
    [
      'an identifier that is nested',
      { schema: { ...field('a', structOf(), { required: true }), identifierFieldIds: [1] } },
      /"a".*nested/,
    ],
    [
      'a type of v3 within another one',
      { schema: field('a', structOf({ id: 2, name: 'n', required: false, type: { kind: 'variant' } })) },
      /"a\.n".*variant.*version 3/,
    ],
    ['an identifier that is not there', { schema: { ...field('a', long), identifierFieldIds: [8] } }, /8/],
    ['a partition of no column', { spec: specOn(5, 'identity') }, /"p".*id 5/],
    ['a partition by day of a number', { spec: specOn(1, 'day') }, /"p".*day.*long/],
    [
      'a partition of list elements',
      { schema: field('a', list), spec: specOn(9, 'identity') },
      /"p".*list or map/,
    ],
    [
      'a partition named like another column',
      { schema: schemaOf({ a: long, b: long }), spec: specOn(1, 'identity', 'b') },
      /"b".*named like a column/,
    ],
    ['a partition without a name', { spec: specOn(1, 'identity', '') }, /no name/],
    [
      'a partition twice',
      { spec: { specId: 0, fields: [...specOn(1, 'identity').fields, ...specOn(1, 'identity').fields] } },
      /"p" is there twice/,
    ],
    [
      'the same partition by another name',
      {
        spec: { specId: 0, fields: [...specOn(1, 'identity').fields, ...specOn(1, 'identity', 'q').fields] },
      },
      /"q".*same values/,
    ],
    [
      'a sort by no column',
      {
        sortOrder: {
          orderId: 1,
          fields: [
            { sourceId: 6, transform: { kind: 'identity' }, direction: 'asc', nullOrder: 'nulls-first' },
          ],
        },
      },
      /sort order.*id 6/,
    ],
    [
      'a property that shows other metadata',
      { properties: { 'current-snapshot-id': '1' } },
      /current-snapshot-id/,
    ],
  ])('refuses %s', (_, request, message) => {
    expect(() => create(request)).toThrow(message);
  });

  test('an identity partition may be named like its column', () => {
    expect(create({ spec: specOn(1, 'identity', 'a') }).partitionSpecs).toMatchObject([
      { fields: [{ name: 'a' }] },
    ]);
  });
});
