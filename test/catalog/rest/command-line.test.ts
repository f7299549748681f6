import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../storage/support.ts';
import { config, FakeServer, failure, on } from './fake-server.ts';
import { freshCatalog } from './support.ts';

const main = path.resolve(import.meta.dirname, '../../../src/cli/main.ts');
const secret = 'my-client-secret-Q7';
let fake: FakeServer;
/** All that was printed by any command. */
let printed = '';
beforeAll(async () => {
  fake = await FakeServer.start();
});

function folderOf(catalog: object): string {
  const folder = temporaryFolder('lakebook-rest-cli-');
  writeFileSync(
    path.join(folder, 'lakebook.json'),
    JSON.stringify({ catalog: { type: 'rest', ...catalog } }),
  );
  return folder;
}

async function lakebook(folder: string, args: readonly string[], extra: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--no-warnings', main, ...args], {
    cwd: folder,
    env: { ...process.env, LAKEBOOK_DEBUG: '1', LAKEBOOK_MEMORY_LIMIT: '1GB', HOME: folder, ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      output += text;
    });
  }
  const [status] = await once(child, 'close');
  printed += output;
  return { status, output };
}

describe('a lake behind a REST catalog on the command line', () => {
  test('is worked with as any other, and found healthy', async () => {
    const { uri, warehouse } = freshCatalog();
    const folder = folderOf({ uri, warehouse, name: 'prod' });
    const sql = 'CREATE TABLE t (id INT); INSERT INTO t VALUES (7); SELECT id + 1 AS n FROM prod.default.t';
    const ran = await lakebook(folder, ['sql', sql, '--format', 'json']);
    expect(ran.output).toMatch(/8/);
    expect(ran.status).toBe(0);
    const doctor = await lakebook(folder, ['doctor'], { LAKEBOOK_CATALOG_TOKEN: secret });
    expect(doctor.output).toMatch(
      /ok {4}Catalog +REST catalog at \S+, warehouse s3:\S+, a bearer token, 1 namespace/,
    );
    expect(doctor.output).toMatch(/ok {4}Storage +files of default\.t can be read/);
    expect(doctor.output).toContain('Everything needed is there.');
    expect(doctor.status).toBe(0);
  });

  test('is told what is wrong with its credentials', async () => {
    const json = { error: 'invalid_client', error_description: `no such client: ${secret}` };
    fake.handle(on('POST', '/v1/oauth/tokens', { status: 401, json }));
    const folder = folderOf({ uri: fake.uri });
    const { status, output } = await lakebook(folder, ['doctor'], {
      LAKEBOOK_CATALOG_CREDENTIAL: `me:${secret}`,
    });
    expect(status).toBe(1);
    expect(output).toMatch(/FAIL {2}Catalog .*invalid_client/);
    expect(output).toContain('LAKEBOOK_CATALOG_CREDENTIAL');
  });

  test('is told that the server is missing, or is none', async () => {
    fake.handle(config(), on('GET', /.*/, failure(403, 'ForbiddenException', 'not for you')));
    const denied = await lakebook(folderOf({ uri: fake.uri }), ['doctor']);
    expect(denied.output).toMatch(/FAIL {2}Catalog .*does not allow it.*not for you/);
    fake.handle(on('GET', /.*/, { text: '<html>Welcome</html>' }));
    const none = await lakebook(folderOf({ uri: fake.uri }), ['doctor']);
    expect(none.output).toMatch(/FAIL {2}Catalog .*isn't a REST catalog/);
    expect(none.output).toContain('/v1/config');
  });

  test('has printed no secret', () => {
    expect(printed).not.toContain(secret);
  });
});
