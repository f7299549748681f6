import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, minioBinary } from './minio.ts';
import { temporaryFolder } from './support.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const accessKey = 'lakebook-access-Q7';
const secretKey = 'lakebook-secret-Zx81-only-here';
let folder: string;
let endpoint: string;
let server: number | undefined;
/** All that was printed by any command. */
let printed = '';

beforeAll(async () => {
  folder = temporaryFolder();
  endpoint = `http://127.0.0.1:${await freePort()}`;
  mkdirSync(path.join(folder, 'bin'));
  symlinkSync(minioBinary(), path.join(folder, 'bin', 'minio'));
  cpSync(path.join(root, 'samples', 'data'), path.join(folder, 'data'), { recursive: true });
  copyFileSync(path.join(root, 'samples', 'minio.lakebook'), path.join(folder, 'minio.lakebook'));
  copyFileSync(path.join(root, 'samples', 'lakebook.json'), path.join(folder, 'lakebook.json'));
});
afterAll(() => {
  if (server !== undefined) process.kill(server);
});

function lakebook(args: readonly string[], extra: Record<string, string | undefined> = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(root, 'src/cli/main.ts'), ...args],
    {
      cwd: folder,
      encoding: 'utf8',
      env: {
        // Only the binary of the tests, and no Docker.
        PATH: path.join(folder, 'bin'),
        HOME: folder,
        LAKEBOOK_DEBUG: '1',
        LAKEBOOK_MEMORY_LIMIT: '1GB',
        LAKEBOOK_S3_ENDPOINT: endpoint,
        LAKEBOOK_CACHE_DIR: path.join(folder, 'cache'),
        AWS_ACCESS_KEY_ID: accessKey,
        AWS_SECRET_ACCESS_KEY: secretKey,
        AWS_EC2_METADATA_DISABLED: 'true',
        ...extra,
      },
    },
  );
  printed += stdout + stderr;
  return { status, stdout, stderr };
}

describe('lakebook setup', () => {
  test('says what to do when the keys are not known', () => {
    const { status, stderr } = lakebook(['setup'], { AWS_ACCESS_KEY_ID: undefined });
    expect(status).toBe(1);
    expect(stderr).toMatch(/keys of the server are not known[\s\S]*AWS_ACCESS_KEY_ID/);
  });

  test('says that there is nothing to start a server with', () => {
    const { status, stderr } = lakebook(['setup'], { PATH: folder });
    expect(status).toBe(1);
    expect(stderr).toMatch(/nothing to start one with[\s\S]*minio/);
  });

  test('starts no server on another machine', () => {
    const { stderr } = lakebook(['setup', '--endpoint', 'http://minio.invalid:9000']);
    expect(stderr).toContain('only a server of this machine can be started');
  });

  test('starts MinIO, makes the bucket, and tells how to use it', () => {
    const { status, stdout, stderr } = lakebook(['setup']);
    server = Number(/process (\d+)/.exec(stdout)?.[1]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('The bucket warehouse was made; the keys are right.');
    expect(stdout).toContain('"warehouse": "s3://warehouse/lake"');
  });

  test('leaves what is there alone', () => {
    const { status, stdout } = lakebook(['setup']);
    expect(status).toBe(0);
    expect(stdout).toContain('The bucket warehouse is there; the keys are right.');
    expect(stdout).not.toContain('Starting');
  });

  test('tells wrong keys', () => {
    const { status, stderr } = lakebook(['setup'], { AWS_SECRET_ACCESS_KEY: 'wrong-secret' });
    expect(status).toBe(1);
    expect(stderr).toContain('the secret key is wrong');
  });
});

test('the tour on MinIO runs, also a second time', () => {
  for (const format of ['text', 'json']) {
    const { status, stdout, stderr } = lakebook(['run', 'minio.lakebook', '--format', format]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('s3://warehouse/samples/minio_sales');
  }
});

test('doctor looks at the warehouse in the bucket', () => {
  const remote = { LAKEBOOK_WAREHOUSE: 's3://warehouse/lake' };
  const good = lakebook(['doctor'], remote);
  expect(good.stdout).toContain(`s3://warehouse/lake at ${endpoint}`);
  expect(good.status).toBe(0);
  const none = lakebook(['doctor'], { LAKEBOOK_WAREHOUSE: 's3://not-there/lake' });
  expect(none.stdout).toMatch(/FAIL {2}Warehouse .*there is no bucket "not-there"/);
  expect(none.status).toBe(1);
});

test('cache shows what is kept, and clears it', () => {
  expect(lakebook(['cache']).stdout).toMatch(/cache: \d.* of \d+ files?; at most 21.5 GB are kept/);
  const cleared = JSON.parse(lakebook(['cache', 'clear', '--format', 'json']).stdout) as Record<
    string,
    number
  >;
  expect(cleared).toMatchObject({ files: 0, bytes: 0, bytesInUse: 0 });
  expect(cleared.freed).toBeGreaterThan(0);
  expect(lakebook(['sql', 'SELECT count(*) FROM minio_sales']).stdout).toContain('13');
  expect(lakebook(['cache', 'clean']).status).toBe(2);
});

test('secrets are in nothing that is printed or written', () => {
  lakebook(['run', 'minio.lakebook', '--format', 'ipynb', '--out', 'out.ipynb']);
  lakebook(['run', 'minio.lakebook', '--format', 'html', '--out', 'out.html']);
  // Failures of every kind.
  lakebook(['sql', "CREATE TABLE x (a INT) LOCATION 's3://no-such-bucket/x'"]);
  lakebook(['sql', 'SELECT * FROM minio_sales'], { AWS_SECRET_ACCESS_KEY: `${secretKey}-wrong` });
  lakebook(['sql', 'SELECT * FROM minio_sales'], { AWS_ACCESS_KEY_ID: `${accessKey}-wrong` });
  lakebook(['sql', 'SELECT * FROM minio_sales'], { AWS_SESSION_TOKEN: `${secretKey}-token` });
  lakebook(['sql', 'SELECT * FROM minio_sales'], { LAKEBOOK_S3_ENDPOINT: 'http://127.0.0.1:1' });
  const written = readdirSync(folder, { recursive: true, withFileTypes: true })
    // MinIO's own files are the server's, and the binary is one.
    .filter(entry => entry.isFile() && !path.join(entry.parentPath, entry.name).includes('/.lakebook/minio/'))
    .map(entry => path.join(entry.parentPath, entry.name));
  expect(written.length).toBeGreaterThan(10);
  expect(printed).toContain("Can't read s3://warehouse/samples/minio_sales");
  for (const [name, text] of [
    ['output', printed],
    ...written.map(file => [file, readFileSync(file, 'latin1')]),
  ]) {
    expect(text!.includes(secretKey), name).toBe(false);
    expect(text!.includes(accessKey), name).toBe(false);
    expect(text!.includes('AWS4-HMAC'), name).toBe(false);
  }
});
