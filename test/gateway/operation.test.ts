import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadTokens, TokenCheck, tokenFile } from '../../src/gateway/security/tokens.ts';
import { serve } from '../../src/gateway/serve.ts';
import { TestGateway, tokens } from './support.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.open();
  await gateway.ingest('sales', 'id\n1\n', '?create=true');
});
afterAll(() => gateway.close());

describe('tokens', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-tokens-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('are made once, for their owner alone', async () => {
    const file = tokenFile(folder);
    const first = await loadTokens(file);
    expect(first.isNew).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(first.tokens.read).not.toBe(first.tokens.write);
    expect(first.tokens.read.length).toBeGreaterThan(40);
    expect(await loadTokens(file)).toEqual({ tokens: first.tokens, isNew: false });
    expect(readFileSync(path.join(path.dirname(file), '.gitignore'), 'utf8')).toBe('gateway-tokens.json\n');
  });

  test('are refused where others can read them, or when they are weak', async () => {
    const file = path.join(folder, 'own.json');
    writeFileSync(file, JSON.stringify(tokens), { mode: 0o600 });
    expect((await loadTokens(file)).tokens).toEqual(tokens);
    chmodSync(file, 0o644);
    await expect(loadTokens(file)).rejects.toMatchObject({ code: 'TOKEN_FILE_OPEN' });
    for (const text of [
      '',
      '{}',
      JSON.stringify({ read: 'a', write: 'b' }),
      JSON.stringify({ read: tokens.read, write: tokens.read }),
    ]) {
      const weak = path.join(folder, `weak-${text.length}.json`);
      writeFileSync(weak, text, { mode: 0o600 });
      await expect(loadTokens(weak)).rejects.toMatchObject({ code: 'TOKEN_FILE_INVALID' });
    }
  });

  test('say what they allow', () => {
    const check = new TokenCheck(tokens);
    expect([tokens.read, tokens.write, 'x', ''].map(token => check.accessOf(token))).toEqual([
      'read',
      'write',
      undefined,
      undefined,
    ]);
  });
});

test('events tell of each commit, of other programs too', async () => {
  const stop = new AbortController();
  const response = await fetch(`${gateway.url}/events`, {
    headers: { authorization: `Bearer ${tokens.read}` },
    signal: stop.signal,
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const other = await TestGateway.open({ folder: gateway.folder });
  const first = await gateway.ingest('sales', 'id\n2\n3\n');
  const second = await other.ingest('fresh', 'id\n4\n', '?create=true');
  await other.close(true);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (text.split('event: commit').length < 3) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  stop.abort();
  const events = [...text.matchAll(/event: commit\nid: (\d+)\ndata: (.*)\n\n/g)].map(([, id, data]) => ({
    id,
    ...JSON.parse(data!),
  }));
  expect(events).toMatchObject([
    { id: first.body.snapshot_id, table: 'default.sales', operation: 'append', rows_added: 2, rows: 3 },
    { id: second.body.snapshot_id, table: 'default.fresh', rows_added: 1, rows: 1 },
  ]);
});

test('events end with the server', async () => {
  const ending = await TestGateway.open();
  const response = await fetch(`${ending.url}/events`, {
    headers: { authorization: `Bearer ${tokens.read}` },
  });
  const text = response.text();
  await ending.close();
  expect(await text).toContain('retry:');
});

test('health, readiness and metrics', async () => {
  expect((await gateway.get('/healthz', { token: null })).body).toEqual({ status: 'ok' });
  expect((await gateway.get('/readyz', { token: null })).body).toEqual({ status: 'ok' });
  const { text } = await gateway.get('/metrics', { token: tokens.read });
  expect(text).toMatch(
    /lakebook_http_requests_total\{method="POST",route="\/ingest\/:table",status="200"\} \d/,
  );
  expect(text).toMatch(/lakebook_rows_ingested_total [1-9]/);
  expect(text).toContain('lakebook_queries_running 0');
});

test('an address says which methods it takes', async () => {
  const answer = await gateway.call('PUT', '/tables/sales');
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, DELETE']);
  expect((await gateway.call('DELETE', '/query')).headers.get('allow')).toBe('GET, POST');
  expect((await gateway.get('/tables/sales/nothing')).status).toBe(404);
});

test('logs hold neither secrets nor data', async () => {
  await gateway.query("SELECT 'canary-text' FROM sales WHERE id = $p", {
    parameters: { p: 'canary-parameter' },
  });
  await gateway.get(`/query?sql=${encodeURIComponent("SELECT 'canary-address'")}`);
  await gateway.ingest('sales', 'id\ncanary-row\n');
  await gateway.get('/tables', { token: 'canary-token'.repeat(4) });
  const log = gateway.lines.join('');
  expect(log).toContain('"route":"/query","status":200');
  expect(log).not.toMatch(/canary|wwww|rrrr/);
  for (const line of log.trim().split('\n')) expect(Object.keys(JSON.parse(line))).toContain('time');
});

test('the OpenAPI document has every route, and the page needs nothing of other servers', async () => {
  const { body } = await gateway.get('/openapi.json', { token: null });
  expect(body.openapi).toBe('3.1.0');
  expect(Object.keys(body.paths).sort()).toEqual(
    [
      '/events',
      '/healthz',
      '/ingest/{table}',
      '/metrics',
      '/query',
      '/readyz',
      '/tables',
      '/tables/{table}',
      '/tables/{table}/delete',
      '/tables/{table}/evolve',
      '/tables/{table}/preview',
      '/tables/{table}/rollback',
      '/tables/{table}/snapshots',
      '/tables/{table}/upsert',
    ].sort(),
  );
  for (const [route, methods] of Object.entries<Record<string, { responses: object; operationId: string }>>(
    body.paths,
  )) {
    for (const operation of Object.values(methods)) {
      expect([route, operation.operationId, Object.keys(operation.responses).length > 1]).toEqual([
        route,
        expect.any(String),
        true,
      ]);
    }
  }
  const page = await gateway.get('/docs', { token: null });
  expect(page.text).not.toMatch(/https?:\/\//);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  for (const [, file] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect((await gateway.get(`/${file}`, { token: null })).status).toBe(200);
  }
});

test('serve starts on a folder, refuses a port that is taken, and ends', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-serve-'));
  const running = await serve({ lake: folder, port: '0', quiet: true }, '1.2.3');
  expect(running.newTokens).toBe(true);
  const { write } = JSON.parse(readFileSync(running.tokenFile, 'utf8'));
  const answer = await fetch(`${running.url}/tables`, { headers: { authorization: `Bearer ${write}` } });
  expect(answer.status).toBe(200);
  const { port } = new URL(running.url);
  await expect(serve({ lake: folder, port, quiet: true }, '1.2.3')).rejects.toMatchObject({
    code: 'PORT_IN_USE',
  });
  await expect(serve({ lake: folder, port: '99999' }, '1')).rejects.toThrow('--port');
  await expect(serve({ lake: folder, 'memory-limit': 'much' }, '1')).rejects.toThrow('--memory-limit');
  await running.close();
  await expect(fetch(`${running.url}/healthz`)).rejects.toThrow();
  rmSync(folder, { recursive: true, force: true });
});
