import type { FastifyInstance, InjectOptions } from 'fastify';
import { makeGateway } from '../../../../src/gateway/server.ts';
import { LakebookError } from '../../../../src/iceberg/errors.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { jsonText, mutateJson } from '../mutate-json.ts';
import { mutateText } from '../mutate-text.ts';
import type { Random } from '../random.ts';
import { disagree, type OpenTarget } from '../target.ts';
import { FuzzLake, runThrough } from './lake-folder.ts';

const token = 'w'.repeat(40);

/** A request as the input has it. */
interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON bodies as their text. */
  readonly body?: string;
}

const authorised = { authorization: `Bearer ${token}`, host: '127.0.0.1' };
const json = { ...authorised, 'content-type': 'application/json' };
const csv = { ...authorised, 'content-type': 'text/csv' };

const requests: readonly Request[] = [
  { method: 'GET', url: '/readyz', headers: authorised },
  { method: 'GET', url: '/metrics', headers: authorised },
  { method: 'GET', url: '/openapi.json', headers: authorised },
  { method: 'GET', url: '/tables', headers: authorised },
  { method: 'GET', url: '/tables/sales', headers: authorised },
  { method: 'GET', url: '/tables/sales/preview?limit=5&layout=columns', headers: authorised },
  { method: 'GET', url: '/tables/sales/snapshots', headers: authorised },
  {
    method: 'GET',
    url: '/query?sql=SELECT%20count(*)%20FROM%20sales&limit=5&as_of=2030-01-01',
    headers: authorised,
  },
  {
    method: 'POST',
    url: '/query',
    headers: json,
    body: '{"sql":"SELECT $a AS a, * FROM sales WHERE id > $b","parameters":{"a":"x","b":1},"limit":10,"page_size":3,"timeout":20,"layout":"rows"}',
  },
  {
    method: 'POST',
    url: '/tables',
    headers: json,
    body: '{"name":"made","columns":[{"name":"id","type":"long","required":true},{"name":"s","type":"struct<a: int>"}],"partitioned_by":["bucket(4, id)"],"properties":{"a":"b"}}',
  },
  { method: 'DELETE', url: '/tables/made', headers: authorised },
  {
    method: 'POST',
    url: '/tables/sales/delete',
    headers: json,
    body: '{"where":"id = 1 AND note LIKE \'x%\'"}',
  },
  {
    method: 'POST',
    url: '/tables/sales/evolve',
    headers: json,
    body: '{"changes":[{"kind":"add","column":"x","type":"int","place":{"kind":"first"}},{"kind":"rename","column":"note","to":"note"}]}',
  },
  {
    method: 'POST',
    url: '/tables/sales/upsert',
    headers: json,
    body: '{"rows":[{"id":1,"note":"x"}],"on":["id"],"when_matched_delete":"note = \'y\'"}',
  },
  { method: 'POST', url: '/tables/sales/rollback', headers: json, body: '{"steps":1}' },
  { method: 'POST', url: '/ingest/sales?on_error=skip', headers: csv, body: 'id,note\n1,a\n2,b\n' },
  {
    method: 'POST',
    url: '/ingest/other?create=true&key=id&mode=upsert',
    headers: csv,
    body: 'id,note\n1,a\n1,b\n',
  },
  {
    method: 'POST',
    url: '/ingest/sales?format=ndjson',
    headers: { ...authorised, 'content-type': 'application/x-ndjson', 'idempotency-key': 'k1' },
    body: '{"id":1,"note":"a"}\n{"id":2}\n',
  },
  {
    method: 'POST',
    url: '/ingest/sales',
    headers: { ...authorised, 'content-type': 'multipart/form-data; boundary=XX' },
    body: '--XX\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\nid,note\n1,a\n\r\n--XX--\r\n',
  },
];

const words = [
  'sales',
  'id',
  'SELECT 1',
  'SELECT * FROM sales',
  "SELECT * FROM read_text('/etc/passwd')",
  'rows',
  'columns',
  'gzip',
  'br',
  'application/vnd.apache.arrow.stream',
  'application/vnd.apache.parquet',
  'text/csv',
  '*/*;q=0',
  '%00',
  '%',
  '%2e%2e',
  '//',
  '?sql=',
  'bytes=0-',
  'GET',
  'PATCH',
];

function mutateRequest(random: Random): string {
  const request = random.pick(requests);
  const body = request.body;
  if (body !== undefined && random.oneIn(2)) {
    // Another body for the same address; JSON by its structure.
    const isJson = request.headers['content-type'] === 'application/json';
    const changed =
      isJson && !random.oneIn(4)
        ? jsonText(mutateJson(random, JSON.parse(body), words))
        : random.oneIn(2)
          ? mutateText(random, [body], words)
          : Buffer.from(mutateBytes(random, [Buffer.from(body)])).toString('latin1');
    return JSON.stringify({ ...request, body: changed.slice(0, 100_000) });
  }
  return jsonText(mutateJson(random, request, words));
}

const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

/** HTTP requests: every answer is one that the gateway means, and a refusal is a problem with a code. */
export async function openGateway(): Promise<OpenTarget> {
  const lake = await FuzzLake.open();
  await runThrough(await lake.session(), 'CREATE TABLE sales (id BIGINT, note VARCHAR)');
  await runThrough(await lake.session(), "INSERT INTO sales SELECT i, 'n' || i FROM range(5) r(i)");
  const server = (await makeGateway({
    lake: lake.lake,
    tokens: { read: 'r'.repeat(40), write: token },
    version: '0.0.0',
    limits: {
      memoryBytes: 2 ** 28,
      tempBytes: 2 ** 28,
      timeoutMs: 20_000,
      idleMs: 200,
      uploadBytes: 2 ** 20,
    },
  } as never)) as unknown as FastifyInstance;
  await server.ready();
  return {
    input: mutateRequest,
    async run(input) {
      const request = JSON.parse(input as string) as Partial<Request> | null;
      const { method, url, headers, body } = request ?? {};
      // What no HTTP client can send: the test client refuses to build it.
      if (typeof method !== 'string' || !methods.has(method) || typeof url !== 'string') return;
      if (!/^[\x21-\x7e]+$/.test(url) || !url.startsWith('/') || url.includes('/events')) return;
      const sent = headersOf(headers);
      if (sent === undefined) return;
      const answer = await server.inject({
        method: method as 'GET',
        url,
        headers: sent,
        ...(typeof body === 'string' ? { body: Buffer.from(body, 'latin1') } : {}),
      } as InjectOptions);
      const type = String(answer.headers['content-type'] ?? '');
      if (answer.statusCode >= 500 && answer.statusCode !== 503)
        disagree(`${answer.statusCode}: ${answer.body.slice(0, 500)}`);
      if (answer.statusCode < 400) return;
      if (!type.startsWith('application/problem+json')) disagree(`${answer.statusCode} as ${type}`);
      if (method === 'HEAD') return;
      const { code, detail, status } = JSON.parse(answer.body) as Record<string, unknown>;
      if (typeof code !== 'string' || typeof detail !== 'string' || status !== answer.statusCode) {
        disagree(`a problem without its parts: ${answer.body}`);
      }
      // Refused with what the client is told, which is looked at like any other error.
      throw new LakebookError(code as string, detail as string);
    },
    async close() {
      await server.close();
      await lake.close();
    },
  };
}

function headersOf(headers: unknown): Record<string, string> | undefined {
  if (typeof headers !== 'object' || headers === null) return {};
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[a-z-]+$/.test(name) || typeof value !== 'string' || !/^[\t\x20-\x7e]*$/.test(value))
      return undefined;
    result[name] = value;
  }
  return result;
}
