import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { loadLakeConfig } from '../../../src/catalog/lake-config.ts';
import { type Lake, openLake } from '../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../src/engine/index.ts';
import { temporaryFolder } from '../../storage/support.ts';
import { type Keys, sign, temporaryKeys } from './aws.ts';
import { failure, type Received, type Reply } from './fake-server.ts';
import { edited, FaultProxy } from './fault-proxy.ts';
import { allTextOf, failureOf, freshCatalog } from './support.ts';

// What the catalog gives out is all that there is: this process has no keys of its own.
const endpoint = process.env.LAKEBOOK_S3_ENDPOINT!;
const root: Keys = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID!,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY!,
};
for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'LAKEBOOK_S3_ENDPOINT'])
  delete process.env[name];
process.env.AWS_EC2_METADATA_DISABLED = 'true';
process.env.AWS_SHARED_CREDENTIALS_FILE = '/dev/null';
process.env.AWS_CONFIG_FILE = '/dev/null';

const { uri, warehouse } = freshCatalog();
let proxy: FaultProxy;
const open: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  proxy = await FaultProxy.start(uri);
});
afterAll(async () => {
  for (const each of open) await each.close();
});

/** What the catalog says of S3 itself. */
const reach = { 's3.endpoint': endpoint, 's3.path-style-access': 'true', 'client.region': 'us-east-1' };

const isTable = ({ path }: Received) => /\/tables(\/[^/]+)?$/.test(path);
const isConfig = ({ path }: Received) => path === '/v1/config';

/** Plays a catalog that gives out `grant` with each table, and says of S3 what `reach` has. */
function give(
  grant: (request: Received, json: Record<string, unknown>) => object | Promise<object>,
  others: (request: Received) => Promise<Reply | undefined> | Reply | undefined = () => undefined,
): void {
  proxy.play(async request => {
    const reply = await others(request);
    if (reply !== undefined) return { instead: reply };
    if (isConfig(request)) {
      return { after: answer => edited(answer, json => Object.assign(json, { defaults: reach })) };
    }
    if (!isTable(request) || request.method === 'DELETE') return undefined;
    return {
      after: async answer => {
        if (answer.status !== 200 || !answer.text!.includes('"metadata"')) return answer;
        let found: Record<string, unknown> = {};
        edited(answer, json => {
          found = json;
        });
        const given = await grant(request, found);
        return edited(answer, json => Object.assign(json, given));
      },
    };
  });
}

async function openSession(
  settings: Record<string, string> = {},
): Promise<{ lake: Lake; session: EngineSession }> {
  const folder = temporaryFolder('lakebook-credentials-');
  const config = await loadLakeConfig(folder, {
    LAKEBOOK_CATALOG_TYPE: 'rest',
    LAKEBOOK_CATALOG_URI: proxy.uri,
    LAKEBOOK_CACHE_DIR: `${folder}/cache`,
    ...settings,
  });
  const lake = await openLake(config, { s3: { cache: { smallFileBytes: 0, keepWritten: false } } });
  const session = await EngineSession.open({ lake, workingDirectory: folder });
  open.push(session, lake);
  return { lake, session };
}

async function rows(session: EngineSession, sql: string): Promise<unknown[][]> {
  const outcome = (await session.execute(sql)).at(-1);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  return await outcome.result.rows(0, await outcome.result.finished());
}

function locationOf(json: Record<string, unknown>): string {
  return (json.metadata as { location: string }).location;
}

/** A credential for a table's folder only. */
async function vended(location: string, expiresAt?: number): Promise<object> {
  const keys = await temporaryKeys(endpoint, root, location);
  return {
    prefix: location,
    config: {
      's3.access-key-id': keys.accessKeyId,
      's3.secret-access-key': keys.secretAccessKey,
      's3.session-token': keys.sessionToken,
      's3.session-token-expires-at-ms': String(expiresAt ?? keys.expiresAt),
    },
  };
}

const nobody = {
  's3.access-key-id': 'NOBODY',
  's3.secret-access-key': 'nothing-secret',
  's3.session-token': 'nothing',
};

let name: string;
beforeEach(() => {
  name = `t_${randomUUID().slice(0, 8)}`;
});

describe('keys that the catalog gives out', () => {
  test('for each table are used for its files, of two tables in one query too', async () => {
    give(async (_, json) => ({ 'storage-credentials': [await vended(locationOf(json))] }));
    const { session } = await openSession();
    await session.execute(`CREATE TABLE ${name} (id INT, s TEXT); INSERT INTO ${name} VALUES (1, 'a'), (2, 'b');
      CREATE TABLE ${name}_2 AS SELECT id, s || '!' AS s FROM ${name};
      UPDATE ${name} SET s = 'c' WHERE id = 1; DELETE FROM ${name}_2 WHERE id = 1`);
    expect(
      await rows(session, `SELECT a.s, b.s FROM ${name} a LEFT JOIN ${name}_2 b USING (id) ORDER BY id`),
    ).toEqual([
      ['c', null],
      ['b', 'b!'],
    ]);
    const delegation = proxy.requests
      .filter(isTable)
      .map(({ headers }) => headers['x-iceberg-access-delegation']);
    expect(delegation.filter(Boolean).every(value => value === 'vended-credentials,remote-signing')).toBe(
      true,
    );
    expect(delegation.filter(Boolean).length).toBeGreaterThan(2);
  });

  test('may be in the configuration of the table, as servers of old have it', async () => {
    give(async (_, json) => ({ config: ((await vended(locationOf(json))) as { config: object }).config }));
    const { session } = await openSession();
    await session.execute(`CREATE TABLE ${name} (id INT); INSERT INTO ${name} VALUES (1)`);
    expect(await rows(session, `SELECT * FROM ${name}`)).toEqual([[1]]);
  });

  test('of the longest prefix are taken', async () => {
    give(async (_, json) => {
      const location = locationOf(json);
      return {
        'storage-credentials': [
          { prefix: 's3', config: nobody },
          { prefix: 's3://other', config: nobody },
          await vended(location),
          { prefix: location.slice(0, -3), config: nobody },
        ],
      };
    });
    const { session } = await openSession();
    await session.execute(`CREATE TABLE ${name} (id INT); INSERT INTO ${name} VALUES (1)`);
    expect(await rows(session, `SELECT * FROM ${name}`)).toEqual([[1]]);
  });

  test('are got anew before they expire, by the endpoint for it', async () => {
    const isRefresh = ({ method, path }: Received) => method === 'GET' && path.endsWith('/credentials');
    let location = '';
    let refreshed = 0;
    give(
      async (request, json) => {
        location = locationOf(json);
        // They would work, so nothing but their time says that others are to be got.
        const expired = await vended(location, Date.now() - 1);
        // The real server doesn't list the endpoint, so the table says where it is.
        const table =
          request.method === 'POST' && !request.path.endsWith(name)
            ? `${request.path}/${name}`
            : request.path;
        return {
          config: { 'client.refresh-credentials-endpoint': `${table.slice(1)}/credentials` },
          'storage-credentials': [expired],
        };
      },
      async request => {
        if (!isRefresh(request)) return undefined;
        refreshed++;
        return { json: { 'storage-credentials': [await vended(location)] } };
      },
    );
    const { session } = await openSession();
    await session.execute(`CREATE TABLE ${name} (id INT); INSERT INTO ${name} VALUES (1)`);
    expect(await rows(session, `SELECT * FROM ${name}`)).toEqual([[1]]);
    expect(refreshed).toBeGreaterThan(0);
  });

  test('that the server does not take any more are got anew by loading the table', async () => {
    let loads = 0;
    let valid = false;
    give(async (_, json) => {
      loads++;
      const location = locationOf(json);
      return {
        'storage-credentials': [valid ? await vended(location) : { prefix: location, config: nobody }],
      };
    });
    const { lake, session } = await openSession();
    valid = true;
    await session.execute(`CREATE TABLE ${name} (id INT); INSERT INTO ${name} VALUES (1)`);
    valid = false;
    const other = await openSession();
    const identifier = { namespace: ['default'], name };
    const { metadata } = await other.lake.catalog.loadTable(identifier);
    // Keys that just came aren't asked for again: these are some seconds old.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 5000 });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    valid = true;
    const before = loads;
    const [snapshot] = metadata.snapshots;
    expect((await other.lake.storage.read(snapshot!.manifestList!)).length).toBeGreaterThan(0);
    expect(loads).toBe(before + 1);
    expect(lake.warehouse).toBe('');
  });

  test('are in no error, whatever is wrong with them', async () => {
    const keys = {
      ...nobody,
      's3.secret-access-key': 'very-secret-key',
      's3.session-token': 'very-secret-token',
    };
    give(async (_, json) => ({ 'storage-credentials': [{ prefix: locationOf(json), config: keys }] }));
    const { session } = await openSession();
    await session.execute(`CREATE TABLE ${name} (id INT)`);
    const error = await failureOf(session.execute(`INSERT INTO ${name} VALUES (1)`));
    expect(error.code).toBe('S3_WRONG_CREDENTIALS');
    expect(allTextOf(error)).not.toContain('very-secret');
  });

  test("the lake's own settings come before those of the catalog", async () => {
    give(async (_, json) => ({
      config: { 's3.endpoint': 'http://127.0.0.1:1', 's3.path-style-access': 'false' },
      'storage-credentials': [await vended(locationOf(json))],
    }));
    const { session } = await openSession({ LAKEBOOK_S3_ENDPOINT: endpoint, LAKEBOOK_S3_PATH_STYLE: 'true' });
    await session.execute(`CREATE TABLE ${name} (id INT); INSERT INTO ${name} VALUES (1)`);
    expect(await rows(session, `SELECT * FROM ${name}`)).toEqual([[1]]);
  });

  test('keys among the properties of the client are for everything else', async () => {
    give(() => ({}));
    const properties = {
      's3.access-key-id': root.accessKeyId,
      's3.secret-access-key': root.secretAccessKey,
    };
    const { lake, session } = await openSession({ LAKEBOOK_CATALOG_PROPERTIES: JSON.stringify(properties) });
    await session.execute(`CREATE TABLE ${name} (id INT); INSERT INTO ${name} VALUES (1)`);
    expect(await rows(session, `SELECT * FROM ${name}`)).toEqual([[1]]);
    let files = 0;
    for await (const _ of lake.storage.list(warehouse)) files++;
    expect(files).toBeGreaterThan(2);
  });
});

describe('requests that the catalog signs', () => {
  const signs = { 's3.remote-signing-enabled': 'true' };
  const signed: { method: string; uri: string; body?: string; properties: object; header?: string }[] = [];

  const signer =
    (path: RegExp, extra: Record<string, string> = {}) =>
    async (request: Received): Promise<Reply | undefined> => {
      if (request.method !== 'POST' || !path.test(request.path)) return undefined;
      const {
        method,
        uri: url,
        headers,
        body,
        properties,
        region,
      } = request.body as {
        method: string;
        uri: string;
        headers: Record<string, string[]>;
        body?: string;
        properties: object;
        region: string;
      };
      expect(region).toBe('us-east-1');
      signed.push({
        method,
        uri: url,
        properties,
        ...(body === undefined ? {} : { body }),
        header: request.headers['x-signer']!,
      });
      const plain = Object.fromEntries(
        Object.entries(headers).map(([key, values]) => [key, values.join(',')]),
      );
      const all = await sign(root, 's3', { method, url, headers: plain });
      return {
        headers: extra,
        json: {
          uri: url,
          headers: Object.fromEntries(Object.entries(all).map(([key, value]) => [key, [value]])),
        },
      };
    };

  beforeEach(() => {
    signed.length = 0;
  });

  test('read, write, list and delete the files of a table', async () => {
    give(
      () => ({
        config: signs,
        'remote-signing-config': { properties: { ticket: '7' }, headers: { 'X-Signer': ['a', 'b'] } },
      }),
      signer(/\/tables\/[^/]+\/sign$/),
    );
    const { lake, session } = await openSession();
    await session.execute(
      `CREATE TABLE ${name} (id INT, s TEXT); INSERT INTO ${name} VALUES (1, 'a b&c'), (2, 'd')`,
    );
    await session.execute(`UPDATE ${name} SET s = 'x' WHERE id = 1`);
    expect(await rows(session, `SELECT s FROM ${name} ORDER BY id`)).toEqual([['x'], ['d']]);
    const { metadata } = await lake.catalog.loadTable({ namespace: ['default'], name });
    const files: string[] = [];
    for await (const { location } of lake.storage.list(metadata.location)) files.push(location);
    expect(files.length).toBeGreaterThan(3);
    await Promise.all(files.map(file => lake.storage.delete(file)));
    for await (const { location } of lake.storage.list(metadata.location)) expect(location).toBe('nothing');
    const methods = new Set(signed.map(({ method }) => method));
    expect([...methods].sort()).toEqual(expect.arrayContaining(['GET', 'POST', 'PUT']));
    const deletes = signed.filter(({ method }) => method === 'POST');
    expect(deletes.some(({ body, uri: url }) => body?.includes('<Delete') && url.includes('delete'))).toBe(
      true,
    );
    expect(signed.every(({ properties }) => JSON.stringify(properties) === '{"ticket":"7"}')).toBe(true);
    expect(signed.every(({ header }) => header === 'a, b')).toBe(true);
    // Data is never sent to the signer.
    expect(signed.filter(({ method, body }) => method === 'PUT' && body !== undefined)).toEqual([]);
  });

  test('go to the address that the table says', async () => {
    give(
      () => ({ config: { ...signs, 's3.signer.uri': proxy.uri, 's3.signer.endpoint': 'own/signer' } }),
      signer(/^\/own\/signer$/),
    );
    const { session } = await openSession();
    await session.execute(`CREATE TABLE ${name} (id INT); INSERT INTO ${name} VALUES (1)`);
    expect(await rows(session, `SELECT * FROM ${name}`)).toEqual([[1]]);
    expect(signed.length).toBeGreaterThan(0);
  });

  test('are signed once for reads of one place, where the catalog allows it', async () => {
    give(() => ({ config: signs }), signer(/\/sign$/, { 'cache-control': 'private' }));
    const { lake, session } = await openSession();
    await session.execute(`CREATE TABLE ${name} (id INT); INSERT INTO ${name} VALUES (1)`);
    const { metadata } = await lake.catalog.loadTable({ namespace: ['default'], name });
    const { manifestList } = metadata.snapshots[0]!;
    const first = await lake.storage.read(manifestList!);
    signed.length = 0;
    expect(await lake.storage.read(manifestList!)).toEqual(first);
    expect(signed).toEqual([]);
    expect((await lake.storage.read(manifestList!, { start: 0, end: 4 })).length).toBe(4);
    expect(signed).toHaveLength(1);
  });

  test('that the catalog does not sign are told of', async () => {
    give(
      () => ({ config: signs }),
      request =>
        request.path.endsWith('/sign') ? failure(403, 'ForbiddenException', 'not this one') : undefined,
    );
    const { session } = await openSession();
    await session.execute(`CREATE TABLE ${name} (id INT)`);
    const error = await failureOf(session.execute(`INSERT INTO ${name} VALUES (1)`));
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(error.message).toContain('not this one');
  });
});

describe('a token for one table', () => {
  test('is used for its requests', async () => {
    let loads = 0;
    give(async (_, json) => ({
      config: { token: `table-token-${++loads}` },
      'storage-credentials': [await vended(locationOf(json))],
    }));
    const { session } = await openSession({ LAKEBOOK_CATALOG_TOKEN: 'catalog-token' });
    await session.execute(`CREATE TABLE ${name} (id INT); INSERT INTO ${name} VALUES (1)`);
    const commits = proxy.requests.filter(
      ({ method, path }) => method === 'POST' && path.endsWith(`/${name}`),
    );
    // The newest one, which came when the table was loaded for the commit; the commit's own answer has the last.
    expect(commits.map(({ headers }) => headers.authorization)).toEqual([`Bearer table-token-${loads - 1}`]);
    expect(loads).toBeGreaterThan(2);
  });
});
