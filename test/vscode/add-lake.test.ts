import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FakeServer, type Handler } from '../catalog/rest/fake-server.ts';
import { RestServer } from '../catalog/rest/rest-server.ts';
import { Minio } from '../storage/s3/minio.ts';
import { Session } from './support/session.ts';

let session: Session;
let minio: Minio;
let rest: RestServer;
let guarded: FakeServer;

beforeAll(async () => {
  minio = await Minio.start();
  rest = await RestServer.start(minio);
  guarded = await FakeServer.start();
  session = await Session.start({ empty: true });
  await session.workbench.showLakes();
}, 240_000);

afterAll(async () => {
  await session?.stop();
  await rest?.stop();
  await minio?.stop();
});

afterEach(({ task }) => session?.pictureOfFailure(task));

const secret = 'the-right-secret';

/** A catalog with one namespace, for those who have a token of its own. */
const catalog: Handler = ({ method, path: where, headers, body }) => {
  if (method === 'GET' && where === '/v1/config') return { json: { defaults: {}, overrides: {} } };
  const { client_id, client_secret } = (body ?? {}) as Record<string, unknown>;
  if (method === 'POST' && where === '/v1/oauth/tokens') {
    return client_id === 'ann' && client_secret === secret
      ? { json: { access_token: 'issued', token_type: 'bearer', expires_in: 3600 } }
      : { status: 401, json: { error: 'invalid_client', error_description: 'The secret is wrong.' } };
  }
  if (headers.authorization !== 'Bearer issued') {
    return {
      status: 401,
      json: { error: { message: 'Sign in.', type: 'NotAuthorizedException', code: 401 } },
    };
  }
  if (where === '/v1/namespaces') return { json: { namespaces: [['shop']] } };
  if (where === '/v1/namespaces/shop') return { json: { namespace: ['shop'], properties: {} } };
  if (where === '/v1/namespaces/shop/tables') return { json: { identifiers: [] } };
  return undefined;
};

function written(...names: string[]): unknown {
  return JSON.parse(session.read(...names, 'lakebook.json'));
}

/** Begins the command and chooses a kind of lake. */
async function addLake(kind: string): Promise<void> {
  const { workbench } = session;
  await workbench.command('Lakebook: Add Lake');
  await workbench.pick(kind);
}

/** A dialog in front of everything, once it says a text. */
function dialog(text: string) {
  return session.workbench.page.locator('.monaco-dialog-box', { hasText: text });
}

/** All that the editor keeps on disk as text, without the extension itself. */
function keptTexts(): string {
  const user = path.join(session.home, 'user');
  const files = [user, session.folder].flatMap(folder =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => path.join(entry.parentPath, entry.name)),
  );
  return files.map(file => readFileSync(file, 'latin1')).join('\n');
}

test('a new lake in a folder', async () => {
  const { workbench } = session;
  await addLake('New lake in this workspace');
  await workbench.answer('no/slash', 'Name of the lake');
  await workbench.page.locator('.quick-input-message', { hasText: 'Use letters' }).waitFor();
  // What is wrong stands in the question's place.
  await workbench.answer('mine', 'Add Lake');
  await workbench.treeRow(/^mine/).waitFor();
  expect(written('mine')).toEqual({
    catalog: { type: 'sqlite', uri: '.lakebook/catalog.db', name: 'mine' },
    warehouse: '.lakebook/warehouse',
  });
  // A second one of that name would take its place.
  await addLake('New lake in this workspace');
  await workbench.answer('mine', 'Name of the lake');
  await workbench.notification('is there already');
});

test('a REST catalog that is open to all', async () => {
  const { workbench } = session;
  const bucket = await minio.bucket();
  await addLake('REST catalog');
  await workbench.answer('localhost:8181', 'Address of the catalog');
  await workbench.page.locator('.quick-input-message', { hasText: 'Write an address' }).waitFor();
  const uri = rest.uri(`s3://${bucket}/lake`);
  await workbench.answer(uri, 'Add Lake');
  await workbench.answer('', 'Warehouse');
  await workbench.pick('No sign-in');
  await workbench.answer('team', 'Name of the lake');
  await workbench.notification('The connection works.');
  await workbench.treeRow(/^team/).waitFor();
  expect(written('team')).toEqual({ catalog: { type: 'rest', uri, name: 'team' } });
});

test('a REST catalog with a secret: nothing is written before it is right, and it is in no file', async () => {
  const { workbench } = session;
  guarded.handle(catalog);
  const answer = async (clientSecret: string) => {
    await workbench.answer(guarded.uri, 'Address of the catalog');
    await workbench.answer('', 'Warehouse');
    await workbench.pick('Client id and secret');
    await workbench.answer('ann', 'Client id');
    await workbench.answer(clientSecret, 'Client secret');
    await workbench.answer('', 'Address where tokens come from');
    await workbench.answer('', 'Scope');
    await workbench.answer('guarded', 'Name of the lake');
  };
  await addLake('REST catalog');
  await answer('a-wrong-secret');
  const refused = dialog('nothing was written');
  await refused.waitFor();
  await workbench.picture('add-lake-refused');
  expect(await refused.textContent()).not.toContain('a-wrong-secret');
  expect(readdirSync(session.folder)).not.toContain('guarded');
  await refused.getByText('Change Answers', { exact: true }).click();
  await answer(secret);
  await workbench.treeRow(/^guarded/).waitFor();
  expect(written('guarded')).toEqual({ catalog: { type: 'rest', uri: guarded.uri, name: 'guarded' } });
  // The explorer signs in with what was kept.
  await workbench.expand(/^guarded/);
  await workbench.treeRow('shop').waitFor();
  await workbench.picture('add-lake-rest');
  expect(keptTexts()).not.toContain(secret);
});

test('a lake in a bucket', async () => {
  const { workbench } = session;
  const bucket = await minio.bucket();
  await addLake('Lake in S3 or MinIO');
  await workbench.answer(`${bucket}/lake`, 'Bucket');
  await workbench.answer(minio.endpoint, 'Address of the server');
  await workbench.answer('', 'Region');
  await workbench.answer(minio.accessKey, 'Access key');
  await workbench.answer(minio.secretKey, 'Secret key');
  await workbench.answer('', 'Session token');
  await workbench.answer('cloud', 'Name of the lake');
  await workbench.treeRow(/^cloud/).waitFor();
  expect(written('cloud')).toEqual({
    catalog: { type: 'sqlite', uri: '.lakebook/catalog.db', name: 'cloud' },
    warehouse: `s3://${bucket}/lake`,
    storage: { s3: { endpoint: minio.endpoint } },
  });
  expect(keptTexts()).not.toContain(minio.secretKey);
});

test("a catalog of PyIceberg's configuration", async () => {
  const { workbench } = session;
  const lake = path.join(session.home, 'shared');
  writeFileSync(
    path.join(session.home, '.pyiceberg.yaml'),
    `catalog:\n  prod:\n    type: sql\n    uri: sqlite:///${lake}.db\n    warehouse: file://${lake}\n  other:\n    type: glue\n`,
  );
  await addLake("Catalog of PyIceberg's configuration");
  await workbench.pick('other');
  await workbench.answer('unusable', 'Name of the lake');
  await dialog('nothing was written').waitFor();
  await workbench.page.keyboard.press('Escape');
  await addLake("Catalog of PyIceberg's configuration");
  await workbench.pick('prod');
  await workbench.answer('from-pyiceberg', 'Name of the lake');
  await workbench.treeRow(/^prod/).waitFor();
  expect(written('from-pyiceberg')).toEqual({ catalog: { pyiceberg: 'prod' } });
  expect(readdirSync(session.folder)).not.toContain('unusable');
});
