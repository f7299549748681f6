import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { scanSql } from '../../../../src/engine/read.ts';
import type { EngineSession } from '../../../../src/engine/session.ts';
import {
  ThriftReader,
  type ThriftStruct,
  type ThriftValue,
  thriftBytes,
} from '../../../../src/engine/thrift-compact.ts';
import { CorruptFileError } from '../../../../src/iceberg/errors.ts';
import type { TableMetadata } from '../../../../src/iceberg/metadata.ts';
import type { Schema } from '../../../../src/iceberg/schema.ts';
import { columnRanges, footerStart, readFooter } from '../../../../src/storage/s3/cache/footer.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import type { Random } from '../random.ts';
import { disagree, type OpenTarget } from '../target.ts';
import { FuzzLake } from './lake-folder.ts';
import { readSource } from './source-file.ts';

const parquetSchema: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: false, type: { kind: 'long' } },
    { id: 2, name: 'text', required: false, type: { kind: 'string' } },
    { id: 3, name: 'price', required: false, type: { kind: 'decimal', precision: 9, scale: 2 } },
    {
      id: 4,
      name: 'tags',
      required: false,
      type: { kind: 'list', elementId: 5, elementRequired: false, element: { kind: 'int' } },
    },
    {
      id: 6,
      name: 'place',
      required: false,
      type: { kind: 'struct', fields: [{ id: 7, name: 'lat', required: false, type: { kind: 'double' } }] },
    },
    {
      id: 8,
      name: 'props',
      required: false,
      type: {
        kind: 'map',
        keyId: 9,
        key: { kind: 'string' },
        valueId: 10,
        valueRequired: false,
        value: { kind: 'long' },
      },
    },
    { id: 11, name: 'added', required: false, type: { kind: 'date' } },
  ],
  identifierFieldIds: [],
};

const parquetIds =
  'FIELD_IDS {id: 1, text: 2, price: 3, tags: {__duckdb_field_id: 4, element: 5}, place: {__duckdb_field_id: 6, lat: 7}, props: {__duckdb_field_id: 8, key: 9, value: 10}}';
const parquetRows = `SELECT i AS id, 'text ' || i AS text, (i / 7)::DECIMAL(9,2) AS price,
  [i, i + 1]::INTEGER[] AS tags, {lat: i * 1.5::DOUBLE} AS place, MAP {'k' || i % 3: i} AS props FROM range(200) r(i)`;

/** Parquet files of DuckDB's, with and without field ids, in every codec that it writes. */
async function parquetCorpus(lake: FuzzLake): Promise<Uint8Array[]> {
  const session = await lake.session();
  const files: Uint8Array[] = [];
  for (const options of [
    `${parquetIds}, COMPRESSION snappy`,
    `${parquetIds}, COMPRESSION zstd, ROW_GROUP_SIZE 2048`,
    'COMPRESSION uncompressed',
    `${parquetIds}, COMPRESSION gzip, PARQUET_VERSION v2`,
  ]) {
    const file = path.join(lake.folder, `corpus${files.length}.parquet`);
    await session.duckdb.run(`COPY (${parquetRows}) TO '${file}' (FORMAT parquet, ${options})`);
    files.push(readFileSync(file));
  }
  return files;
}

/** Changes a value somewhere in the footer, which is written anew, so that what follows from it is reached. */
function mutateFooter(random: Random, file: Uint8Array): Uint8Array {
  const tail = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const start = tail.length - 8 - tail.readUInt32LE(tail.length - 8);
  const footer = new ThriftReader(tail.subarray(start, tail.length - 8)).struct();
  for (let step = random.few(4); step > 0; step--) mutateStruct(random, footer);
  const bytes = thriftBytes(footer);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([tail.subarray(0, start), bytes, length, Buffer.from('PAR1')]);
}

const footerNumbers = [0n, 1n, -1n, 2n, 3n, 6n, 127n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 40n, 2n ** 62n];

function mutateStruct(random: Random, struct: ThriftStruct): void {
  const ids = [...struct.keys()];
  if (ids.length === 0) return;
  const id = random.pick(ids);
  const field = struct.get(id)!;
  const { value } = field;
  if (random.oneIn(8)) struct.delete(id);
  else if (value instanceof Map) mutateStruct(random, value);
  else if (typeof value === 'bigint') field.value = random.pick(footerNumbers);
  else if (typeof value === 'boolean') field.value = !value;
  else if (value instanceof Uint8Array) {
    // A double stays as long as it is.
    field.value = field.type === 7 ? random.bytes(8) : mutateBytes(random, [value]).subarray(0, 1000);
  } else if (typeof value === 'object' && 'items' in value) {
    const { items } = value;
    const at = random.below(items.length + 1);
    const item = items[at] as ThriftValue | undefined;
    if (item === undefined || random.oneIn(6)) {
      if (random.oneIn(2)) items.splice(at, random.few(3));
      else if (items.length > 0) items.push(structuredClone(items[0]!));
    } else if (item instanceof Map) mutateStruct(random, item);
    else if (typeof item === 'bigint') items[at] = random.pick(footerNumbers);
  }
}

const noTable = (schema: Schema, location: string): TableMetadata => ({
  formatVersion: 2,
  tableUuid: '00000000-0000-4000-8000-000000000000',
  location,
  lastSequenceNumber: 0,
  lastUpdatedMs: 0,
  lastColumnId: 11,
  schemas: [schema],
  currentSchemaId: 0,
  partitionSpecs: [{ specId: 0, fields: [] }],
  defaultSpecId: 0,
  lastPartitionId: 999,
  sortOrders: [{ orderId: 0, fields: [] }],
  defaultSortOrderId: 0,
  properties: {},
  snapshots: [],
  snapshotLog: [],
  metadataLog: [],
  refs: {},
  statistics: [],
  partitionStatistics: [],
});

/** Data files of a table, read by field id, and Parquet files to be ingested. */
export async function openParquetFile(): Promise<OpenTarget> {
  const lake = await FuzzLake.open();
  const corpus = await parquetCorpus(lake);
  return {
    input: random =>
      random.oneIn(2)
        ? mutateBytes(random, corpus, [Buffer.from('PAR1')])
        : mutateFooter(random, random.pick(corpus)),
    async run(input) {
      const file = lake.newFile('parquet');
      await writeFile(file, input as Uint8Array);
      try {
        await lake.with(session => scanFile(session, lake, file, (input as Uint8Array).length));
        await readSource(lake, file, 'abort');
      } finally {
        await rm(file, { force: true });
      }
    },
    close: () => lake.close(),
  };
}

async function scanFile(session: EngineSession, lake: FuzzLake, file: string, size: number): Promise<void> {
  const { sql } = await scanSql({
    duckdb: session.duckdb,
    storage: lake.lake.storage,
    metadata: noTable(parquetSchema, `file://${lake.folder}`),
    schema: parquetSchema,
    files: [
      {
        dataFile: {
          content: 0,
          filePath: `file://${file}`,
          fileFormat: 'PARQUET',
          specId: 0,
          partition: [],
          recordCount: 200,
          fileSizeInBytes: size,
        },
        deletes: [],
      },
    ],
  });
  await session.duckdb.rows(`SELECT count(*) AS n, max(t::VARCHAR) AS m FROM (${sql}) t`);
}

/** Footers as the cache of remote files reads them, to know which ranges to fetch. */
export async function openFooter(): Promise<OpenTarget> {
  const lake = await FuzzLake.open();
  const corpus = await parquetCorpus(lake);
  return {
    input: random =>
      random.oneIn(2) ? mutateBytes(random, corpus) : mutateFooter(random, random.pick(corpus)),
    run(input) {
      const bytes = input as Uint8Array;
      const start = footerStart(bytes, bytes.length);
      if (start !== undefined && !(start >= 0 && start <= bytes.length)) disagree(`a footer at ${start}`);
      const footer = readFooter(bytes, bytes.length);
      if (footer === undefined) throw new CorruptFileError('x', 'no footer that says where columns are');
      for (const range of columnRanges(footer, undefined)) {
        if (!(range.start >= 0 && range.start <= range.end && range.end <= bytes.length)) {
          disagree(`a column from ${range.start} to ${range.end} in ${bytes.length} bytes`);
        }
      }
    },
    close: () => lake.close(),
  };
}
