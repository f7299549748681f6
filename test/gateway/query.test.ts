import { RecordBatchReader, tableFromIPC } from 'apache-arrow';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestGateway, tokens } from './support.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.open({ limits: { jsonRows: 1_000 } });
  await gateway.ingest('sales', 'id,amount,note\n1,1.5,a\n2,2.5,\n3,3.25,"x,""y"""\n', '?create=true&key=id');
});
afterAll(() => gateway.close());

async function bytes(sql: string, accept: string, more: object = {}): Promise<Uint8Array> {
  const response = await fetch(`${gateway.url}/query`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens.read}`, 'content-type': 'application/json', accept },
    body: JSON.stringify({ sql, ...more }),
  });
  expect(response.headers.get('content-type')).toContain(accept);
  return new Uint8Array(await response.arrayBuffer());
}

describe('formats', () => {
  const sql = 'SELECT * FROM sales ORDER BY id';

  test('JSON has rows, or columns', async () => {
    const rows = await gateway.get(`/query?sql=${encodeURIComponent(sql)}`, { token: tokens.read });
    expect(rows.status).toBe(200);
    expect(rows.body).toMatchObject({
      columns: [
        { name: 'id', type: 'BIGINT' },
        { name: 'amount', type: 'DOUBLE' },
        { name: 'note', type: 'VARCHAR' },
      ],
      rows: [
        [1, 1.5, 'a'],
        [2, 2.5, null],
        [3, 3.25, 'x,"y"'],
      ],
      row_count: 3,
      truncated: false,
    });
    const columns = await gateway.query(sql, { layout: 'columns' });
    expect(columns.body.rows).toBeUndefined();
    expect(columns.body.columns[2]).toEqual({ name: 'note', type: 'VARCHAR', values: ['a', null, 'x,"y"'] });
  });

  test('NDJSON has an object for each row; names that come twice get numbers', async () => {
    const text = Buffer.from(
      await bytes('SELECT id, id, note FROM sales ORDER BY id', 'application/x-ndjson'),
    ).toString();
    expect(
      text
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual([
      { id: 1, id_1: 1, note: 'a' },
      { id: 2, id_1: 2, note: null },
      { id: 3, id_1: 3, note: 'x,"y"' },
    ]);
  });

  test('CSV tells NULL from the empty text', async () => {
    const text = Buffer.from(
      await bytes(
        `SELECT note, '' AS e, NULL AS n, ' x' AS s, [1, 2] AS l FROM sales WHERE id = 3`,
        'text/csv',
      ),
    ).toString();
    expect(text).toBe('note,e,n,s,l\r\n"x,""y""","",," x","[1,2]"\r\n');
  });

  test('Arrow comes as one stream of many batches', async () => {
    const stream = await bytes(
      'SELECT i, i::VARCHAR AS t FROM range(30000) r(i)',
      'application/vnd.apache.arrow.stream',
    );
    const table = tableFromIPC(stream);
    expect(table.numRows).toBe(30_000);
    expect(table.getChild('t')!.get(29_999)).toBe('29999');
    expect([...RecordBatchReader.from(stream)].length).toBeGreaterThan(1);
    const empty = tableFromIPC(
      await bytes('SELECT * FROM sales WHERE false', 'application/vnd.apache.arrow.stream'),
    );
    expect([empty.numRows, empty.schema.fields.length]).toEqual([0, 3]);
  });

  test('Parquet comes as a file', async () => {
    const file = await bytes(sql, 'application/vnd.apache.parquet', { limit: 2 });
    const rows = await parquetReadObjects({ file: file.buffer as ArrayBuffer, columns: ['id', 'amount'] });
    expect(rows).toEqual([
      { id: 1n, amount: 1.5 },
      { id: 2n, amount: 2.5 },
    ]);
    const one = await bytes('SELECT $x AS x;', 'application/vnd.apache.parquet', {
      parameters: { x: 'a;--' },
    });
    expect(await parquetReadObjects({ file: one.buffer as ArrayBuffer, utf8: true })).toEqual([
      { x: 'a;--' },
    ]);
  });

  test('the best accepted format is given, or none', async () => {
    const accept = (text: string) => gateway.query(sql, {}, { headers: { accept: text } });
    expect((await accept('text/csv;q=0.5, application/x-ndjson')).headers.get('content-type')).toContain(
      'ndjson',
    );
    expect((await accept('text/*')).headers.get('content-type')).toContain('text/csv');
    expect((await accept('application/json;q=0, */*')).headers.get('content-type')).toContain('ndjson');
    expect((await accept('image/png')).status).toBe(406);
  });

  test('values that JSON has no number for are texts', async () => {
    expect(
      await gateway.rows(
        `SELECT 9007199254740993::BIGINT, 1.10::DECIMAL(5,2), 'NaN'::DOUBLE, DATE '2026-01-31', TIMESTAMPTZ '2026-01-31 08:00:00+02', {'a': [1]}`,
      ),
    ).toEqual([['9007199254740993', '1.10', 'NaN', '2026-01-31', '2026-01-31T06:00:00Z', { a: [1] }]]);
  });
});

describe('limits and pages', () => {
  test('a limit cuts off and says so', async () => {
    expect((await gateway.query('FROM range(10)', { limit: 4 })).body).toMatchObject({
      row_count: 4,
      truncated: true,
    });
    expect((await gateway.query('FROM range(4)', { limit: 4 })).body).toMatchObject({
      row_count: 4,
      truncated: false,
    });
    expect((await gateway.query('FROM range(5000)')).body).toMatchObject({
      row_count: 1000,
      truncated: true,
    });
  });

  test('pages give every row once, in order, whatever is committed meanwhile', async () => {
    await gateway.ingest(
      'paged',
      `id\n${Array.from({ length: 950 }, (_, i) => i).join('\n')}\n`,
      '?create=true',
    );
    const seen: number[] = [];
    let answer = await gateway.query('SELECT id FROM paged ORDER BY id', { page_size: 100 });
    for (;;) {
      seen.push(...answer.body.rows.map((row: number[]) => row[0]));
      if (answer.body.next === undefined) break;
      await gateway.post('/tables/paged/delete', { where: `id = ${seen.length}` });
      answer = await gateway.get(`/query?cursor=${answer.body.next}&page_size=200`);
      expect(answer.status).toBe(200);
    }
    expect(seen).toEqual(Array.from({ length: 950 }, (_, i) => i));
  });

  test('a page can be read again; pages are JSON; sql and cursor exclude each other', async () => {
    const { next } = (await gateway.query('FROM range(30)', { page_size: 10 })).body;
    const first = await gateway.get(`/query?cursor=${next}&page_size=5`);
    expect((await gateway.get(`/query?cursor=${next}&page_size=5`)).body.rows).toEqual(first.body.rows);
    expect(
      (await gateway.query('FROM range(30)', { page_size: 10 }, { headers: { accept: 'text/csv' } })).status,
    ).toBe(406);
    expect((await gateway.get(`/query?cursor=${next}&sql=SELECT`)).status).toBe(400);
    expect((await gateway.get('/query')).status).toBe(400);
  });

  test('a query ends when its time is over', async () => {
    const answer = await gateway.query(
      'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3',
      { timeout: 0.2 },
    );
    expect(answer.status).toBe(408);
    expect(answer.body.code).toBe('TIMEOUT');
  });

  test('a query ends when its client leaves', async () => {
    const stop = new AbortController();
    const call = fetch(`${gateway.url}/query`, {
      method: 'POST',
      signal: stop.signal,
      headers: { authorization: `Bearer ${tokens.read}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        sql: 'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3',
      }),
    });
    await gauge('lakebook_queries_running', 1);
    stop.abort();
    await expect(call).rejects.toThrow();
    await gauge('lakebook_queries_running', 0);
  });

  test('too many queries at once are told to come again', async () => {
    const busy = await TestGateway.open({ limits: { queries: 1, waiting: 1, timeoutMs: 5_000 } });
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, n) =>
        busy.query(
          `SELECT ${n}, count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3`,
        ),
      ),
    );
    expect(answers.map(answer => answer.status).sort()).toEqual([408, 408, 429, 429]);
    expect(answers.find(answer => answer.status === 429)!.headers.get('retry-after')).toBe('1');
    expect((await busy.query('SELECT 1')).status).toBe(200);
    await busy.close();
  });
});

async function gauge(name: string, value: number): Promise<void> {
  await expect
    .poll(async () => (await gateway.get('/metrics')).text.includes(`${name} ${value}\n`), {
      timeout: 60_000,
    })
    .toBe(true);
}

describe('versions and parameters', () => {
  test('a query reads tables as they were', async () => {
    const before = await gateway.ingest('versions', 'id\n1\n', '?create=true');
    const { committed_at: at } = (await gateway.get('/tables/versions/snapshots')).body.snapshots[0];
    await gateway.ingest('versions', 'id\n2\n');
    const count = async (more: object) =>
      (await gateway.query('SELECT count(*) FROM versions', more)).body.rows?.[0]?.[0];
    expect(await count({})).toBe(2);
    expect(await count({ snapshot: before.body.snapshot_id })).toBe(1);
    expect(await count({ as_of: at })).toBe(1);
    const sql = 'SELECT (SELECT count(*) FROM versions), (SELECT count(*) FROM versions AT (VERSION => $v))';
    const both = await gateway.query(sql, { as_of: at, parameters: { v: 'main' } });
    expect(both.body.rows).toEqual([[1, 2]]);
    expect((await gateway.query('FROM versions', { snapshot: '1' })).status).toBe(404);
    expect((await gateway.query('FROM versions', { as_of: '2020-01-01' })).status).toBe(404);
    expect((await gateway.query('FROM versions', { as_of: '2020-13-45' })).status).toBe(400);
    expect((await gateway.query('FROM versions', { snapshot: '1', as_of: '2020-01-01' })).status).toBe(400);
    const preview = await gateway.get(`/tables/versions/preview?snapshot=${before.body.snapshot_id}`);
    expect(preview.body.rows).toEqual([[1]]);
  });

  test('parameters keep their types', async () => {
    const { body } = await gateway.query('SELECT id FROM sales WHERE id = $id AND amount > $low AND $yes', {
      parameters: { id: 3, low: 3.1, yes: true },
    });
    expect(body.rows).toEqual([[3]]);
    expect(
      (await gateway.query('SELECT $x IS NULL, $y', { parameters: { x: null, y: "o'clock" } })).body.rows,
    ).toEqual([[true, "o'clock"]]);
    expect((await gateway.query('SELECT $missing')).status).toBe(400);
  });

  test('errors are told with their place', async () => {
    const answer = await gateway.query('SELECT id,\n  nothing FROM sales');
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      type: 'urn:lakebook:problem:column-not-found',
      code: 'COLUMN_NOT_FOUND',
      position: { line: 2, column: 3 },
    });
    const table = await gateway.query('SELECT * FROM sale');
    expect(table.status).toBe(404);
    expect(table.body).toMatchObject({ code: 'TABLE_NOT_FOUND', hint: expect.stringContaining('sales') });
    expect((await gateway.query('SELECT * FROM (SELECT 1')).body).toMatchObject({
      code: 'SYNTAX',
      status: 400,
    });
  });

  test('what queries may do, they do', async () => {
    for (const sql of [
      'SELECT * FROM sales',
      'SELECT * FROM lake."default".sales',
      'FROM sales$snapshots',
      'FROM sales$files',
      'WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < 5) SELECT * FROM t',
      "PIVOT sales ON note IN ('a') USING sum(amount)",
      'VALUES (1), (2)',
      'TABLE sales',
      "SELECT list_transform([1, 2], lambda x: x + 1), regexp_replace('a', 'a', 'b'), strftime(DATE '2026-01-01', '%Y')",
      "SELECT json_extract('{\"a\": 1}', '$.a'), unnest([1, 2])",
      'SELECT sum(amount) OVER (ORDER BY id ROWS 1 PRECEDING) FROM sales QUALIFY row_number() OVER (ORDER BY id) > 1',
      'SELECT * FROM sales USING SAMPLE 2 ROWS',
      'SELECT count(*) FROM sales s JOIN range(3) r(i) ON s.id = r.i',
      'SELECT 1 -- with a comment',
      'SELECT 1;',
    ]) {
      const answer = await gateway.query(sql);
      expect([sql, answer.status, answer.body.detail]).toEqual([sql, 200, undefined]);
    }
  });
});
