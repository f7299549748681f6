import { describe, expect, test } from 'vitest';
import type { LoadedTable } from '../../src/catalog/catalog.ts';
import { metadataTableNames } from '../../src/iceberg/inspect.ts';
import type { NestedField } from '../../src/iceberg/types.ts';
import { append, createTable, openSession, rowsOf, run, tableName } from './bind-support.ts';
import { schemaOf } from './support.ts';

const session = await openSession();
const { lake } = session;
const name = tableName('sales');
await createTable(lake, name, schemaOf({ id: { kind: 'long' }, s: { kind: 'string' } }));
const uuidOf = (table: LoadedTable) =>
  ({ type: 'assert-table-uuid', uuid: table.metadata.tableUuid }) as const;

const snapshots: { id: bigint; ms: number }[] = [];
async function grow(sql: string, branch?: string): Promise<LoadedTable> {
  await new Promise(resolve => setTimeout(resolve, 3));
  const table = await append(session, name, sql, branch);
  const last = table.metadata.snapshots.at(-1)!;
  snapshots.push({ id: last.snapshotId, ms: last.timestampMs });
  return table;
}
await grow("SELECT 1, 'a'");
await grow("SELECT 2, 'b'");
const two = await lake.catalog.loadTable(name);
await lake.catalog.commitTable(
  name,
  [uuidOf(two)],
  [
    { action: 'set-snapshot-ref', refName: 'q1', ref: { type: 'tag', snapshotId: snapshots[0]!.id } },
    { action: 'set-snapshot-ref', refName: 'dev', ref: { type: 'branch', snapshotId: snapshots[1]!.id } },
  ],
);
await grow("SELECT 10, 'dev'", 'dev');
// The column s is renamed and another one added.
const current = await lake.catalog.loadTable(name);
const [id, s] = current.metadata.schemas[0]!.fields as [NestedField, NestedField];
await lake.catalog.commitTable(
  name,
  [uuidOf(current)],
  [
    {
      action: 'add-schema',
      schema: {
        schemaId: 1,
        fields: [id, { ...s, name: 'text' }, { id: 3, name: 'n', required: false, type: { kind: 'int' } }],
        identifierFieldIds: [],
      },
      lastColumnId: 3,
    },
    { action: 'set-current-schema', schemaId: -1 },
  ],
);
await grow("SELECT 3, 'c', 30");
const [first, second, , last] = snapshots as [Snap, Snap, Snap, Snap];
type Snap = (typeof snapshots)[number];
const timestamp = (ms: number) => new Date(ms).toISOString();

describe('AT', () => {
  test.each([
    ['the table as it is', 'SELECT id FROM sales ORDER BY 1', [1, 2, 3]],
    ['a snapshot', `SELECT id FROM sales AT (VERSION => ${first.id}) ORDER BY 1`, [1]],
    ['a snapshot as text', `SELECT id FROM sales AT (VERSION => '${first.id}')`, [1]],
    ['a tag', "SELECT id FROM sales AT (VERSION => 'q1')", [1]],
    ['a branch', "SELECT id FROM sales AT (VERSION => 'dev') ORDER BY 1", [1, 2, 10]],
    ['the main branch', "SELECT id FROM sales AT (VERSION => 'main') ORDER BY 1", [1, 2, 3]],
    ['an expression', "SELECT id FROM sales AT (VERSION => 'q' || (3 - 2))", [1]],
    ['a parameter', 'SELECT id FROM sales AT (VERSION => $version)', [1]],
    [
      'a time',
      `SELECT id FROM sales AT (TIMESTAMP => TIMESTAMPTZ '${timestamp(second.ms)}') ORDER BY 1`,
      [1, 2],
    ],
    ['a time as text', `SELECT id FROM sales AT (TIMESTAMP => '${timestamp(first.ms)}')`, [1]],
    ['the present', 'SELECT id FROM sales AT (TIMESTAMP => now()) ORDER BY 1', [1, 2, 3]],
    ['an alias before AT', `SELECT k.id FROM sales k AT (VERSION => 'q1')`, [1]],
    ['an alias behind AT', `SELECT k.id FROM sales AT (VERSION => 'q1') k`, [1]],
    ['AS behind AT', `SELECT k.id FROM sales AT (VERSION => 'q1') AS k WHERE k.id = 1`, [1]],
    ['column aliases', `SELECT k.one FROM sales AS k(one, two) AT (VERSION => 'q1')`, [1]],
    ['no alias', `SELECT sales.id FROM default.sales AT (VERSION => 'q1')`, [1]],
    ['branch_', 'SELECT id FROM sales.branch_dev ORDER BY 1', [1, 2, 10]],
    ['branch_main', 'SELECT id FROM default.sales.branch_main ORDER BY 1', [1, 2, 3]],
    ['tag_', 'SELECT id FROM lake.default.sales.tag_q1', [1]],
    ['snapshot_id_', `SELECT id FROM sales.snapshot_id_${second.id} ORDER BY 1`, [1, 2]],
    ['an old column', `SELECT id FROM sales AT (VERSION => 'q1') WHERE s = 'a'`, [1]],
    [
      'a new column of a branch',
      `SELECT id FROM sales AT (VERSION => 'dev') WHERE text = 'dev' AND n IS NULL`,
      [10],
    ],
    [
      'two versions in one query',
      "SELECT n.id FROM sales n ANTI JOIN sales AT (VERSION => 'q1') o USING (id) ORDER BY 1",
      [2, 3],
    ],
    ['in a sub-query', "SELECT (SELECT max(id) FROM sales AT (VERSION => 'q1')) FROM sales LIMIT 1", [1]],
    ['in a common table expression', "WITH o AS (FROM sales AT (VERSION => 'q1')) SELECT id FROM o", [1]],
    ['behind TABLE', "SELECT id FROM (FROM sales AT (VERSION => 'q1'))", [1]],
    [
      'not for a column',
      'SELECT at FROM (SELECT 5 AS "at") t("at")'.replace('SELECT at', 'SELECT "at"'),
      [5],
    ],
  ])('%s', async (_, sql, expected) => {
    const rows = await rowsOf(session, sql, { parameters: { version: 'q1' } });
    expect(rows.flat()).toEqual(expected);
  });

  test('reads an old snapshot with its schema, a branch with the present one', async () => {
    expect((await run(session, "FROM sales AT (VERSION => 'q1')")).columns).toEqual(['id', 's']);
    expect((await run(session, "FROM sales AT (VERSION => 'dev')")).columns).toEqual(['id', 'text', 'n']);
    expect((await rowsOf(session, "DESCRIBE sales AT (VERSION => 'q1')")).map(row => row[0])).toEqual([
      'id',
      's',
    ]);
    await expect(session.execute("SELECT text FROM sales AT (VERSION => 'q1')")).rejects.toMatchObject({
      code: 'COLUMN_NOT_FOUND',
    });
  });

  test('takes texts and timestamps without a zone in the zone of the session', async () => {
    const local = new Date(first.ms + 2 * 3_600_000).toISOString().slice(0, -1);
    await session.execute("SET TimeZone = 'Etc/GMT-2'");
    expect(await rowsOf(session, `SELECT id FROM sales AT (TIMESTAMP => '${local}')`)).toEqual([[1]]);
    expect(await rowsOf(session, `SELECT id FROM sales AT (TIMESTAMP => TIMESTAMP '${local}')`)).toEqual([
      [1],
    ]);
    await session.execute('RESET TimeZone');
  });

  test('prunes with the predicates of each reference', async () => {
    const { scan } = await run(
      session,
      "FROM sales n, sales AT (VERSION => 'dev') d WHERE d.id > 5 AND n.id < 2",
    );
    expect(scan).toMatchObject({ dataFiles: 6, dataFilesScanned: 2 });
  });

  test.each([
    ["FROM sales AT (VERSION => 'deb')", 'REF_NOT_FOUND', 'Did you mean "dev"?'],
    ['FROM sales.branch_q1', 'REF_NOT_FOUND', 'It has main, dev.'],
    ['FROM sales.snapshot_id_5', 'SNAPSHOT_NOT_FOUND', undefined],
    ['FROM sales AT (VERSION => NULL)', 'INVALID', undefined],
    ["FROM sales.branch_dev AT (VERSION => 'q1')", 'INVALID', undefined],
    ["FROM range(3) AT (VERSION => 'q1')", 'INVALID', undefined],
  ])('%s fails', async (sql, code, hint) => {
    const expected = { code, ...(hint === undefined ? {} : { hint }) };
    await expect(session.execute(sql)).rejects.toMatchObject(expected);
  });
});

describe('metadata tables', () => {
  test.each(metadataTableNames)('$%s', async table => {
    const plain = await run(session, `SELECT * FROM sales$${table}`);
    expect(plain.rows.length > 0).toBe(!table.endsWith('delete_files'));
    for (const other of [
      `"sales$${table}"`,
      `default.sales$${table}`,
      `lake.default.sales.${table}`,
      `sales.${table.toUpperCase()}`,
    ]) {
      expect((await run(session, `SELECT * FROM ${other}`)).rows, other).toEqual(plain.rows);
    }
  });

  test('have the types of Iceberg’s other engines', async () => {
    const types = await rowsOf(
      session,
      'SELECT column_name, column_type FROM (DESCRIBE FROM sales$snapshots)',
    );
    expect(types).toEqual([
      ['committed_at', 'TIMESTAMP WITH TIME ZONE'],
      ['snapshot_id', 'BIGINT'],
      ['parent_id', 'BIGINT'],
      ['operation', 'VARCHAR'],
      ['manifest_list', 'VARCHAR'],
      ['summary', 'MAP(VARCHAR, VARCHAR)'],
    ]);
    const [row] = await rowsOf(
      session,
      `SELECT s.snapshot_id::VARCHAR, epoch_ms(s.committed_at), summary['added-records'] FROM sales$snapshots s ORDER BY committed_at LIMIT 1`,
    );
    expect(row).toEqual([String(first.id), first.ms, '1']);
    const bounds = await rowsOf(
      session,
      "SELECT lower_bounds[1] = '\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00'::BLOB, readable_metrics.id.upper_bound FROM sales$files AT (VERSION => 'q1')",
    );
    expect(bounds).toEqual([[true, 1]]);
  });

  test('tell -0.0 from 0.0, as bounds of zeros do', async () => {
    const zeros = tableName('zeros');
    await createTable(lake, zeros, schemaOf({ f: { kind: 'double' } }));
    await append(session, zeros, 'SELECT 0.0::DOUBLE');
    const bounds = await rowsOf(
      session,
      'SELECT readable_metrics.f.lower_bound::VARCHAR, readable_metrics.f.upper_bound::VARCHAR FROM zeros$files',
    );
    expect(bounds).toEqual([['-0.0', '0.0']]);
  });

  test('of a version', async () => {
    const count = async (from: string) => (await rowsOf(session, `SELECT count(*) FROM ${from}`))[0]![0];
    expect(await count('sales$files')).toBe(3);
    expect(await count("sales$files AT (VERSION => 'q1')")).toBe(1);
    expect(await count('sales.branch_dev$files')).toBe(3);
    expect(await count('sales.tag_q1.files')).toBe(1);
  });

  test('join with tables', async () => {
    const rows = await rowsOf(
      session,
      'SELECT count(*) FROM sales JOIN sales$files ON id = "sales$files".readable_metrics.id.lower_bound',
    );
    expect(rows).toEqual([[3]]);
  });

  test('a table of that name comes first', async () => {
    await createTable(lake, tableName('files', 'sales'), schemaOf({ mine: { kind: 'int' } }));
    expect((await run(session, 'FROM sales.files')).columns).toEqual(['mine']);
    expect((await run(session, 'FROM sales.manifests')).columns).toContain('partition_spec_id');
  });

  test.each(['INSERT INTO sales$files SELECT 1', 'DELETE FROM sales.tag_q1'])('%s fails', async sql => {
    await expect(session.execute(sql)).rejects.toMatchObject({ code: 'INVALID' });
  });
});

test('a branch is a target of changes', async () => {
  await session.execute("INSERT INTO sales.branch_dev (id, text) VALUES (11, 'new')");
  expect(await rowsOf(session, "SELECT count(*) FROM sales AT (VERSION => 'dev')")).toEqual([[4]]);
  expect(await rowsOf(session, 'SELECT count(*) FROM sales')).toEqual([[3]]);
  expect(last.id).toBe((await lake.catalog.loadTable(name)).metadata.currentSnapshotId);
});
