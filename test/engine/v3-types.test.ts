import { expect, test } from 'vitest';
import { toLocalPath } from '../../src/storage/paths.ts';
import { TestLake } from './dml/support.ts';

const t = await TestLake.open();

test('columns of the type unknown are null, beside others that can be read', async () => {
  const table = await t.create('u', { columns: { id: 'long' }, formatVersion: 3 });
  await t.change('INSERT INTO u VALUES (1), (2)');
  const [schema] = table.metadata.schemas;
  const fields = [
    ...schema!.fields,
    { id: 2, name: 'nothing', required: false, type: { kind: 'unknown' } } as const,
  ];
  await t.lake.catalog.commitTable(
    table.identifier,
    [],
    [
      { action: 'add-schema', schema: { ...schema!, schemaId: 1, fields }, lastColumnId: 2 },
      { action: 'set-current-schema', schemaId: -1 },
    ],
  );
  expect(await t.rows('SELECT * FROM u ORDER BY id')).toEqual([
    { id: 1, nothing: null },
    { id: 2, nothing: null },
  ]);
});

test('timestamps keep their nanoseconds', async () => {
  await t.create('n', { columns: { id: 'long', moment: 'timestamp_ns' }, formatVersion: 3 });
  await t.change(`INSERT INTO n VALUES (1, TIMESTAMP_NS '2026-01-01 00:00:00.123456789')`);
  await t.change(`UPDATE n SET id = 2 WHERE moment > TIMESTAMP_NS '2026-01-01 00:00:00.123456788'`);
  expect(await t.rows('SELECT id, moment::VARCHAR AS m FROM n')).toEqual([
    { id: 2, m: '2026-01-01 00:00:00.123456789' },
  ]);
});

test('rows of before a column with a default was added have it, also when they are rewritten', async () => {
  const table = await t.create('d', {
    columns: { id: 'long' },
    formatVersion: 3,
    properties: { 'write.update.mode': 'merge-on-read' },
  });
  await t.change('INSERT INTO d VALUES (1), (2), (3)');
  const [schema] = table.metadata.schemas;
  const added = {
    id: 2,
    name: 'n',
    required: false,
    type: { kind: 'int' },
    initialDefault: 7,
    writeDefault: 8,
  } as const;
  await t.lake.catalog.commitTable(
    table.identifier,
    [],
    [
      {
        action: 'add-schema',
        schema: { ...schema!, schemaId: 1, fields: [...schema!.fields, added] },
        lastColumnId: 2,
      },
      { action: 'set-current-schema', schemaId: -1 },
    ],
  );
  await t.change('INSERT INTO d (id) VALUES (4)');
  await t.change('UPDATE d SET id = 20 WHERE id = 2');
  const rows = [
    { id: 1, n: 7 },
    { id: 3, n: 7 },
    { id: 4, n: 8 },
    { id: 20, n: 7 },
  ];
  expect(await t.rows('SELECT * FROM d ORDER BY id')).toEqual(rows);
  await t.session.execute(
    "CALL system.rewrite_data_files(table => 'd', options => map('rewrite-all', 'true'))",
  );
  expect(await t.rows('SELECT * FROM d ORDER BY id')).toEqual(rows);
});

test('unknown columns take nothing but null, and are in no file', async () => {
  const type = 'struct<a: int, nothing: unknown>';
  await t.create('nothing', { columns: { id: 'long', u: 'unknown', s: type }, formatVersion: 3 });
  await t.change(`INSERT INTO nothing VALUES (1, NULL, {a: 1, nothing: NULL}), (2, NULL, NULL)`);
  await t.change('UPDATE nothing SET id = id + 10 WHERE id = 2');
  expect(await t.rows('SELECT id, u, s::VARCHAR AS s FROM nothing ORDER BY id')).toEqual([
    { id: 1, u: null, s: "{'a': 1, 'nothing': NULL}" },
    { id: 12, u: null, s: null },
  ]);
  await expect(t.change(`INSERT INTO nothing (id, u) VALUES (3, 'x')`)).rejects.toThrow(
    /"u" has the type unknown/,
  );
});

test('moments of nanoseconds are read and written to the microsecond, and not rewritten', async () => {
  const table = await t.create('z', {
    columns: { id: 'long', moment: 'timestamptz_ns' },
    formatVersion: 3,
    partitionedBy: ['day(moment)'],
    properties: { 'write.delete.mode': 'merge-on-read' },
  });
  await t.session.execute("SET TimeZone = 'America/St_Johns'");
  await t.change(`INSERT INTO z VALUES (1, TIMESTAMPTZ '2026-01-01 00:00:00.123456+01'), (2, NULL),
    (3, TIMESTAMPTZ '1969-12-31 23:59:59.999999+00')`);
  const moments = [
    { id: 1, us: 1767222000123456 },
    { id: 2, us: null },
    { id: 3, us: -1 },
  ];
  const micros = 'SELECT id, epoch_us(moment) AS us FROM z ORDER BY id';
  expect(await t.rows(micros)).toEqual(moments);
  expect(await t.rows(`SELECT id FROM z WHERE moment = TIMESTAMPTZ '2025-12-31 23:00:00.123456+00'`)).toEqual(
    [{ id: 1 }],
  );
  const [task] = await t.tasks(table.identifier.name);
  const types = await t.rows(
    `SELECT logical_type AS type FROM parquet_schema('${toLocalPath(task!.dataFile.filePath)}') WHERE name = 'moment'`,
  );
  expect(JSON.stringify(types)).toMatch(/isAdjustedToUTC=1.*NANOS=Nano/);
  await expect(t.change('UPDATE z SET id = 10 WHERE id = 1')).rejects.toThrow(/"moment" has nanoseconds/);
  await t.change('DELETE FROM z WHERE id = 3');
  expect(await t.rows(micros)).toEqual(moments.slice(0, 2));
  await expect(t.change(`INSERT INTO z VALUES (4, TIMESTAMPTZ '2500-01-01 00:00:00+00')`)).rejects.toThrow(
    /Overflow|out of range/i,
  );
});

test('variants are JSON in queries, and keep their types when rows are rewritten', async () => {
  const columns = { id: 'long', v: 'variant' };
  for (const mode of ['copy-on-write', 'merge-on-read']) {
    const name = `v_${mode.replaceAll('-', '_')}`;
    await t.create(name, { columns, formatVersion: 3, properties: { 'write.update.mode': mode } });
    await t.change(`INSERT INTO ${name} SELECT 1, '{"a": {"b": [1, "x", null]}}'`);
    await t.change(`INSERT INTO ${name} SELECT 2, DATE '2026-01-02'::VARIANT`);
    await t.change(`INSERT INTO ${name} SELECT 3, 1.50::DECIMAL(5, 2)`);
    await t.change(`INSERT INTO ${name} VALUES (4, NULL)`);
    const rows = [
      { id: 1, v: '{"a":{"b":[1,"x",null]}}' },
      { id: 2, v: '"2026-01-02"' },
      { id: 3, v: '1.50' },
      { id: 4, v: null },
    ];
    const all = `SELECT id, v::VARCHAR AS v FROM ${name} ORDER BY id`;
    expect(await t.rows(all)).toEqual(rows);
    expect(await t.rows(`SELECT v->'a'->'b'->>1 AS x FROM ${name} WHERE v->>'a' IS NOT NULL`)).toEqual([
      { x: 'x' },
    ]);
    // Two rows of each file, one of them changed: the other is written again with it.
    await t.session.execute(
      `CALL system.rewrite_data_files(table => '${name}', options => map('rewrite-all', 'true'))`,
    );
    await t.change(`UPDATE ${name} SET id = id + 10 WHERE id >= 2`);
    await t.change(`UPDATE ${name} SET v = '{"new": true}' WHERE id = 1`);
    expect(await t.rows(all)).toEqual([
      { id: 1, v: '{"new":true}' },
      ...rows.slice(1).map(row => ({ ...row, id: row.id + 10 })),
    ]);
    const files = (await t.tasks(name)).map(task => `'${toLocalPath(task.dataFile.filePath)}'`);
    const stored = await t.rows(`SELECT DISTINCT id, variant_typeof(v) AS type
      FROM (FROM read_parquet([${files.join(', ')}], union_by_name = true) ORDER BY id)
      WHERE id BETWEEN 12 AND 13 ORDER BY id`);
    expect(stored).toEqual([
      { id: 12, type: 'DATE' },
      { id: 13, type: 'DECIMAL(3, 2)' },
    ]);
    await expect(t.change(`INSERT INTO ${name} (id, v) VALUES (5, '{broken')`)).rejects.toThrow(/JSON/);
  }
});

test('variants of numbers that DuckDB writes as no JSON are JSON all the same', async () => {
  await t.create('numbers', { columns: { id: 'long', v: 'variant' }, formatVersion: 3 });
  const text = String.raw`{'a.5': '.5 \\ " .5, NaN', 'b': [0.5::DECIMAL(1, 1), -0.25::DECIMAL(2, 2)], 'c': 'NaN'::DOUBLE, 'd': '-inf'::FLOAT}`;
  await t.change(
    `INSERT INTO numbers SELECT 1, ${text}::VARIANT UNION ALL SELECT 2, 0::DECIMAL(2, 2)::VARIANT`,
  );
  const rows = (await t.rows('SELECT v::VARCHAR AS v FROM numbers ORDER BY id')) as { v: string }[];
  expect(rows.map(({ v }) => JSON.parse(v))).toEqual([
    { 'a.5': String.raw`.5 \\ " .5, NaN`, b: [0.5, -0.25], c: 'NaN', d: '-Infinity' },
    0,
  ]);
});

test('variants inside of other columns are kept too', async () => {
  const columns = { id: 'long', s: 'struct<v: variant>', l: 'list<variant>' };
  await t.create('inside', { columns, formatVersion: 3 });
  await t.change(`INSERT INTO inside VALUES (1, {v: '{"a": 1.5}'}, ['1', '"x"', NULL]), (2, NULL, NULL)`);
  await t.change(
    `INSERT INTO inside SELECT 3, {v: DATE '2026-01-02'::VARIANT}, [1.50::DECIMAL(5, 2)::VARIANT]`,
  );
  await t.session.execute(
    "CALL system.rewrite_data_files(table => 'inside', options => map('rewrite-all', 'true'))",
  );
  await t.change('UPDATE inside SET id = 4 WHERE id = 2');
  expect(
    await t.rows(`SELECT id, s.v->>'a' AS a, s.v::VARCHAR AS v, l::VARCHAR AS l FROM inside ORDER BY id`),
  ).toEqual([
    { id: 1, a: '1.5', v: '{"a":1.5}', l: '[1, "x", NULL]' },
    { id: 3, a: null, v: '"2026-01-02"', l: '[1.50]' },
    { id: 4, a: null, v: null, l: null },
  ]);
  const [task] = await t.tasks('inside');
  expect(
    await t.rows(
      `SELECT variant_typeof(s.v) AS v, variant_typeof(l[1]) AS l FROM '${toLocalPath(task!.dataFile.filePath)}' WHERE id = 3`,
    ),
  ).toEqual([{ v: 'DATE', l: 'DECIMAL(3, 2)' }]);
});

test('geometries are well-known binary', async () => {
  await t.create('g', { columns: { id: 'long', g: 'geometry' }, formatVersion: 3 });
  const point = '0101000000000000000000F03F0000000000000040';
  await t.change(`INSERT INTO g VALUES (1, from_hex('${point}')), (2, NULL)`);
  await t.change('UPDATE g SET id = 3 WHERE id = 2');
  const rows = [
    { id: 1, g: point },
    { id: 3, g: null },
  ];
  expect(await t.rows('SELECT id, hex(g) AS g FROM g ORDER BY id')).toEqual(rows);
  await expect(t.change(`INSERT INTO g VALUES (4, 'no geometry'::BLOB)`)).rejects.toThrow(/WKB/i);
  for (const type of ['geography', 'geometry(EPSG:4326)']) {
    await t.create(`g_${type.length}`, { columns: { id: 'long', g: type }, formatVersion: 3 });
    await expect(t.change(`INSERT INTO g_${type.length} VALUES (1, NULL)`)).rejects.toThrow(/"g" has the/);
  }
});

test('row ids can be named beside a star, which does not show them', async () => {
  await t.create('lineage', { columns: { id: 'long', v: 'string' }, formatVersion: 3 });
  await t.change(`INSERT INTO lineage VALUES (7, 'x')`);
  const row = { id: 7, v: 'x' };
  const named = { _row_id: 0, _last_updated_sequence_number: 1 };
  const all: [string, object][] = [
    ['SELECT * FROM lineage', row],
    ['SELECT *, _row_id FROM lineage', { ...row, _row_id: 0 }],
    ['SELECT _row_id, _last_updated_sequence_number, l.* FROM lineage l', { ...named, ...row }],
    ['SELECT _row_id, * EXCLUDE (v) FROM lineage', { _row_id: 0, id: 7 }],
    ['SELECT * EXCLUDE v, _row_id FROM lineage', { id: 7, _row_id: 0 }],
    [`SELECT * REPLACE ('y' AS v), _row_id FROM lineage`, { id: 7, v: 'y', _row_id: 0 }],
    ['SELECT l.*, o.*, l._row_id FROM lineage l, (SELECT 1 AS o) o', { ...row, o: 1, _row_id: 0 }],
    ['SELECT * FROM (SELECT *, _row_id FROM lineage) WHERE _row_id = 0', { ...row, _row_id: 0 }],
    ['SELECT * FROM lineage WHERE _row_id = 0', { ...row, _row_id: 0 }],
  ];
  for (const [query, expected] of all) expect([query, await t.rows(query)]).toEqual([query, [expected]]);
});
