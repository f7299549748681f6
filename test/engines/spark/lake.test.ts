import { beforeAll, describe, expect, test } from 'vitest';
import type { EngineSession } from '../../../src/engine/index.ts';
import {
  lakebookRows,
  newNamespace,
  openLakebook,
  openSpark,
  Results,
  type SharedCatalog,
} from './support.ts';

describe.each<SharedCatalog>(['lake', 'rest'])('in the catalog %s,', catalog => {
  const spark = openSpark({ catalog });
  let lakebook: EngineSession;
  let results: Results;
  let namespace: string;
  beforeAll(async () => {
    namespace = await newNamespace(spark);
    lakebook = await openLakebook(namespace, catalog);
    results = await Results.open();
  });

  const inSpark = async (sql: string) => (await results.of(spark, sql, { namespace: [namespace] })).rows;
  const inLakebook = (sql: string) => lakebookRows(lakebook, sql);

  /** Both engines answer the same. */
  async function expectBoth(query: string, rows: unknown[][]): Promise<void> {
    expect(await inLakebook(query)).toEqual(rows);
    expect(await inSpark(query)).toEqual(rows);
  }

  describe('one table in two engines', () => {
    test('is made by Spark and changed by both in turns', async () => {
      await inSpark(`CREATE TABLE turns (id BIGINT NOT NULL, v DECIMAL(10,2), day DATE) USING iceberg
      PARTITIONED BY (months(day), bucket(4, id)) TBLPROPERTIES ('format-version' = '2')`);
      await inLakebook("INSERT INTO turns VALUES (1, 1.50, DATE '2026-01-31'), (2, 2.50, DATE '2026-02-01')");
      await inSpark("INSERT INTO turns VALUES (3, 3.50, DATE '2026-03-01')");
      await inLakebook('UPDATE turns SET v = v + 1 WHERE id = 3');
      await inSpark('DELETE FROM turns WHERE id = 1');
      await inLakebook(`MERGE INTO turns USING (SELECT 2 AS id, 9.00 AS v) s ON turns.id = s.id
      WHEN MATCHED THEN UPDATE SET v = s.v`);
      await expectBoth('SELECT id, v, day FROM turns ORDER BY id', [
        [2, '9.00', '2026-02-01'],
        [3, '4.50', '2026-03-01'],
      ]);
    });

    test('is changed in its columns by both', async () => {
      await inLakebook('CREATE TABLE evolves (a INTEGER, b VARCHAR)');
      await inLakebook("INSERT INTO evolves VALUES (1, 'x')");
      await inSpark('ALTER TABLE evolves ADD COLUMN c STRUCT<d: INT> AFTER a');
      await inSpark('ALTER TABLE evolves RENAME COLUMN b TO `b c`');
      await inSpark('ALTER TABLE evolves ALTER COLUMN a TYPE BIGINT');
      await inLakebook('INSERT INTO evolves VALUES (12345678901, {d: 2}, NULL)');
      const rows = [
        [1, null, 'x'],
        [12345678901, { d: 2 }, null],
      ];
      expect(await inLakebook('SELECT a, c, "b c" FROM evolves ORDER BY a')).toEqual(rows);
      expect(await inSpark('SELECT a, c, `b c` FROM evolves ORDER BY a')).toEqual(rows);
      await inLakebook('ALTER TABLE evolves DROP COLUMN c');
      expect(await inSpark('SELECT * FROM evolves ORDER BY a')).toEqual([
        [1, 'x'],
        [12345678901, null],
      ]);
    });

    test('has marks of deleted rows from both', async () => {
      await inSpark(`CREATE TABLE marks (id INT) USING iceberg TBLPROPERTIES
      ('format-version' = '3', 'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read')`);
      await inSpark('INSERT INTO marks SELECT /*+ COALESCE(1) */ CAST(id AS INT) FROM range(10)');
      await inSpark('DELETE FROM marks WHERE id = 2');
      await inLakebook('DELETE FROM marks WHERE id = 4');
      await inSpark('DELETE FROM marks WHERE id = 6');
      await expectBoth('SELECT id FROM marks ORDER BY id', [[0], [1], [3], [5], [7], [8], [9]]);
    });

    test('has branches, tags and a history that both see', async () => {
      await inLakebook('CREATE TABLE versions (id INTEGER)');
      await inLakebook('INSERT INTO versions VALUES (1)');
      await inSpark('ALTER TABLE versions CREATE TAG first');
      await inLakebook('INSERT INTO versions VALUES (2)');
      await inSpark('ALTER TABLE versions CREATE BRANCH side');
      await inSpark(`INSERT INTO ${namespace}.versions.branch_side VALUES (3)`);
      expect(await inLakebook("SELECT id FROM versions AT (VERSION => 'side') ORDER BY id")).toEqual([
        [1],
        [2],
        [3],
      ]);
      expect(await inSpark("SELECT id FROM versions VERSION AS OF 'first'")).toEqual([[1]]);
      const snapshots = await inLakebook(
        'SELECT CAST(snapshot_id AS VARCHAR) FROM versions$snapshots ORDER BY 1',
      );
      expect(
        await inSpark(`SELECT CAST(snapshot_id AS STRING) FROM ${namespace}.versions.snapshots ORDER BY 1`),
      ).toEqual(snapshots);
    });

    test('is cleaned up by Spark’s procedures', async () => {
      await inLakebook('CREATE TABLE small (id INTEGER)');
      for (let id = 0; id < 6; id++) await inLakebook(`INSERT INTO small VALUES (${id})`);
      const rewritten = await results.of(
        spark,
        `CALL ${catalog}.system.rewrite_data_files(table => '${namespace}.small', options => map('min-input-files', '2'))`,
      );
      expect(rewritten.columns[0]).toEqual({ name: 'rewritten_data_files_count', type: 'INTEGER' });
      expect(rewritten.rows[0]!.slice(0, 2)).toEqual([6, 1]);
      expect(await inLakebook('SELECT count(*) FROM small$files')).toEqual([[1]]);
      await expectBoth('SELECT count(*), sum(id) FROM small', [[6, 15]]);
    });

    test('goes away for both', async () => {
      await inSpark('CREATE TABLE short_lived (id INT) USING iceberg');
      expect(await inLakebook('SELECT count(*) FROM short_lived')).toEqual([[0]]);
      await inLakebook('DROP TABLE short_lived');
      await expect(inSpark('SELECT * FROM short_lived')).rejects.toMatchObject({
        code: 'TABLE_NOT_FOUND',
      });
    });
  });

  test('hostile names of tables and columns are the same in both', async () => {
    const names = ['select', 'a b', 'ü.ñ', '`tick`', "it's", '1st', '$x', 'Ω'];
    for (const name of names) {
      const ticked = `\`${name.replaceAll('`', '``')}\``;
      const quoted = `"${name.replaceAll('"', '""')}"`;
      await inSpark(`CREATE TABLE ${ticked} (${ticked} INT) USING iceberg`);
      await inLakebook(`INSERT INTO ${quoted} VALUES (7)`);
      const { columns, rows } = await results.of(spark, `SELECT * FROM ${namespace}.${ticked}`);
      expect([columns[0]!.name, rows]).toEqual([name, [[7]]]);
    }
  });

  test('two Lakebooks and Spark change one table at once and nothing is lost', async () => {
    await inLakebook('CREATE TABLE raced (writer VARCHAR, n INTEGER)');
    const other = await openLakebook(namespace, catalog);
    const rounds = 8;
    /** A writer that lost all its attempts says so; then it's its turn to try again. */
    const write = async (writer: string, run: (sql: string) => Promise<unknown>, table: string) => {
      for (let n = 0; n < rounds; n++) {
        for (;;) {
          try {
            await run(`INSERT INTO ${table} VALUES ('${writer}', ${n})`);
            break;
          } catch (error) {
            if ((error as { code?: string }).code !== 'COMMIT_CONFLICT') throw error;
          }
        }
      }
    };
    await Promise.all([
      write('one', sql => lakebook.execute(sql), 'raced'),
      write('two', sql => other.execute(sql), 'raced'),
      write('spark', inSpark, 'raced'),
    ]);
    await expectBoth(
      'SELECT writer, count(*), count(DISTINCT n), sum(n) FROM raced GROUP BY writer ORDER BY writer',
      [
        ['one', rounds, rounds, (rounds * (rounds - 1)) / 2],
        ['spark', rounds, rounds, (rounds * (rounds - 1)) / 2],
        ['two', rounds, rounds, (rounds * (rounds - 1)) / 2],
      ],
    );
    expect(await inLakebook('SELECT count(*) FROM raced$snapshots')).toEqual([[3 * rounds]]);
  });
});
