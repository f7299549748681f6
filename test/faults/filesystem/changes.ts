// Every kind of change that a lake takes, on a small table, for trying what happens when one goes wrong half way.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { rollback } from '../../../src/engine/ddl/index.ts';
import { compact, expireSnapshots, findOrphans } from '../../../src/engine/maintain/index.ts';
import { ingest, upsert } from '../../../src/lake/index.ts';
import type { OpenLake } from '../support/lakes.ts';

/** Makes the table `t` with a history: several files, deleted rows, snapshots that can expire. */
export async function prepareLake(open: OpenLake, folder: string, version: 2 | 3): Promise<void> {
  writeFileSync(path.join(folder, 'rows.csv'), 'id,g,n\n1,g1,100\n50,new,1\n');
  await open.session.execute(`CREATE TABLE t (id BIGINT, g VARCHAR, n INT) PARTITIONED BY (g)
      TBLPROPERTIES ('format-version' = '${version}');
    INSERT INTO t SELECT range, 'g' || range % 3, range FROM range(12);
    INSERT INTO t SELECT range, 'g' || range % 3, range FROM range(12, 18);
    DELETE FROM t WHERE id = 4;
    CREATE TABLE other (id BIGINT); INSERT INTO other VALUES (1)`);
}

/** Changes by name; each can be made on the lake as `prepareLake` leaves it. */
export const changes: Readonly<Record<string, (open: OpenLake) => Promise<unknown>>> = {
  insert: open => open.change(`INSERT INTO t SELECT range, 'g' || range % 4, 0 FROM range(100, 110)`),
  'insert overwrite': open => open.change(`INSERT OVERWRITE t VALUES (7, 'g1', 7)`),
  update: open => open.change(`UPDATE t SET n = -n, g = 'g2' WHERE id < 5`),
  'merge on read': async open => {
    await open.change(`DELETE FROM t WHERE id IN (0, 3, 16)`);
  },
  'delete of files': open => open.change(`DELETE FROM t WHERE g = 'g2'`),
  merge: open =>
    open.change(`MERGE INTO t USING (SELECT range AS id FROM range(10, 20)) AS s USING (id)
      WHEN MATCHED THEN UPDATE SET n = 0 WHEN NOT MATCHED THEN INSERT (id, g) VALUES (s.id, 'new')`),
  truncate: open => open.change('TRUNCATE t'),
  evolve: open => open.session.execute('ALTER TABLE t ADD COLUMN c INT'),
  partition: open => open.session.execute('ALTER TABLE t ADD PARTITION FIELD bucket(4, id)'),
  branch: open => open.session.execute('ALTER TABLE t CREATE BRANCH dev'),
  'create table': open => open.session.execute('CREATE TABLE u (id BIGINT)'),
  'create table as': open => open.session.execute('CREATE TABLE u AS SELECT id, g FROM t'),
  'replace table': open => open.session.execute('CREATE OR REPLACE TABLE t AS SELECT id, n FROM t'),
  'rename table': open => open.session.execute('ALTER TABLE other RENAME TO renamed'),
  'drop table': open => open.session.execute('DROP TABLE other'),
  ingest: open => ingest(open.session, { table: 't', source: { kind: 'files', paths: ['rows.csv'] } }),
  upsert: open =>
    upsert(open.session, { table: 't', source: { kind: 'files', paths: ['rows.csv'] }, on: ['id'] }),
  rollback: async open => {
    const table = await open.table('t');
    return rollback(open.session, table, table.metadata.snapshots[0]!.snapshotId);
  },
  compact: async open =>
    compact(open.session, { table: await open.table('t'), options: { 'min-input-files': '2' } }, {}),
  expire: async open =>
    expireSnapshots(open.session, { table: await open.table('t'), olderThanMs: Date.now() + 1000, keep: 1 }),
  'find orphans': async open => findOrphans(open.session, { table: await open.table('t') }),
};

/** A megabyte of rows that don't compress. */
const manyRows = `SELECT range AS id, 'g' || range % 2 AS g, (hash(range) % 1000000000)::INT AS n FROM range(200000)`;

/** Changes whose data files are larger than the limit that disk.test.ts sets. */
export const largeChanges: Readonly<Record<string, (open: OpenLake) => Promise<unknown>>> = {
  insert: open => open.change(`INSERT INTO t ${manyRows}`),
  'insert overwrite': open => open.change(`INSERT OVERWRITE t ${manyRows}`),
  update: open => open.change(`UPDATE t SET g = (SELECT string_agg(hash(range)) FROM range(100000))`),
  merge: open =>
    open.change(`MERGE INTO t USING (${manyRows}) AS s USING (id)
      WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT`),
  'create table as': open => open.session.execute(`CREATE TABLE u AS ${manyRows}`),
  'replace table': open => open.session.execute(`CREATE OR REPLACE TABLE t AS ${manyRows}`),
  ingest: open => ingest(open.session, { table: 't', source: { kind: 'query', sql: manyRows } }),
  upsert: open => upsert(open.session, { table: 't', source: { kind: 'query', sql: manyRows }, on: ['id'] }),
};
