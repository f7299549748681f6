import { expect, test } from 'vitest';
import { TestLake } from './dml/support.ts';

const t = await TestLake.open();

test.each([2, 3])('t$position_deletes has every deleted row: version %i', async formatVersion => {
  const name = `pd${formatVersion}`;
  await t.create(name, {
    columns: { id: 'long', part: 'int' },
    partitionedBy: ['part'],
    formatVersion,
    properties: { 'write.delete.mode': 'merge-on-read' },
  });
  await t.change(`INSERT INTO ${name} SELECT i, i % 2 FROM range(10000) r(i)`);
  expect(await t.rows(`SELECT * FROM ${name}$position_deletes`)).toEqual([]);
  await t.change(`DELETE FROM ${name} WHERE id IN (4, 5, 9998)`);
  const rows = (await t.rows(
    `SELECT partition.part_p0 AS part, file_path, pos, spec_id AS spec,
       delete_file_path IN (SELECT file_path FROM ${name}$delete_files) AS known
     FROM ${name}$position_deletes`,
  )) as { part: number; file_path: string; pos: number; spec: number; known: boolean }[];
  const ids: number[] = [];
  for (const { part, file_path: file, pos, spec, known } of rows) {
    const [row] = await t.session.duckdb.rows(
      `SELECT id, part FROM read_parquet('${file.replace('file://', '')}', hive_partitioning = false) WHERE file_row_number = ${pos}`,
    );
    expect(row).toMatchObject({ part });
    expect({ spec, known }).toEqual({ spec: 0, known: true });
    ids.push(Number(row!.id));
  }
  expect(ids.sort((a, b) => a - b)).toEqual([4, 5, 9998]);
  const { metadata } = await t.table(name);
  const [first] = metadata.snapshots;
  expect(await t.rows(`SELECT * FROM ${name}$position_deletes AT (VERSION => ${first!.snapshotId})`)).toEqual(
    [],
  );
});

test('t$position_deletes has the deleted rows that a delete file keeps', async () => {
  const table = await t.create('kept', { columns: { id: 'long', name: 'string' } });
  await t.change(`INSERT INTO kept VALUES (1, 'x'), (2, 'y')`);
  const [task] = await t.tasks('kept');
  const { filePath } = task!.dataFile;
  const location = `${table.metadata.location}/data/kept-deletes.parquet`;
  await t.session.duckdb.run(`COPY (SELECT '${filePath}' AS file_path, 1::BIGINT AS pos, {id: 2, old_name: 'y'} AS row)
    TO '${location.replace('file://', '')}' (FORMAT parquet, FIELD_IDS {file_path: 2147483546, pos: 2147483545,
      row: {__duckdb_field_id: 2147483544, id: 1, old_name: 2}})`);
  const { produceSnapshot } = await import('../../src/iceberg/snapshot-producer.ts');
  const { metadata } = await t.table('kept');
  const [size] = await t.session.duckdb.rows(
    `SELECT size FROM read_blob('${location.replace('file://', '')}')`,
  );
  const produced = await produceSnapshot({
    metadata,
    io: t.lake.storage,
    operation: 'delete',
    added: [
      {
        content: 1,
        filePath: location,
        fileFormat: 'PARQUET',
        specId: 0,
        partition: [],
        recordCount: 1,
        fileSizeInBytes: Number(size!.size),
      },
    ],
    removed: [],
  });
  await t.lake.catalog.commitTable(table.identifier, produced.requirements, produced.updates);
  expect(await t.rows('SELECT * FROM kept')).toEqual([{ id: 1, name: 'x' }]);
  expect(await t.rows('SELECT pos, row::VARCHAR AS row FROM kept$position_deletes')).toEqual([
    { pos: 1, row: "{'id': 2, 'name': y}" },
  ]);
});
