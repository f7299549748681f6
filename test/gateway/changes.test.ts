import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  Bool,
  DateDay,
  Field,
  Float64,
  Int32,
  List,
  makeData,
  RecordBatchStreamWriter,
  Struct,
  Table,
  TimestampMicrosecond,
  tableToIPC,
  Utf8,
  Vector,
  vectorFromArray,
} from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestGateway, tokens } from './support.ts';

let gateway: TestGateway;
const ownTemp = mkdtempSync(path.join(tmpdir(), 'lakebook-changes-'));
beforeAll(async () => {
  // Read by the gateway for its uploads.
  process.env.TMPDIR = ownTemp;
  gateway = await TestGateway.open({ folder: path.join(ownTemp, 'lake') });
});
afterAll(async () => {
  await gateway.close();
  rmSync(ownTemp, { recursive: true, force: true });
});

const csv = { 'content-type': 'text/csv' };

describe('ingest', () => {
  test('makes a table of CSV, then appends, overwrites and updates', async () => {
    const made = await gateway.ingest('a', 'id,x\n1,one\n2,two\n', '?create=true&key=id');
    expect(made.status).toBe(200);
    expect(made.body).toMatchObject({ table: 'a', rows_inserted: 2, rows_rejected: 0, replayed: false });
    expect(made.body.snapshot_id).toMatch(/^\d+$/);
    expect(made.body.text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
    expect((await gateway.get('/tables/a')).body.key).toEqual(['id']);
    const upserted = await gateway.ingest('a', 'id,x\n2,zwei\n3,drei\n', '?mode=upsert');
    expect(upserted.body).toMatchObject({ rows_inserted: 1, rows_updated: 1 });
    expect(await gateway.rows('FROM a ORDER BY id')).toEqual([
      [1, 'one'],
      [2, 'zwei'],
      [3, 'drei'],
    ]);
    const over = await gateway.ingest('a', 'id,x\n9,neun\n', '?mode=overwrite');
    expect(over.body).toMatchObject({ rows_inserted: 1, rows_deleted: 3 });
    expect((await gateway.ingest('missing', 'id\n1\n')).status).toBe(404);
  });

  test('makes a table with the first upsert', async () => {
    const made = await gateway.ingest('fresh', 'id,x\n1,one\n', '?mode=upsert&create=true&key=id');
    expect(made.body).toMatchObject({ rows_inserted: 1 });
    const again = await gateway.ingest('fresh', 'id,x\n1,eins\n', '?mode=upsert&create=true&key=id');
    expect(again.body).toMatchObject({ rows_inserted: 0, rows_updated: 1 });
  });

  test('rows that do not fit end it, are left out or put aside', async () => {
    await gateway.ingest('b', 'id\n1\n', '?create=true');
    const refused = await gateway.ingest('b', 'id\n2\nx\n');
    expect(refused.status).toBe(400);
    expect(refused.body.detail).toContain('upload.csv');
    expect((await gateway.ingest('b', 'id\n2\nx\n', '?on_error=skip')).body).toMatchObject({
      rows_inserted: 1,
      rows_rejected: 1,
    });
    expect((await gateway.ingest('b', 'id\n3\ny\n', '?on_error=quarantine')).body).toMatchObject({
      rows_inserted: 1,
      rows_rejected: 1,
    });
    expect(await gateway.rows('SELECT raw FROM b_rejected')).toEqual([['y']]);
    expect(await gateway.rows('SELECT * FROM b ORDER BY id')).toEqual([[1], [2], [3]]);
  });

  test('reads NDJSON, JSON, Parquet, gzip and forms', async () => {
    const send = (raw: string | Uint8Array, headers: Record<string, string>, parameters = '?create=true') =>
      gateway.call('POST', `/ingest/formats${parameters}`, { raw, headers });
    const parquet = await fetch(`${gateway.url}/query?sql=SELECT%203::BIGINT%20AS%20id`, {
      headers: { authorization: `Bearer ${'r'.repeat(40)}`, accept: 'application/vnd.apache.parquet' },
    });
    const answers = [
      await send('{"id":1}\n{"id":2}\n', { 'content-type': 'application/x-ndjson' }),
      await send(new Uint8Array(await parquet.arrayBuffer()), {
        'content-type': 'application/vnd.apache.parquet',
      }),
      await send(gzipSync('id\n4\n'), { ...csv, 'content-encoding': 'gzip' }),
      await send('[{"id":5},{"id":6}]', { 'content-type': 'application/json' }),
      await send(
        '--b\r\ncontent-disposition: form-data; name="file"; filename="x.ndjson"\r\n\r\n{"id":7}\n\r\n--b--\r\n',
        {
          'content-type': 'multipart/form-data; boundary=b',
        },
      ),
      await send('8\n', { 'content-type': 'application/octet-stream' }, '?format=csv&header=false'),
      await send('id;x\n9;1\n', csv, '?delimiter=;').then(answer => answer),
    ];
    expect(answers.map(answer => answer.status)).toEqual([200, 200, 200, 200, 200, 200, 400]);
    expect(await gateway.rows('SELECT id FROM formats ORDER BY id')).toEqual([
      [1],
      [2],
      [3],
      [4],
      [5],
      [6],
      [7],
      [8],
    ]);
  });

  test('reads Arrow streams and files with their types', async () => {
    const row = new Struct([
      new Field('n', new Int32(), true),
      new Field('t', new List(new Field('item', new Utf8(), true)), true),
    ]);
    const table = new Table({
      id: vectorFromArray([1n, 2n, 3n]),
      name: vectorFromArray(['a', null, 'ü"\n'], new Utf8()),
      at: new Vector([
        makeData({
          type: new TimestampMicrosecond('UTC'),
          length: 3,
          data: BigInt64Array.of(253402300799999999n, 0n, -1n),
        }),
      ]),
      day: vectorFromArray([new Date('2026-01-31'), null, new Date('1969-12-31')], new DateDay()),
      ok: vectorFromArray([true, null, false], new Bool()),
      f: vectorFromArray([1.5, null, -0.25], new Float64()),
      kind: vectorFromArray(['x', 'y', 'x']),
      nested: vectorFromArray([{ n: 1, t: ['a', null] }, null, { n: null, t: [] }], row),
    });
    for (const [index, format] of (['stream', 'file'] as const).entries()) {
      const answer = await gateway.call('POST', '/ingest/arrow?create=true', {
        raw: tableToIPC(table, format),
        headers: { 'content-type': `application/vnd.apache.arrow.${format}` },
      });
      expect(answer.body).toMatchObject({ rows_inserted: 3 });
      expect(await gateway.rows('SELECT count(*) FROM arrow')).toEqual([[3 * (index + 1)]]);
    }
    expect(await gateway.rows('SELECT DISTINCT * FROM arrow ORDER BY id')).toEqual([
      [1, 'a', '9999-12-31T23:59:59.999999Z', '2026-01-31', true, 1.5, 'x', { n: 1, t: ['a', null] }],
      [2, null, '1970-01-01T00:00:00Z', null, null, null, 'y', null],
      [3, 'ü"\n', '1969-12-31T23:59:59.999999Z', '1969-12-31', false, -0.25, 'x', { n: null, t: [] }],
    ]);
    const columns = (await gateway.get('/tables/arrow')).body.columns.map(
      (column: { type: string }) => column.type,
    );
    expect(columns).toEqual([
      'long',
      'string',
      'timestamptz',
      'date',
      'boolean',
      'double',
      'string',
      'struct<n: int, t: list<string>>',
    ]);
  });

  test('a stream of many Arrow batches', async () => {
    const writer = new RecordBatchStreamWriter();
    const table = new Table({
      id: vectorFromArray(
        Array.from({ length: 5000 }, (_, i) => i),
        new Int32(),
      ),
    });
    for (let i = 0; i < 3; i++) for (const batch of table.batches) writer.write(batch);
    writer.finish();
    const raw = writer.toUint8Array(true);
    const answer = await gateway.call('POST', '/ingest/batches?create=true', {
      raw,
      headers: { 'content-type': 'application/vnd.apache.arrow.stream' },
    });
    expect(answer.body).toMatchObject({ rows_inserted: 15_000 });
    expect(await gateway.rows('SELECT sum(id) FROM batches')).toEqual([[(3 * 4999 * 5000) / 2]]);
  });

  test('does not hold a long upload in memory', async () => {
    const piece = Buffer.alloc(1 << 20, 'id,name\n');
    const pieces = 256;
    let sent = 0;
    let most = 0;
    const body = new ReadableStream({
      pull(controller) {
        most = Math.max(most, process.memoryUsage().rss);
        if (sent++ === pieces) controller.close();
        else controller.enqueue(piece);
      },
    });
    const before = process.memoryUsage().rss;
    // It is received to its end before anything is made of it: then there is no such table.
    const response = await fetch(`${gateway.url}/ingest/missing`, {
      method: 'POST',
      headers: { ...csv, authorization: `Bearer ${tokens.write}` },
      body,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(404);
    expect(sent).toBe(pieces + 1);
    expect(most - before).toBeLessThan(128 * 2 ** 20);
  });

  test('leaves no upload behind', () => {
    const [folder] = readdirSync(process.env.TMPDIR!).filter(name => name.startsWith('lakebook-gateway-'));
    for (const name of ['uploads', 'answers']) {
      expect(readdirSync(path.join(process.env.TMPDIR!, folder!, name))).toEqual([]);
    }
  });

  test('many clients at once lose no row', async () => {
    await gateway.ingest('busy', 'client,n\n0,0\n', '?create=true');
    const clients = Array.from({ length: 8 }, async (_, client) => {
      for (let n = 0; n < 4; n++) {
        const answer = await gateway.ingest('busy', `client,n\n${client},${n}\n${client},${n + 100}\n`);
        expect(answer.status).toBe(200);
      }
    });
    await Promise.all(clients);
    expect(await gateway.rows('SELECT count(*), count(DISTINCT (client, n)) FROM busy')).toEqual([[65, 64]]);
  });
});

describe('an Idempotency-Key', () => {
  const send = (body: string, key: string, parameters = '') =>
    gateway.ingest('once', body, parameters, { 'idempotency-key': key });

  test('applies an upload once and answers the first result', async () => {
    const first = await send('id\n1\n2\n', 'k1', '?create=true');
    const second = await send('id\n1\n2\n', 'k1', '?create=true');
    expect(second.status).toBe(200);
    const { text: _, ...facts } = first.body;
    expect(second.body).toMatchObject({ ...facts, replayed: true });
    expect(await gateway.rows('SELECT count(*) FROM once')).toEqual([[2]]);
  });

  test('is for one request', async () => {
    await send('id\n7\n', 'k2');
    expect((await send('id\n8\n', 'k2')).body).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
    expect((await send('id\n7\n', 'k2', '?mode=overwrite')).status).toBe(422);
    expect((await send('id\n7\n', 'k2')).body.replayed).toBe(true);
  });

  test('holds for uploads at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => send('id\n100\n', 'k3')));
    expect(answers.map(answer => answer.body.replayed).sort()).toEqual([false, true, true, true, true]);
    expect(new Set(answers.map(answer => answer.body.snapshot_id)).size).toBe(1);
    expect(await gateway.rows('SELECT count(*) FROM once WHERE id = 100')).toEqual([[1]]);
  });

  test('holds across a restart, and in two gateways of one lake', async () => {
    const first = await TestGateway.open();
    await first.ingest('t', 'id\n1\n', '?create=true');
    const answer = await first.ingest('t', 'id\n2\nx\n', '?on_error=skip', { 'idempotency-key': 'k' });
    await first.close(true);
    const [second, third] = await Promise.all([
      TestGateway.open({ folder: first.folder }),
      TestGateway.open({ folder: first.folder }),
    ]);
    for (const each of [second, third]) {
      const again = await each.ingest('t', 'id\n2\nx\n', '?on_error=skip', { 'idempotency-key': 'k' });
      expect(again.body).toMatchObject({
        replayed: true,
        snapshot_id: answer.body.snapshot_id,
        rows_inserted: 1,
        rows_rejected: 1,
      });
    }
    const both = await Promise.all(
      [second, third].map(each => each.ingest('t', 'id\n3\n', '', { 'idempotency-key': 'k3' })),
    );
    expect(both.map(each => each.body.replayed).sort()).toEqual([false, true]);
    expect(await second.rows('SELECT id FROM t ORDER BY id')).toEqual([[1], [2], [3]]);
    await third.close(true);
    await second.close();
  });

  test('goes with upserts too', async () => {
    await gateway.ingest('keyed', 'id,x\n1,1\n2,2\n', '?create=true&key=id');
    const body = {
      rows: [
        { id: 2, x: 20 },
        { id: 3, x: 30 },
      ],
    };
    const options = { headers: { 'idempotency-key': 'u1', 'content-type': 'application/json' } };
    const first = await gateway.post('/tables/keyed/upsert', body, options);
    expect(first.body).toMatchObject({ rows_inserted: 1, rows_updated: 1, replayed: false });
    expect((await gateway.post('/tables/keyed/upsert', body, options)).body).toMatchObject({
      rows_inserted: 1,
      rows_updated: 1,
      replayed: true,
    });
  });
});

describe('tables', () => {
  test('are made, described, listed and refused twice', async () => {
    const body = {
      table: 'made',
      columns: [
        { name: 'id', type: 'long', required: true },
        { name: 'at', type: 'timestamp', comment: 'when' },
        { name: 'place', type: 'struct<city: string>' },
      ],
      partitioned_by: ['day(at)'],
      sorted_by: ['id desc'],
      key: ['id'],
      properties: { 'write.format.default': 'parquet' },
    };
    expect((await gateway.post('/tables', body)).status).toBe(201);
    expect((await gateway.post('/tables', body)).body).toMatchObject({ status: 409, code: 'TABLE_EXISTS' });
    expect((await gateway.post('/tables', { ...body, if_not_exists: true })).status).toBe(201);
    expect((await gateway.get('/tables/default.made')).body).toMatchObject({
      name: 'made',
      namespace: 'default',
      snapshot_id: null,
      key: ['id'],
      partitioned_by: ['day(at)'],
      sorted_by: ['id desc nulls last'],
      columns: [
        { name: 'id', type: 'long', required: true },
        { comment: 'when' },
        { type: 'struct<city: string>' },
      ],
      rows: 0,
    });
    const { tables } = (await gateway.get('/tables')).body;
    expect(tables.find((each: { table: string }) => each.table === 'made')).toMatchObject({
      name: 'default.made',
      rows: 0,
    });
    expect((await gateway.get('/tables/default.made/preview')).body).toMatchObject({ row_count: 0 });
  });

  test('are evolved, changed and rolled back', async () => {
    const first = await gateway.ingest('e', 'id,x\n1,10\n2,20\n3,30\n', '?create=true');
    const changes = [
      { kind: 'add', column: 'y', type: 'double', place: { kind: 'after', column: 'id' } },
      { kind: 'rename', column: 'x', to: 'z' },
    ];
    expect((await gateway.post('/tables/e/evolve', { changes })).status).toBe(200);
    expect((await gateway.post('/tables/e/delete', { where: 'z >= 20' })).body).toMatchObject({
      rows_deleted: 2,
    });
    expect(await gateway.rows('FROM e')).toEqual([[1, null, 10]]);
    const sub = await gateway.post('/tables/e/delete', { where: 'id IN (SELECT id + 100 FROM e)' });
    expect(sub.body).toMatchObject({ rows_deleted: 0, snapshot_id: null });
    const back = await gateway.post('/tables/e/rollback', { snapshot: first.body.snapshot_id });
    expect(back.body.snapshot_id).toBe(first.body.snapshot_id);
    expect(await gateway.rows('SELECT count(*) FROM e')).toEqual([[3]]);
    const { snapshots } = (await gateway.get('/tables/e/snapshots')).body;
    expect(snapshots.map((each: { is_current: boolean }) => each.is_current)).toEqual([false, true]);
    expect(
      (await gateway.post('/tables/e/evolve', { changes: [{ kind: 'drop', column: 'nothing' }] })).status,
    ).toBe(404);
    expect((await gateway.post('/tables/e/rollback', {})).status).toBe(400);
  });
});

test('tables are dropped', async () => {
  await gateway.ingest('gone', 'id\n1\n', '?create=true');
  expect((await gateway.call('DELETE', '/tables/gone?purge=true')).status).toBe(200);
  expect((await gateway.get('/tables/gone')).status).toBe(404);
  expect((await gateway.call('DELETE', '/tables/gone')).status).toBe(404);
});

test('a read-only gateway changes nothing', async () => {
  const reader = await TestGateway.open({ readOnly: true });
  expect((await reader.ingest('t', 'id\n1\n', '?create=true')).body).toMatchObject({
    status: 403,
    code: 'READ_ONLY',
  });
  expect((await reader.query('SELECT 1')).status).toBe(200);
  await reader.close();
});
