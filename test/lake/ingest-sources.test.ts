import { beforeEach, describe, expect, it } from 'vitest';
import { ingest, type Source } from '../../src/lake/index.ts';
import { TestLake } from './support.ts';

let lake: TestLake;
beforeEach(async () => {
  lake = await TestLake.open();
  await lake.table();
});

const load = (source: Source, more = {}) => ingest(lake.session, { table: 'sales', source, ...more });
const query = (sql: string) => ({ kind: 'query', sql }) as const;

async function parquet(name: string, sql: string): Promise<Source> {
  await lake.session.duckdb.run(`COPY (${sql}) TO '${lake.folder}/${name}' (FORMAT parquet)`);
  return { kind: 'files', paths: [name] };
}

describe('modes', () => {
  beforeEach(async () => {
    await lake.table('months', { d: 'date', n: 'int' }, { partitionedBy: ['month(d)'] });
    await lake.csv('d,n\n2026-01-01,1\n2026-01-02,2\n2026-02-01,3\n', { table: 'months' });
  });

  it('append adds', async () => {
    await lake.csv('d,n\n2026-01-03,4\n', { table: 'months' });
    expect(await lake.rows('SELECT n FROM months ORDER BY n')).toEqual([[1], [2], [3], [4]]);
  });

  it('overwrite replaces all rows, in one commit', async () => {
    const { text } = await lake.csv('d,n\n2026-03-01,9\n', { table: 'months', mode: 'overwrite' });
    expect(text).toContain('in place of 3 rows');
    expect(await lake.rows('SELECT n FROM months')).toEqual([[9]]);
    expect(await lake.rows('SELECT count(*)::int FROM months$snapshots')).toEqual([[2]]);
  });

  it('replace-partitions replaces the partitions that the new rows are in', async () => {
    await lake.csv('d,n\n2026-01-05,9\n2026-03-01,10\n', { table: 'months', mode: 'replace-partitions' });
    expect(await lake.rows('SELECT n FROM months ORDER BY n')).toEqual([[3], [9], [10]]);
  });

  it('overwrite with no rows empties the table', async () => {
    await lake.csv('d,n\n', { table: 'months', mode: 'overwrite' });
    expect(await lake.rows('SELECT * FROM months')).toEqual([]);
  });
});

describe('JSON', () => {
  it('reads a line, a list and pretty objects', async () => {
    await load(lake.file('a.ndjson', '{"id":1,"amount":1.25}\n\n{"id":2,"note":"x"}\n'));
    await load(lake.file('b.json', '[{"id":3},{"id":4,"sold_at":"2026-01-01"}]'));
    await load(lake.file('c.json', '{\n  "id": 5\n}\n{\n  "id": 6\n}\n'));
    expect(await lake.rows('SELECT id, amount, sold_at, note FROM sales ORDER BY id')).toEqual([
      [1, '1.25', null, null],
      [2, null, null, 'x'],
      [3, null, null, null],
      [4, null, '2026-01-01', null],
      [5, null, null, null],
      [6, null, null, null],
    ]);
  });

  it('matches keys without regard to case, but not two of them', async () => {
    await load(lake.file('a.json', '[{"ID":1}]'));
    const error = await lake.failure(() => load(lake.file('b.json', '[{"ID":1},{"id":2}]')));
    expect(error.message).toContain('"ID" and "id" both go to "id"');
  });

  it('puts nested values into structs, lists and maps', async () => {
    await lake.table(
      'nested',
      { id: 'long', s: 'struct<a: int, b: string>', l: 'list<int>', m: 'map<string, int>' },
      {},
    );
    const source = lake.file(
      'n.ndjson',
      '{"id":1,"s":{"b":"x","a":1},"l":[1,2],"m":{"k":5}}\n{"id":2,"s":null}\n',
    );
    await load(source, { table: 'nested' });
    expect(await lake.rows('SELECT * FROM nested ORDER BY id')).toEqual([
      [1, { a: 1, b: 'x' }, [1, 2], { k: 5 }],
      [2, null, null, null],
    ]);
  });

  it('tells which value of which line does not fit', async () => {
    const source = lake.file(
      'a.ndjson',
      '{"id":1}\n\n{"id":2.5}\n{"id":3,"amount":"x"}\n{"id":\n{"amount":1}\n[1]\n',
    );
    const error = await lake.failure(() => load(source));
    expect(error.message).toBe(
      'a.ndjson, line 3: column "id": \'2.5\' is no long. 4 more rows don’t fit. Nothing was loaded.',
    );
    await load(source, { onError: 'quarantine' });
    expect(await lake.rows('SELECT id FROM sales')).toEqual([[1]]);
    expect(await lake.rows('SELECT line, raw, column_name FROM sales_rejected ORDER BY line')).toEqual([
      [3, '{"id":2.5}', 'id'],
      [4, '{"id":3,"amount":"x"}', 'amount'],
      [5, '{"id":', null],
      [6, '{"amount":1}', 'id'],
      [7, '[1]', null],
    ]);
  });

  it('refuses keys that the table has no column for, also nested ones', async () => {
    const error = await lake.failure(() => load(lake.file('a.json', '[{"id":1,"tags":["a"]}]')));
    expect(error.code).toBe('COLUMNS_MISMATCH');
    expect(error.hint).toContain('evolve sales add tags list<string>');
    await lake.table('nested', { s: 'struct<a: int>' }, {});
    const inner = await lake.failure(() => load(lake.file('b.json', '[{"s":{"z":1}}]'), { table: 'nested' }));
    expect(inner.message).toContain('no field "s.z"');
  });

  it('refuses what is no JSON, an empty file, and a wrong nested value', async () => {
    expect((await lake.failure(() => load(lake.file('a.json', 'id: 1')))).code).toBe('JSON_MALFORMED');
    expect((await lake.failure(() => load(lake.file('b.json', '[{"id":1},')))).code).toBe('JSON_MALFORMED');
    expect((await lake.failure(() => load(lake.file('c.json', '')))).code).toBe('SOURCE_EMPTY');
    await lake.table('lists', { l: 'list<int>' }, {});
    const source = lake.file('d.ndjson', '{"l":[1]}\n{"l":[1,"x"]}\n');
    const error = await lake.failure(() => load(source, { table: 'lists' }));
    expect(error.message).toContain('d.ndjson, line 2: column "l"');
  });
});

describe('Parquet', () => {
  it('matches by name; widens, and narrows values that fit', async () => {
    await load(await parquet('a.parquet', "SELECT 'n' AS Note, 5::INTEGER AS id, 2.5::DOUBLE AS amount"));
    await load(await parquet('b.parquet', 'SELECT 6::HUGEINT AS id, 1.500::DECIMAL(18,3) AS amount'));
    expect(await lake.rows('SELECT id, amount, note FROM sales ORDER BY id')).toEqual([
      [5, '2.50', 'n'],
      [6, '1.50', null],
    ]);
  });

  it('refuses values that do not fit, and keeps them when told', async () => {
    const source = await parquet(
      'a.parquet',
      'SELECT i AS id, (1.25 + i * 0.001)::DECIMAL(10,3) AS amount FROM range(3) r(i)',
    );
    const error = await lake.failure(() => load(source));
    expect(error.message).toContain('the value 1.251 of the column "amount" doesn\'t fit');
    await load(source, { onError: 'quarantine' });
    expect(await lake.rows('SELECT id, amount FROM sales')).toEqual([[0, '1.25']]);
    expect(await lake.rows('SELECT file, line, column_name FROM sales_rejected ORDER BY line')).toEqual([
      ['a.parquet', 2, 'amount'],
      ['a.parquet', 3, 'amount'],
    ]);
  });

  it('refuses types that have nothing in common, other columns and damaged files', async () => {
    const types = await parquet('a.parquet', "SELECT 'x' AS id");
    expect((await lake.failure(() => load(types))).code).toBe('TYPE_MISMATCH');
    const columns = await parquet('b.parquet', 'SELECT 1 AS id, 2 AS other');
    expect((await lake.failure(() => load(columns))).hint).toContain('evolve sales add other int');
    const damaged = lake.file('c.parquet', 'PAR1 this is none PAR1');
    const error = await lake.failure(() => load(damaged));
    expect([error.code, error.file]).toEqual(['PARQUET_UNREADABLE', 'c.parquet']);
    expect((await lake.failure(() => load({ kind: 'files', paths: ['d.parquet'] }))).code).toBe(
      'FILE_NOT_FOUND',
    );
  });

  it('names files of a pattern with other columns as one source', async () => {
    await parquet('p1.parquet', 'SELECT 1 AS id');
    await parquet('p2.parquet', "SELECT 2 AS id, 'x' AS note");
    await load({ kind: 'files', paths: ['p*.parquet'] });
    expect(await lake.rows('SELECT id, note FROM sales ORDER BY id')).toEqual([
      [1, null],
      [2, 'x'],
    ]);
  });
});

describe('a query', () => {
  it('may name lake tables, the target too, and sees one version of them', async () => {
    await lake.csv('id,amount\n1,1\n2,2\n');
    await load(query('SELECT id + 10 AS id, amount * 2 AS amount FROM sales'));
    expect(await lake.rows('SELECT id, amount FROM sales ORDER BY id')).toEqual([
      [1, '1.00'],
      [2, '2.00'],
      [11, '2.00'],
      [12, '4.00'],
    ]);
  });

  it('may be of other types where its values fit', async () => {
    await load(query("SELECT '7' AS id, '2026-01-01' AS sold_at"));
    const error = await lake.failure(() => load(query("SELECT '8x' AS id")));
    expect(error.message).toContain('the value 8x of the column "id"');
  });

  it('tells errors at their place in the query', async () => {
    const error = await lake.failure(() => load(query('SELECT idd AS id\nFROM sales')));
    expect(error.position).toMatchObject({ line: 1, column: 8 });
    const unknown = await lake.failure(() => load(query('SELECT *\nFROM salse')));
    expect(unknown).toMatchObject({ code: 'TABLE_NOT_FOUND', position: { line: 2, column: 6 } });
  });
});

describe('create', () => {
  const createFrom = (text: string, more = {}) => lake.csv(text, { table: 'fresh', create: true, ...more });
  const types = async () =>
    (await lake.rows('SELECT column_name, column_type FROM (DESCRIBE fresh)')).map(row => row.join(' '));

  it('finds types that lose nothing of the text', async () => {
    await createFrom(
      [
        'code,n,price,ratio,day,moment,zoned,ok,card,mixed,none,phone',
        '007,1,19.90,0.5,2026-01-01,2026-01-01 10:00:00,2026-01-01T10:00:00Z,true,12345678901234567890,1,,+49123',
        '042,-22,5.00,0.25,2026-01-02,2026-01-02 11:30:00.5,2026-01-01T10:00:00+02:00,false,1,x,,+49124',
      ].join('\n'),
    );
    expect(await types()).toEqual([
      'code VARCHAR',
      'n BIGINT',
      'price DECIMAL(18,2)',
      'ratio DOUBLE',
      'day DATE',
      'moment TIMESTAMP',
      'zoned TIMESTAMP WITH TIME ZONE',
      'ok BOOLEAN',
      'card VARCHAR',
      'mixed VARCHAR',
      'none VARCHAR',
      'phone VARCHAR',
    ]);
    expect(await lake.rows('SELECT code, card, price FROM fresh ORDER BY n')).toEqual([
      ['042', '1', '5.00'],
      ['007', '12345678901234567890', '19.90'],
    ]);
  });

  it('looks at every row, not only the first ones', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `${i},${i},${i}.50,2026-01-01`);
    rows.push('007,2.5,1.123,2026-02-30');
    await createFrom(`a,b,c,d\n${rows.join('\n')}\n`);
    expect(await types()).toEqual(['a VARCHAR', 'b DOUBLE', 'c DOUBLE', 'd VARCHAR']);
    expect(await lake.rows("SELECT a, b, c, d FROM fresh WHERE a = '007'")).toEqual([
      ['007', 2.5, 1.123, '2026-02-30'],
    ]);
  });

  it('takes a key and partitioning', async () => {
    await createFrom('id,d\n1,2026-01-01\n', { key: ['id'], partitionedBy: ['month(d)'] });
    const { metadata } = await lake.lake.catalog.loadTable({ namespace: ['default'], name: 'fresh' });
    expect(metadata.schemas[0]!.identifierFieldIds).toEqual([1]);
    expect(metadata.partitionSpecs[0]!.fields.map(field => field.name)).toEqual(['d_month']);
  });

  it('adds to the table when it is there', async () => {
    await createFrom('id\n1\n');
    await createFrom('id\n2\n');
    expect(await lake.rows('SELECT id FROM fresh ORDER BY id')).toEqual([[1], [2]]);
  });

  it('works from JSON, Parquet and a query', async () => {
    await load(lake.file('a.json', '[{"id":1,"s":{"a":1.5},"d":"2026-01-01"}]'), {
      table: 'fresh',
      create: true,
    });
    expect(await types()).toEqual(['id BIGINT', 's STRUCT(a DOUBLE)', 'd DATE']);
    await load(await parquet('p.parquet', 'SELECT 1::SMALLINT AS a, 2.5::DECIMAL(5,1) AS b'), {
      table: 'p',
      create: true,
    });
    expect(await lake.rows('SELECT * FROM p')).toEqual([[1, '2.5']]);
    await load(query('SELECT 1 AS x'), { table: 'q', create: true });
    expect(await lake.rows('SELECT * FROM q')).toEqual([[1]]);
  });

  it('leaves no table when it fails', async () => {
    const there = () => lake.lake.catalog.tableExists({ namespace: ['default'], name: 'fresh' });
    for (const [text, more] of [
      ['a,b\n1\n', {}],
      ['', {}],
      ['id\n1\n\n', { key: ['id'] }],
      ['id\n1\n', { key: ['nope'] }],
      ['id\n1\n', { partitionedBy: ['month(id)'] }],
    ] as const) {
      await lake.failure(() => createFrom(text, more));
      expect(await there()).toBe(false);
    }
    await lake.failure(() => load({ kind: 'files', paths: ['none.csv'] }, { table: 'fresh', create: true }));
    expect(await there()).toBe(false);
  });

  it('is needed for a table that is not there, and for clauses about a new one', async () => {
    expect((await lake.failure(() => lake.csv('id\n1\n', { table: 'fresh' }))).code).toBe('TABLE_NOT_FOUND');
    const error = await lake.failure(() => lake.csv('id\n1\n', { key: ['id'] }));
    expect(error.hint).toContain('evolve sales key');
  });
});
