import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import {
  create,
  deleteRows,
  describe as describeTable,
  diff,
  drop,
  evolve,
  exportRows,
  files,
  history,
  importTable,
  ingest,
  publish,
  ref,
  rollback,
  tables,
  travel,
  upsert,
  type Version,
} from '../../src/lake/index.ts';
import { openTestLake } from '../engine/warehouse.ts';
import { TestLake } from './support.ts';

let lake: TestLake;
beforeEach(async () => {
  lake = await TestLake.open();
  await lake.table();
});

const all = 'SELECT * FROM sales ORDER BY id';
const tag = (name: string): Version => ({ kind: 'tag', name });
const previous = (steps = 1): Version => ({ kind: 'previous', steps });
const setTag = (name: string, at?: Version) =>
  ref(lake.session, { table: 'sales', type: 'tag', name, ...(at === undefined ? {} : { at }) });

describe('upsert', () => {
  const changes = (text: string, more = {}) =>
    upsert(lake.session, { table: 'sales', source: lake.file('changes.csv', text), ...more });

  beforeEach(() => lake.csv('id,amount,note\n1,1.00,a\n2,2.00,b\n3,3.00,c\n'));

  it('updates rows by the key of the table and inserts the others, in one commit', async () => {
    const { text, snapshotId } = await changes('id,amount,note\n2,20,bb\n4,40,dd\n');
    expect(text).toContain('1 row inserted and 1 row updated');
    expect(snapshotId).toBeTypeOf('bigint');
    expect(await lake.rows('SELECT id, amount, note FROM sales ORDER BY id')).toEqual([
      [1, '1.00', 'a'],
      [2, '20.00', 'bb'],
      [3, '3.00', 'c'],
      [4, '40.00', 'dd'],
    ]);
    expect(await lake.rows('SELECT count(*)::int FROM sales$snapshots')).toEqual([[2]]);
  });

  it('keeps the values of columns that the source has not got, and says so', async () => {
    const { text } = await changes('id,amount\n2,20\n4,40\n');
    expect(text).toContain('sold_at and note keep their values');
    expect(await lake.rows('SELECT id, amount, note FROM sales WHERE id IN (2, 4) ORDER BY id')).toEqual([
      [2, '20.00', 'b'],
      [4, '40.00', null],
    ]);
  });

  it('deletes matched rows by a condition', async () => {
    await changes('id,amount\n2,\n3,30\n', { whenMatchedDelete: 'source.amount IS NULL' });
    expect(await lake.rows('SELECT id, amount FROM sales ORDER BY id')).toEqual([
      [1, '1.00'],
      [3, '30.00'],
    ]);
  });

  it('matches by other columns when told', async () => {
    await changes('id,note\n9,b\n', { on: ['note'] });
    expect(await lake.rows('SELECT id, amount, note FROM sales ORDER BY id')).toEqual([
      [1, '1.00', 'a'],
      [3, '3.00', 'c'],
      [9, '2.00', 'b'],
    ]);
  });

  it('refuses keys that are there twice, naming them, and NULL keys', async () => {
    const before = await lake.rows(all);
    const twice = await lake.failure(() => changes('id,amount\n2,1\n5,1\n5,2\n2,2\n'));
    expect(twice.code).toBe('DUPLICATE_KEY');
    expect(twice.message).toContain('2');
    const missing = await lake.failure(() => changes('id,amount\n2,1\n,2\n'));
    expect(missing.message).toMatch(/line 3: column "id" is empty/);
    const fromQuery = await lake.failure(() =>
      upsert(lake.session, {
        table: 'sales',
        source: { kind: 'query', sql: 'SELECT NULL::BIGINT AS id, 1 AS amount' },
      }),
    );
    expect(fromQuery.code).toBe('NULL_KEY');
    expect(await lake.rows(all)).toEqual(before);
  });

  it('refuses values that do not fit, a source without the key, and a table without one', async () => {
    expect((await lake.failure(() => changes('id,amount\n2,x\n'))).message).toContain('changes.csv, line 2');
    expect((await lake.failure(() => changes('amount\n2\n'))).message).toContain('the column "id"');
    expect((await lake.failure(() => changes('id,other\n2,1\n'))).code).toBe('COLUMNS_MISMATCH');
    await lake.table('keyless', { id: 'long' }, {});
    const error = await lake.failure(() => changes('id\n1\n', { table: 'keyless' }));
    expect(error.hint).toContain('on id');
  });

  it('does what a map does', async () => {
    const rows = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 99 })), {
      selector: ([id]) => id,
      minLength: 1,
    });
    await lake.table('model', { id: 'long', n: 'long' }, { key: ['id'] });
    await fc.assert(
      fc.asyncProperty(rows, rows, async (first, second) => {
        const csv = (list: [number, number][]) => `id,n\n${list.map(row => row.join(',')).join('\n')}\n`;
        await ingest(lake.session, {
          table: 'model',
          source: lake.file('a.csv', csv(first)),
          mode: 'overwrite',
        });
        await upsert(lake.session, { table: 'model', source: lake.file('b.csv', csv(second)) });
        const model = new Map([...first, ...second]);
        expect(await lake.rows('SELECT id, n FROM model ORDER BY id')).toEqual(
          [...model].sort(([a], [b]) => a - b),
        );
      }),
      { numRuns: 10 },
    );
  });
});

describe('delete', () => {
  beforeEach(() => lake.csv('id,amount\n1,1\n2,2\n3,\n'));

  it('deletes the rows of a condition', async () => {
    const { text } = await deleteRows(lake.session, { table: 'sales', where: 'id = 1 OR amount IS NULL' });
    expect(text).toMatch(/^sales: 2 rows deleted/);
    expect(await lake.rows('SELECT id FROM sales')).toEqual([[2]]);
  });

  it('tells that no row matched, and errors at their place in the condition', async () => {
    const answer = await deleteRows(lake.session, { table: 'sales', where: 'id = 9' });
    expect(answer.text).toContain('no row matched');
    expect(answer.snapshotId).toBeUndefined();
    const error = await lake.failure(() =>
      deleteRows(lake.session, { table: 'sales', where: 'id = 1 AND nmae = 2' }),
    );
    expect(error).toMatchObject({ code: 'COLUMN_NOT_FOUND', position: { line: 1, column: 12 } });
  });
});

describe('evolve', () => {
  it('makes several changes in one commit', async () => {
    await lake.csv('id,amount\n1,1\n');
    const { text } = await evolve(lake.session, {
      table: 'sales',
      changes: [
        { kind: 'add', column: 'discount', type: 'double', place: { kind: 'after', column: 'amount' } },
        { kind: 'rename', column: 'note', to: 'remark' },
        { kind: 'widen', column: 'amount', type: 'decimal(12,2)' },
        { kind: 'comment', column: 'remark', comment: 'free text' },
        { kind: 'partition-by', fields: ['month(sold_at)'] },
        { kind: 'sort-by', fields: ['id desc'] },
        { kind: 'set', properties: { a: 'b' } },
      ],
    });
    expect(text).toContain('discount');
    const { metadata } = await lake.lake.catalog.loadTable({ namespace: ['default'], name: 'sales' });
    expect(metadata.metadataLog).toHaveLength(2);
    expect(await lake.rows(all)).toEqual([[1, '1.00', null, null, null]]);
    const { text: about } = await describeTable(lake.session, { table: 'sales' });
    expect(about).toContain('partitioned by: month(sold_at)');
    expect(about).toContain('sorted by:      id desc');
    expect(about).toContain('properties:     a = b');
  });

  it('makes none when one of them can not be', async () => {
    const error = await lake.failure(() =>
      evolve(lake.session, {
        table: 'sales',
        changes: [
          { kind: 'add', column: 'x', type: 'int' },
          { kind: 'drop', column: 'amuont' },
        ],
      }),
    );
    expect(error).toMatchObject({ code: 'COLUMN_NOT_FOUND', hint: 'Did you mean "amount"?' });
    const narrowed = await lake.failure(() =>
      evolve(lake.session, { table: 'sales', changes: [{ kind: 'widen', column: 'id', type: 'int' }] }),
    );
    expect(narrowed.message).toContain('id');
  });

  it('renames the table, alone', async () => {
    await evolve(lake.session, { table: 'sales', changes: [{ kind: 'rename-table', to: 'sold' }] });
    expect(await lake.rows('SELECT * FROM sold')).toEqual([]);
    const both = [
      { kind: 'rename-table', to: 'x' },
      { kind: 'drop', column: 'note' },
    ] as const;
    await lake.failure(() => evolve(lake.session, { table: 'sold', changes: both }));
  });
});

describe('versions', () => {
  let moments: number[];
  beforeEach(async () => {
    moments = [];
    for (const id of [1, 2, 3]) {
      await lake.csv(`id\n${id}\n`);
      const { metadata } = await lake.lake.catalog.loadTable({ namespace: ['default'], name: 'sales' });
      moments.push(metadata.snapshots.at(-1)!.timestampMs);
      if (id === 1) await setTag('one');
    }
  });

  const ids = async (to: Version) => {
    const answer = await travel(lake.session, { table: 'sales', to });
    return (await lake.rowsOf(answer)).map(row => row[0]);
  };

  it('travel by tag, id, moment, steps and branch', async () => {
    expect(await ids(tag('one'))).toEqual([1]);
    expect(await ids(previous())).toHaveLength(2);
    expect(await ids(previous(0))).toHaveLength(3);
    expect(await ids({ kind: 'timestamp', text: new Date(moments[1]!).toISOString() })).toHaveLength(2);
    expect(await ids({ kind: 'branch', name: 'main' })).toHaveLength(3);
    const [[id]] = (await lake.rows("SELECT snapshot_id FROM sales$refs WHERE name = 'one'")) as [[string]];
    expect(await ids({ kind: 'snapshot', id: BigInt(id) })).toEqual([1]);
    expect(await ids({ kind: 'ref', name: String(id) })).toEqual([1]);
  });

  it('travel says what it shows, and names a version as a view', async () => {
    const { text } = await travel(lake.session, { table: 'sales', to: tag('one'), as: 'first_sales' });
    expect(text).toMatch(/^sales at tag one: written .* UTC, 1 row: use it as first_sales/);
    await lake.csv('id\n4\n');
    expect(await lake.rows('SELECT id FROM first_sales')).toEqual([[1]]);
    const error = await lake.failure(() =>
      travel(lake.session, { table: 'sales', to: tag('one'), as: 'sales' }),
    );
    expect(error.message).toContain('table of the lake');
  });

  it('tell what may be meant when they are not there', async () => {
    const attempt = (to: Version) => lake.failure(() => travel(lake.session, { table: 'sales', to }));
    expect(await attempt(tag('onee'))).toMatchObject({ code: 'TAG_NOT_FOUND', hint: 'Did you mean "one"?' });
    expect((await attempt({ kind: 'branch', name: 'one' })).hint).toContain('tag:one');
    expect((await attempt({ kind: 'snapshot', id: 5n })).code).toBe('SNAPSHOT_NOT_FOUND');
    expect((await attempt({ kind: 'timestamp', text: '2001-01-01' })).hint).toContain('first known snapshot');
    expect((await attempt({ kind: 'timestamp', text: '2001-13-01' })).message).toContain('no date');
    expect((await attempt(previous(9))).message).toContain('9 commits before');
  });

  it('rollback goes back, and a rollback can be undone', async () => {
    const { text } = await rollback(lake.session, { table: 'sales', to: tag('one') });
    expect(text).toMatch(/^sales: rolled back to tag one \(snapshot \d+\)\. It has 1 row now\./);
    expect(await lake.rows('SELECT id FROM sales')).toEqual([[1]]);
    const undo = /rollback sales to (\d+)/.exec(text)![1]!;
    await rollback(lake.session, { table: 'sales', to: { kind: 'snapshot', id: BigInt(undo) } });
    expect(await lake.rows('SELECT count(*)::int FROM sales')).toEqual([[3]]);
    const again = await rollback(lake.session, { table: 'sales', to: previous(0) });
    expect(again.text).toContain('already');
  });

  it('rollback refuses what never was the state of the table', async () => {
    await ref(lake.session, { table: 'sales', type: 'branch', name: 'dev' });
    await ingest(lake.session, { table: 'sales.branch_dev', source: lake.file('d.csv', 'id\n9\n') });
    const error = await lake.failure(() =>
      rollback(lake.session, { table: 'sales', to: { kind: 'branch', name: 'dev' } }),
    );
    expect(error.hint).toContain('publish');
  });

  it('history lists them, newest first, with rows, files and names', async () => {
    await rollback(lake.session, { table: 'sales', to: previous() });
    const answer = await history(lake.session, { table: 'sales' });
    const names = answer.columns!.map(column => column.name);
    const get = (row: readonly unknown[], name: string) => row[names.indexOf(name)];
    expect(
      answer.rows!.map(row => [
        get(row, 'rows_added'),
        get(row, 'rows'),
        get(row, 'refs'),
        get(row, 'state'),
      ]),
    ).toEqual([
      [1, 3, null, 'not in main'],
      [1, 2, 'main', 'current'],
      [1, 1, 'tag:one', 'past'],
    ]);
  });
});

describe('diff', () => {
  beforeEach(async () => {
    await lake.csv('id,amount\n1,1\n2,2\n3,3\n');
    await setTag('start');
  });

  const changes = async (from: Version, to?: Version) => {
    const answer = await diff(lake.session, { table: 'sales', from, ...(to === undefined ? {} : { to }) });
    return { text: answer.text, rows: await lake.rowsOf(answer) };
  };

  it('shows added, removed and changed rows by the key, and how the columns changed', async () => {
    await upsert(lake.session, { table: 'sales', source: lake.file('c.csv', 'id,amount\n2,20\n4,4\n') });
    await deleteRows(lake.session, { table: 'sales', where: 'id = 1' });
    await evolve(lake.session, {
      table: 'sales',
      changes: [
        { kind: 'drop', column: 'note' },
        { kind: 'rename', column: 'amount', to: 'price' },
        { kind: 'add', column: 'extra', type: 'int' },
      ],
    });
    const { text, rows } = await changes(tag('start'));
    expect(text).toBe(
      'sales from tag start to the current snapshot: 1 row added, 1 row removed and 1 row changed. Columns: amount renamed to price, extra int added, note removed.',
    );
    expect(rows.map(row => row.slice(0, 3))).toEqual([
      ['removed', 1, '1.00'],
      ['changed from', 2, '2.00'],
      ['changed to', 2, '20.00'],
      ['added', 4, '4.00'],
    ]);
    const back = await changes(previous(0), tag('start'));
    expect(back.rows.map(row => row[0])).toEqual(['added', 'changed from', 'changed to', 'removed']);
  });

  it('does not read the files that both versions have', async () => {
    const shared = (await lake.rows('SELECT file_path FROM sales$files')) as string[][];
    await lake.csv('id\n4\n');
    for (const [file] of shared) await lake.lake.storage.delete(file!);
    expect((await changes(tag('start'))).rows.map(row => row.slice(0, 2))).toEqual([['added', 4]]);
  });

  it('says when nothing differs', async () => {
    expect((await changes(tag('start'))).text).toContain('no row differs');
  });

  it('compares whole rows without a key, repeated ones too', async () => {
    await lake.table('plain', { a: 'int', b: 'string' }, {});
    await lake.csv('a,b\n1,x\n1,x\n2,\n', { table: 'plain' });
    await ref(lake.session, { table: 'plain', type: 'tag', name: 't' });
    await lake.csv('a,b\n1,x\n3,y\n', { table: 'plain', mode: 'overwrite' });
    const answer = await diff(lake.session, { table: 'plain', from: tag('t') });
    expect(await lake.rowsOf(answer)).toEqual([
      ['removed', 1, 'x'],
      ['removed', 2, null],
      ['added', 3, 'y'],
    ]);
  });

  it('is what a plain comparison of the two versions says', async () => {
    const state = fc.uniqueArray(
      fc.tuple(fc.integer({ min: 0, max: 12 }), fc.option(fc.integer({ min: 0, max: 3 }))),
      {
        selector: ([id]) => id,
      },
    );
    await lake.table('model', { id: 'long', n: 'long' }, { key: ['id'] });
    await fc.assert(
      fc.asyncProperty(state, state, async (before, after) => {
        const text = (rows: [number, number | null][]) =>
          `id,n\n${rows.map(([id, n]) => `${id},${n ?? ''}\n`).join('')}`;
        // One row more in each version, so that there are two snapshots to compare.
        await lake.csv(text([...before, [100, 0]]), { table: 'model', mode: 'overwrite' });
        await lake.csv(text([...after, [100, 0]]), { table: 'model', mode: 'overwrite' });
        const expected: unknown[][] = [];
        const [old, now] = [new Map(before), new Map(after)];
        for (const id of [...new Set([...old.keys(), ...now.keys()])].sort((a, b) => a - b)) {
          if (!now.has(id)) expected.push(['removed', id, old.get(id)]);
          else if (!old.has(id)) expected.push(['added', id, now.get(id)]);
          else if (old.get(id) !== now.get(id)) {
            expected.push(['changed from', id, old.get(id)], ['changed to', id, now.get(id)]);
          }
        }
        const answer = await diff(lake.session, { table: 'model', from: previous() });
        expect(await lake.rowsOf(answer)).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });
});

describe('branches and tags', () => {
  beforeEach(() => lake.csv('id\n1\n'));
  const branch = (more = {}) => ref(lake.session, { table: 'sales', type: 'branch', name: 'dev', ...more });

  it('a branch takes rows of its own, and is published', async () => {
    await branch();
    await ingest(lake.session, { table: 'sales.branch_dev', source: lake.file('d.csv', 'id\n2\n') });
    expect(await lake.rows('SELECT id FROM sales')).toEqual([[1]]);
    await publish(lake.session, { table: 'sales', branch: 'dev' });
    expect(await lake.rows('SELECT id FROM sales ORDER BY id')).toEqual([[1], [2]]);
  });

  it('publish refuses a branch that main has moved away from, or that is not there', async () => {
    await branch();
    await ingest(lake.session, { table: 'sales.branch_dev', source: lake.file('d.csv', 'id\n2\n') });
    await lake.csv('id\n3\n');
    expect((await lake.failure(() => publish(lake.session, { table: 'sales', branch: 'dev' }))).code).toBe(
      'INVALID',
    );
    expect((await lake.failure(() => publish(lake.session, { table: 'sales', branch: 'dve' }))).hint).toBe(
      'Did you mean "dev"?',
    );
  });

  it('are made, moved and dropped', async () => {
    await setTag('q1');
    expect(await lake.failure(() => setTag('q1'))).toMatchObject({
      code: 'REF_EXISTS',
      hint: expect.stringContaining('replace'),
    });
    await lake.csv('id\n2\n');
    await ref(lake.session, { table: 'sales', type: 'tag', name: 'q1', action: 'replace' });
    expect(await lake.rows("SELECT id FROM sales AT (VERSION => 'q1') ORDER BY id")).toEqual([[1], [2]]);
    await ref(lake.session, { table: 'sales', type: 'tag', name: 'q1', action: 'drop' });
    await lake.failure(() => ref(lake.session, { table: 'sales', type: 'tag', name: 'q1', action: 'drop' }));
    await ref(lake.session, { table: 'sales', type: 'tag', name: 'q1', action: 'drop', ifExists: true });
    expect(await lake.rows('SELECT name FROM sales$refs')).toEqual([['main']]);
  });

  it('need a snapshot', async () => {
    await lake.table('fresh');
    const error = await lake.failure(() => ref(lake.session, { table: 'fresh', type: 'tag', name: 'x' }));
    expect(error.message).toContain('no snapshot yet');
  });
});

describe('the lake', () => {
  it('tables lists what is there, and warns of what can not be read', async () => {
    await lake.csv('id\n1\n');
    await lake.session.execute('CREATE SCHEMA eu');
    await lake.table('eu.more', { id: 'int' }, {});
    const { rows, text } = await tables(lake.session, {});
    expect(rows!.map(row => row.slice(0, 4))).toEqual([
      ['default', 'sales', 1, 1],
      ['eu', 'more', 0, 0],
    ]);
    expect(text).toBe('2 tables in the lake.');
    expect((await tables(lake.session, { namespace: 'eu' })).rows).toHaveLength(1);
    expect((await lake.failure(() => tables(lake.session, { namespace: 'ue' }))).code).toBe(
      'NAMESPACE_NOT_FOUND',
    );
  });

  it('describe shows columns, key and size; files lists files by partition', async () => {
    await create(lake.session, {
      table: 'parted',
      columns: [
        { name: 'id', type: 'long', comment: 'the key' },
        { name: 'd', type: 'date' },
      ],
      key: ['id'],
      partitionedBy: ['year(d)'],
    });
    expect((await files(lake.session, { table: 'parted' })).text).toBe('parted has no files yet.');
    await lake.csv('id,d\n1,2025-01-01\n2,2026-01-01\n', { table: 'parted' });
    const about = await describeTable(lake.session, { table: 'parted' });
    expect(about.rows).toEqual([
      ['id', 'long', true, true, 'the key'],
      ['d', 'date', false, false, null],
    ]);
    expect(about.text).toMatch(/^parted: 2 rows, 2 files, .*; 1 snapshot/);
    await lake.session.execute("CALL system.compute_table_stats(table => 'parted')");
    const counted = await describeTable(lake.session, { table: 'parted' });
    expect(counted.columns!.map(({ name }) => name).slice(-2)).toEqual(['distinct_values', 'comment']);
    expect(counted.rows!.map(row => row[4])).toEqual([2, 2]);
    const listed = await files(lake.session, { table: 'parted' });
    expect(listed.rows!.map(row => row.slice(0, 2))).toEqual([
      ['d_year=2025', 1],
      ['d_year=2026', 1],
    ]);
    expect(String(listed.rows![0]![5])).toMatch(/^data\/d_year=2025\/.*\.parquet$/);
  });

  it('create refuses a table that is there, unless told otherwise', async () => {
    const columns = [{ name: 'a', type: 'int' }];
    const attempt = (more = {}) => create(lake.session, { table: 'sales', columns, ...more });
    expect((await lake.failure(attempt)).code).toBe('TABLE_EXISTS');
    expect((await attempt({ ifNotExists: true })).text).toContain('exists already');
    await lake.csv('id\n1\n');
    await attempt({ replace: true });
    expect(await lake.rows('SELECT * FROM sales')).toEqual([]);
    const wrong = await lake.failure(() =>
      create(lake.session, { table: 'x', columns: [{ name: 'a', type: 'itn' }] }),
    );
    expect(wrong.message).toContain('itn');
  });

  it('drop keeps the files for import, unless purged', async () => {
    await lake.csv('id\n1\n');
    const { text } = await drop(lake.session, { table: 'sales' });
    const metadata = /from '(.*)'/.exec(text)![1]!;
    const imported = await importTable(lake.session, { table: 'again', metadata });
    expect(imported.text).toContain('with 1 row');
    expect(await lake.rows('SELECT id FROM again')).toEqual([[1]]);
    await drop(lake.session, { table: 'again', purge: true });
    expect(await lake.files()).toEqual([]);
    expect((await lake.failure(() => drop(lake.session, { table: 'again' }))).code).toBe('TABLE_NOT_FOUND');
    expect((await drop(lake.session, { table: 'again', ifExists: true })).text).toContain('nothing to drop');
  });

  it('import takes a folder for its newest metadata, and tells what is missing', async () => {
    await lake.csv('id\n1\n');
    await lake.csv('id\n2\n');
    await drop(lake.session, { table: 'sales' });
    const folder = `${lake.lake.warehouse}/default/sales`;
    await importTable(lake.session, { table: 'sales', metadata: folder });
    expect(await lake.rows('SELECT count(*)::int FROM sales')).toEqual([[2]]);
    const attempt = (metadata: string) =>
      lake.failure(() => importTable(lake.session, { table: 'x', metadata }));
    expect((await attempt(`${folder}/metadata/none.metadata.json`)).code).toBe('FILE_NOT_FOUND');
    expect((await attempt('none')).code).toBe('FILE_NOT_FOUND');
    // A catalog's server reads the file itself, and not from this machine.
    const isRemote = process.env.LAKEBOOK_TEST_STORAGE === 'rest';
    const bad = isRemote ? `${lake.lake.warehouse}/bad.metadata.json` : 'bad.metadata.json';
    if (isRemote) await lake.lake.storage.create(bad, Buffer.from('{'));
    else lake.file(bad, '{');
    expect((await attempt(bad)).code).toBe(isRemote ? 'CATALOG_ERROR' : 'CORRUPT_FILE');
  });

  it('export writes a table, a version or a query, whole or not at all', async () => {
    await lake.csv('id,amount\n1,1\n');
    await setTag('one');
    await lake.csv('id,amount\n2,2.5\n');
    const path = (name: string) => `${lake.folder}/${name}`;
    await exportRows(lake.session, { source: { table: 'sales', at: tag('one') }, path: 'out.csv' });
    expect(readFileSync(path('out.csv'), 'utf8')).toBe('id,amount,sold_at,note\n1,1.00,,\n');
    const there = { source: { sql: 'SELECT id FROM sales ORDER BY id' }, path: 'out.csv' };
    expect((await lake.failure(() => exportRows(lake.session, there))).code).toBe('FILE_EXISTS');
    await exportRows(lake.session, { ...there, overwrite: true });
    expect(readFileSync(path('out.csv'), 'utf8')).toBe('id\n1\n2\n');
    await exportRows(lake.session, { source: { table: 'sales' }, path: 'out.parquet' });
    await lake.table('copy');
    await ingest(lake.session, { table: 'copy', source: { kind: 'files', paths: ['out.parquet'] } });
    expect(await lake.rows('SELECT * FROM copy ORDER BY id')).toEqual(await lake.rows(all));
    await lake.failure(() => exportRows(lake.session, { source: { sql: 'SELECT nope' }, path: 'none.csv' }));
    expect(existsSync(path('none.csv'))).toBe(false);
    const attempt = (name: string) =>
      lake.failure(() => exportRows(lake.session, { source: { table: 'sales' }, path: name }));
    expect((await attempt('out')).hint).toContain('format csv');
    expect((await attempt('no/such/x.csv')).code).toBe('FOLDER_NOT_FOUND');
  });

  it('a second session sees what the first committed', async () => {
    await lake.csv('id\n1\n');
    const other = await openTestLake(lake.folder);
    const table = await other.catalog.loadTable({ namespace: ['default'], name: 'sales' });
    expect(table.metadata.snapshots).toHaveLength(1);
    await other.close();
  });
});
