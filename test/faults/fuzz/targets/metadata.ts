import { gzipSync } from 'node:zlib';
import { stringifyJson } from '../../../../src/iceberg/json.ts';
import {
  encodeTableMetadata,
  parseTableMetadata,
  tableMetadataToJson,
} from '../../../../src/iceberg/metadata-json.ts';
import { nameMappingToJson, parseNameMapping } from '../../../../src/iceberg/name-mapping.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { jsonText, mutateJson } from '../mutate-json.ts';
import type { Random } from '../random.ts';
import { agree, type FuzzInput, type OpenTarget } from '../target.ts';

/** Metadata that has every field of the specification somewhere. */
function tableMetadata(formatVersion: 1 | 2 | 3): Record<string, unknown> {
  const fields = [
    { id: 1, name: 'id', required: true, type: 'long', doc: 'key' },
    { id: 2, name: 'at', required: false, type: 'timestamptz' },
    { id: 3, name: 'price', required: false, type: 'decimal(10,2)', 'write-default': '14.20' },
    {
      id: 4,
      name: 'tags',
      required: false,
      type: { type: 'list', 'element-id': 5, element: 'string', 'element-required': true },
    },
    {
      id: 6,
      name: 'place',
      required: false,
      type: {
        type: 'struct',
        fields: [{ id: 7, name: 'lat', required: true, type: 'double' }],
      },
    },
    {
      id: 8,
      name: 'props',
      required: false,
      type: {
        type: 'map',
        'key-id': 9,
        key: 'string',
        'value-id': 10,
        value: 'fixed[16]',
        'value-required': false,
      },
    },
    ...(formatVersion === 3
      ? [
          {
            id: 11,
            name: 'ns',
            required: false,
            type: 'timestamp_ns',
            'initial-default': '2026-01-01T00:00:00',
          },
        ]
      : []),
  ];
  const schema = { type: 'struct', 'schema-id': 0, 'identifier-field-ids': [1], fields };
  const partition = [{ 'source-id': 2, 'field-id': 1000, name: 'at_day', transform: 'day' }];
  const snapshot = (id: bigint, sequence: number, parent?: bigint) => ({
    'snapshot-id': id,
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent }),
    ...(formatVersion === 1 ? {} : { 'sequence-number': sequence }),
    'timestamp-ms': 1_767_225_600_000 + sequence,
    summary: { operation: 'append', 'added-records': '10' },
    'manifest-list': `s3://b/t/metadata/snap-${id}.avro`,
    'schema-id': 0,
    ...(formatVersion === 3 ? { 'first-row-id': 0, 'added-rows': 10 } : {}),
  });
  return {
    'format-version': formatVersion,
    'table-uuid': '9c12d441-03fe-4693-9a96-a0705ddf69c1',
    location: 's3://b/t',
    ...(formatVersion === 1 ? { schema, 'partition-spec': partition } : { 'last-sequence-number': 2 }),
    'last-updated-ms': 1_767_225_600_002,
    'last-column-id': 11,
    'current-schema-id': 0,
    schemas: [schema, { ...schema, 'schema-id': 1, fields: fields.slice(0, 2) }],
    'default-spec-id': 1,
    'partition-specs': [
      { 'spec-id': 0, fields: [] },
      { 'spec-id': 1, fields: partition },
    ],
    'last-partition-id': 1000,
    'default-sort-order-id': 1,
    'sort-orders': [
      {
        'order-id': 1,
        fields: [
          { transform: 'bucket[4]', 'source-id': 1, direction: 'asc', 'null-order': 'nulls-first' },
          { transform: 'identity', 'source-id': 3, direction: 'desc', 'null-order': 'nulls-last' },
        ],
      },
    ],
    properties: { 'write.format.default': 'parquet', 'commit.retry.num-retries': '1' },
    'current-snapshot-id': 8744736658442914487n,
    ...(formatVersion === 3 ? { 'next-row-id': 20 } : {}),
    refs: {
      main: { 'snapshot-id': 8744736658442914487n, type: 'branch', 'min-snapshots-to-keep': 2 },
      q1: { 'snapshot-id': 1n, type: 'tag', 'max-ref-age-ms': 9223372036854775807n },
    },
    snapshots: [snapshot(1n, 1), snapshot(8744736658442914487n, 2, 1n)],
    statistics: [
      {
        'snapshot-id': 1n,
        'statistics-path': 's3://b/t/metadata/x.puffin',
        'file-size-in-bytes': 413,
        'file-footer-size-in-bytes': 42,
        'blob-metadata': [
          { type: 'ndv', 'snapshot-id': 1n, 'sequence-number': 1, fields: [1], properties: { ndv: '10' } },
        ],
      },
    ],
    'partition-statistics': [
      { 'snapshot-id': 1n, 'statistics-path': 's3://b/t/metadata/p.parquet', 'file-size-in-bytes': 43 },
    ],
    'snapshot-log': [{ 'timestamp-ms': 1_767_225_600_001, 'snapshot-id': 1n }],
    'metadata-log': [{ 'timestamp-ms': 1_767_225_600_001, 'metadata-file': 's3://b/t/metadata/v1.json' }],
    'x-of-a-newer-version': { deep: [1, { x: null }] },
  };
}

const metadataWords = [
  'identity',
  'void',
  'bucket[0]',
  'bucket[2147483647]',
  'truncate[-1]',
  'zorder',
  'decimal(0,0)',
  'decimal(38,39)',
  'decimal(99,2)',
  'fixed[0]',
  'fixed[99999999999]',
  'unknown',
  'variant',
  'geometry(OGC:CRS84)',
  'geography(x, spherical)',
  'timestamptz_ns',
  { type: 'struct', fields: [] },
  { type: 'list', 'element-id': 1, element: 'int', 'element-required': true },
  1000,
  -1n,
  [1, 2],
];

const location = 's3://b/t/metadata/00001.metadata.json';

/** Table metadata: what is read is written and read again the same. */
export async function openMetadata(): Promise<OpenTarget> {
  const trees = ([1, 2, 3] as const).map(tableMetadata);
  const texts = trees.map(tree => Buffer.from(jsonText(tree)));
  const files = [...texts, ...texts.map(text => gzipSync(text))];
  return {
    input(random: Random): FuzzInput {
      if (random.oneIn(3)) return mutateBytes(random, files, [Buffer.from('null'), Buffer.from('"v"')]);
      const bytes = Buffer.from(jsonText(mutateJson(random, random.pick(trees), metadataWords)));
      return random.oneIn(20) ? gzipSync(bytes) : bytes;
    },
    run(input) {
      const metadata = parseTableMetadata(input as Uint8Array, location);
      const written = encodeTableMetadata(metadata, location);
      const again = parseTableMetadata(written, location);
      agree(
        'metadata written and read again',
        stringifyJson(tableMetadataToJson(metadata)),
        stringifyJson(tableMetadataToJson(again)),
      );
    },
  };
}

const mapping = [
  { 'field-id': 1, names: ['id', 'record_id'] },
  { names: ['skipped'] },
  {
    'field-id': 3,
    names: ['location'],
    fields: [
      { 'field-id': 4, names: ['latitude', 'lat'] },
      { 'field-id': 5, names: [] },
    ],
  },
];

/** The name mapping of a table's properties. */
export async function openNameMapping(): Promise<OpenTarget> {
  return {
    input: random => jsonText(mutateJson(random, mapping, ['field-id', 'names', { fields: [] }])),
    run(input) {
      const read = parseNameMapping(input as string);
      agree('name mapping written and read again', parseNameMapping(nameMappingToJson(read)), read);
    },
  };
}
