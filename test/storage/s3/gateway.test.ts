import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { GatewayMessage } from '../../../src/gateway/run.ts';
import { startMinio, temporaryFolder } from './support.ts';

const main = path.resolve(import.meta.dirname, '../../../src/gateway/main.ts');

test('the gateway serves a lake in a bucket where no lasting cache can be made', async () => {
  const minio = await startMinio();
  const bucket = await minio.bucket();
  const folder = temporaryFolder();
  const temp = path.join(folder, 'tmp');
  mkdirSync(temp);
  const config = { warehouse: `s3://${bucket}/lake`, storage: { s3: { endpoint: minio.endpoint } } };
  writeFileSync(path.join(folder, 'lakebook.json'), JSON.stringify(config));
  const { LAKEBOOK_CACHE_DIR: _, ...environment } = process.env;
  const child = fork(main, ['--port', '0', '--lake', folder, '--quiet'], {
    silent: true,
    // A folder that can't be made, whoever the user is.
    env: { ...environment, ...minio.credentials, XDG_CACHE_HOME: '/dev/null/cache', TMPDIR: temp },
  });
  const ended = once(child, 'exit');
  try {
    const message = await new Promise<GatewayMessage>((resolve, reject) => {
      child.once('message', told => resolve(told as GatewayMessage));
      child.once('exit', code => reject(new Error(`it ended with ${code}`)));
    });
    if (message.type === 'failed') throw new Error(message.message);
    const { write } = JSON.parse(readFileSync(message.tokenFile, 'utf8')) as { write: string };
    const call = async (where: string, type: string, body: string) => {
      const answer = await fetch(message.url + where, {
        method: 'POST',
        headers: { authorization: `Bearer ${write}`, 'content-type': type },
        body,
      });
      return { status: answer.status, text: await answer.text() };
    };
    expect(await call('/ingest/t?create=true', 'text/csv', 'id,word\n1,one\n2,two\n')).toMatchObject({
      status: 200,
    });
    const asked = JSON.stringify({ sql: 'SELECT word FROM t WHERE id = 2' });
    const { status, text } = await call('/query', 'application/json', asked);
    expect(status, text).toBe(200);
    expect(text).toContain('two');
    expect(readdirSync(temp).some(name => name.startsWith('lakebook-cache-'))).toBe(true);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
  expect(readdirSync(temp).filter(name => name.startsWith('lakebook-'))).toEqual([]);
});
