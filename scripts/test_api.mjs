// An end-to-end test of a running gateway, for trying an installation: makes a table of its own, uses every part of
// the API on it, and drops it again.
// usage: npm run test_api -- [URL] [--token-file FILE]
// Without FILE the tokens are those of the lake in this folder (.lakebook/gateway-tokens.json).
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: { 'token-file': { type: 'string' } },
  allowPositionals: true,
});
const base = (positionals[0] ?? 'http://127.0.0.1:8765').replace(/\/+$/, '');
const file = path.resolve(values['token-file'] ?? '.lakebook/gateway-tokens.json');
if (!existsSync(file)) {
  console.error(
    `There is no ${file}. Start the gateway with \`npx lakebook serve\`, and say where its tokens are with --token-file.`,
  );
  process.exit(2);
}
const tokens = JSON.parse(readFileSync(file, 'utf8'));
const table = `test_api_${randomUUID().slice(0, 8)}`;
let failed = 0;
let passed = 0;

async function call(method, address, { body, raw, headers = {}, token = tokens.write } = {}) {
  const response = await fetch(base + address, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
  });
  const text = await response.text();
  const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, text, body: isJson ? JSON.parse(text) : text };
}

async function step(name, work) {
  try {
    await work();
    passed++;
    console.log(`  ok    ${name}`);
  } catch (error) {
    failed++;
    console.log(`  FAIL  ${name}: ${error.message}`);
  }
}

function equal(found, wanted, what = 'answer') {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`the ${what} is ${a}, and should be ${b}`);
}

const ingest = (csv, parameters = '', headers = {}) =>
  call('POST', `/ingest/${table}${parameters}`, {
    raw: csv,
    headers: { 'content-type': 'text/csv', ...headers },
  });
const rows = async (sql, more = {}) =>
  (await call('POST', '/query', { body: { sql, ...more }, token: tokens.read })).body.rows;

console.log(`${base}, table ${table}`);
await step('the server answers', async () =>
  equal((await call('GET', '/healthz', { token: null })).body, { status: 'ok' }),
);
if (failed > 0) {
  console.log(`\nNothing answers at ${base}. Start the gateway with \`npx lakebook serve\`.`);
  process.exit(1);
}
await step('it is ready', async () =>
  equal((await call('GET', '/readyz', { token: null })).status, 200, 'status'),
);
await step('it documents itself', async () =>
  equal((await call('GET', '/openapi.json', { token: null })).body.openapi, '3.1.0'),
);
await step('nobody gets in without a token', async () =>
  equal((await call('GET', '/tables', { token: null })).status, 401, 'status'),
);
await step('the token for reading changes nothing', async () => {
  const answer = await call('POST', `/ingest/${table}?create=true`, {
    raw: 'id\n1\n',
    headers: { 'content-type': 'text/csv' },
    token: tokens.read,
  });
  equal(answer.status, 403, 'status');
});
let first;
await step('a CSV makes a table', async () => {
  const answer = await ingest('id,amount,note\n1,1.50,one\n2,2.50,two\n', '?create=true&key=id', {
    'idempotency-key': `${table}-1`,
  });
  equal([answer.status, answer.body.rows_inserted, answer.body.replayed], [200, 2, false]);
  first = answer.body;
});
await step('the same upload again changes nothing', async () => {
  const { body } = await ingest('id,amount,note\n1,1.50,one\n2,2.50,two\n', '?create=true&key=id', {
    'idempotency-key': `${table}-1`,
  });
  equal([body.replayed, body.snapshot_id], [true, first.snapshot_id]);
  equal(await rows(`SELECT count(*) FROM ${table}`), [[2]], 'count');
});
await step('a row that does not fit is told with file and line', async () => {
  const { status, body } = await ingest('id,amount\nx,1\n');
  equal([status, /upload\.csv/.test(body.detail)], [400, true]);
});
await step('rows are read with parameters', async () =>
  equal(await rows(`SELECT note FROM ${table} WHERE id = $id`, { parameters: { id: 2 } }), [['two']], 'rows'),
);
await step('rows come as NDJSON and CSV', async () => {
  const sql = encodeURIComponent(`SELECT id, note FROM ${table} ORDER BY id`);
  const as = async accept => (await call('GET', `/query?sql=${sql}`, { headers: { accept } })).text;
  equal(await as('application/x-ndjson'), '{"id":1,"note":"one"}\n{"id":2,"note":"two"}\n');
  equal(await as('text/csv'), 'id,note\r\n1,one\r\n2,two\r\n');
});
await step('long results come page by page', async () => {
  const page = (await call('POST', '/query', { body: { sql: 'FROM range(25)', page_size: 10 } })).body;
  const next = (await call('GET', `/query?cursor=${page.next}&page_size=10`)).body;
  equal([page.row_count, next.rows[0][0], typeof next.next], [10, 10, 'string']);
});
await step('rows are updated and inserted', async () => {
  const { body } = await call('POST', `/tables/${table}/upsert`, {
    body: {
      rows: [
        { id: 2, amount: 20 },
        { id: 3, amount: 30 },
      ],
    },
  });
  equal([body.rows_inserted, body.rows_updated], [1, 1], 'counts');
});
await step('rows are deleted', async () =>
  equal(
    (await call('POST', `/tables/${table}/delete`, { body: { where: 'id = 1' } })).body.rows_deleted,
    1,
    'count',
  ),
);
await step('columns are added', async () => {
  const changes = [{ kind: 'add', column: 'region', type: 'string' }];
  equal((await call('POST', `/tables/${table}/evolve`, { body: { changes } })).status, 200, 'status');
  equal((await call('GET', `/tables/${table}`)).body.columns.at(-1).name, 'region', 'column');
});
await step('the table is read as it was', async () =>
  equal(await rows(`SELECT count(*) FROM ${table}`, { snapshot: first.snapshot_id }), [[2]], 'count'),
);
await step('the table goes back to what it was', async () => {
  equal(
    (await call('POST', `/tables/${table}/rollback`, { body: { snapshot: first.snapshot_id } })).status,
    200,
    'status',
  );
  equal(await rows(`SELECT id FROM ${table} ORDER BY id`), [[1], [2]], 'rows');
});
await step('the history has every commit', async () =>
  equal((await call('GET', `/tables/${table}/snapshots`)).body.snapshots.length, 3, 'number of snapshots'),
);
await step('SQL sees no files', async () => {
  for (const sql of [
    `SELECT * FROM read_text('/etc/passwd')`,
    `COPY ${table} TO '/tmp/x'`,
    'PRAGMA database_list',
  ]) {
    equal((await call('POST', '/query', { body: { sql } })).status, 403, 'status');
  }
});
await step('it counts what it does', async () =>
  equal(/lakebook_http_requests_total/.test((await call('GET', '/metrics')).text), true),
);
await step('the table is dropped', async () => {
  equal((await call('DELETE', `/tables/${table}?purge=true`)).status, 200, 'status');
  equal((await call('GET', `/tables/${table}`)).status, 404, 'status');
});
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
