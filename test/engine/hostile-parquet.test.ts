import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parquetLayouts } from '../../src/engine/parquet-layout.ts';
import { scanSql } from '../../src/engine/read.ts';
import {
  type ThriftList,
  ThriftReader,
  type ThriftStruct,
  thriftBytes,
} from '../../src/engine/thrift-compact.ts';
import { LakebookError } from '../../src/iceberg/errors.ts';
import { parseTypeString } from '../../src/iceberg/schema.ts';
import { DataFolder, foreignFile, openDuckDb, schemaOf, tableMetadata, temporaryFolder } from './support.ts';

/* What fuzzing found: footers whose schema is no tree of columns, which DuckDB passes on as they are. */

const duckdb = await openDuckDb();
const folder = new DataFolder();
const scratch = temporaryFolder();
let files = 0;

/** A file of a list and a map whose footer was changed. */
async function fileWith(change: (elements: ThriftStruct[]) => void): Promise<string> {
  const file = path.join(scratch, `f${files++}.parquet`);
  await duckdb.run(
    `COPY (SELECT [1, 2] AS tags, MAP {'a': 1} AS props) TO '${file}' (FORMAT parquet, FIELD_IDS {tags: {__duckdb_field_id: 1, element: 2}, props: {__duckdb_field_id: 3, key: 4, value: 5}})`,
  );
  const bytes = readFileSync(file);
  const start = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  const footer = new ThriftReader(bytes.subarray(start, -8)).struct();
  change((footer.get(2)!.value as ThriftList).items as ThriftStruct[]);
  const written = thriftBytes(footer);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(written.length);
  writeFileSync(file, Buffer.concat([bytes.subarray(0, start), written, length, Buffer.from('PAR1')]));
  return file;
}

const named = (elements: readonly ThriftStruct[], name: string) =>
  elements.find(element => Buffer.from(element.get(4)!.value as Uint8Array).toString() === name)!;
const setChildren = (name: string, count: bigint) => (elements: ThriftStruct[]) => {
  named(elements, name).get(5)!.value = count;
};

test('the file as it was is read', async () => {
  const [layout] = await parquetLayouts(duckdb, [await fileWith(() => undefined)]);
  expect(layout!.columns.map(({ kind, children }) => [kind, children.length])).toEqual([
    ['list', 1],
    ['map', 2],
  ]);
});

test.each([
  ['a map of keys alone', setChildren('key_value', 1n)],
  ['a map of three', setChildren('key_value', 3n)],
  ['a list of several', setChildren('tags', 2n)],
  ['more columns than there are', setChildren('duckdb_schema', 3n)],
  ['two thousand million columns', setChildren('duckdb_schema', 2n ** 31n - 1n)],
])('%s is refused with the name of the file, or read', async (_, change) => {
  const file = await fileWith(change);
  const schema = schemaOf({ tags: parseTypeString('list<int>'), props: parseTypeString('map<string, int>') });
  const read = async () => {
    const { sql } = await scanSql({
      duckdb,
      storage: folder.storage,
      metadata: tableMetadata({ schema, location: folder.location }),
      schema,
      files: [{ dataFile: await foreignFile(file), deletes: [] }],
    });
    await duckdb.rows(`SELECT count(*) AS n, max(t::VARCHAR) AS m FROM (${sql}) t`);
  };
  const error = await read().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error !== undefined) expect(error).toBeInstanceOf(LakebookError);
});

test.each([
  ['list<int>', 'list'],
  ['map<string, int>', 'map'],
  ['struct<a: int>', 'struct'],
])('a single value where the table has %s is refused by name', async text => {
  const file = path.join(scratch, `f${files++}.parquet`);
  await duckdb.run(`COPY (SELECT 1 AS x) TO '${file}' (FORMAT parquet, FIELD_IDS {x: 1})`);
  const schema = schemaOf({ x: parseTypeString(text) });
  const scan = scanSql({
    duckdb,
    storage: folder.storage,
    metadata: tableMetadata({ schema, location: folder.location }),
    schema,
    files: [{ dataFile: await foreignFile(file), deletes: [] }],
  });
  await expect(scan).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('its column "x" is a single value, where the table has'),
  });
});
