import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import type { GatewayMessage } from '../../src/gateway/run.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-crash-'));
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly token: string;
}

async function start(): Promise<Running> {
  const main = path.resolve(import.meta.dirname, '../../src/gateway/main.ts');
  const child = fork(main, ['--port', '0', '--lake', folder, '--quiet'], {
    silent: true,
    env: { ...process.env, TMPDIR: folder },
  });
  children.add(child);
  const message = await new Promise<GatewayMessage>((resolve, reject) => {
    child.once('message', told => resolve(told as GatewayMessage));
    child.once('exit', code => reject(new Error(`it ended with ${code}`)));
  });
  if (message.type === 'failed') throw new Error(message.message);
  const { write } = JSON.parse(readFileSync(message.tokenFile, 'utf8'));
  return { child, url: message.url, token: write };
}

async function kill({ child }: Running): Promise<void> {
  const ended = new Promise(resolve => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  children.delete(child);
}

function upload({ url, token }: Running, key: string, text: string): Promise<Response> {
  return fetch(`${url}/ingest/t?create=true`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv', 'idempotency-key': key },
    body: text,
  });
}

test('an upload is applied once, whenever the server was killed while it came', async () => {
  const moments = [5, 40, 90, 150, 250, 2_000];
  for (const [round, ms] of moments.entries()) {
    const text = `round,n\n${Array.from({ length: 20 }, (_, n) => `${round},${n}`).join('\n')}\n`;
    const first = await start();
    const cut = upload(first, `round-${round}`, text).catch(() => undefined);
    await delay(ms);
    await kill(first);
    await cut;
    const second = await start();
    const again = await upload(second, `round-${round}`, text);
    expect([again.status, await again.json()]).toEqual([200, expect.objectContaining({ rows_inserted: 20 })]);
    await kill(second);
  }
  const last = await start();
  const answer = await fetch(
    `${last.url}/query?sql=${encodeURIComponent('SELECT round, count(*), count(DISTINCT n) FROM t GROUP BY round ORDER BY round')}`,
    {
      headers: { authorization: `Bearer ${last.token}` },
    },
  );
  expect(((await answer.json()) as { rows: unknown }).rows).toEqual(
    moments.map((_, round) => [round, 20, 20]),
  );
  // What killed gateways left behind is gone.
  expect(readdirSync(folder).filter(name => name.startsWith('lakebook-gateway-'))).toHaveLength(1);
  await kill(last);
}, 180_000);

test('a parent that forks it is told where it listens, and it ends with its parent', async () => {
  const running = await start();
  expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
  const ended = new Promise(resolve => running.child.once('exit', resolve));
  running.child.disconnect();
  expect(await ended).toBe(0);
  children.delete(running.child);
});
