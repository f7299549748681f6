import { beforeAll, describe, expect, test } from 'vitest';
import { config, FakeServer, failure, on } from './fake-server.ts';
import { allTextOf, failureOf, openCatalog, quickRetries } from './support.ts';

let server: FakeServer;
beforeAll(async () => {
  server = await FakeServer.start();
});

const namespaces = { json: { namespaces: [['a']], 'next-page-token': null } };
const t = { namespace: ['a'], name: 't' };

describe('the configuration', () => {
  test('has the defaults of the server before the properties of the client, and its overrides after', async () => {
    server.handle(
      config({ defaults: { one: 'd', two: 'd' }, overrides: { three: 'o' } }),
      on('GET', '/v1/namespaces', namespaces),
    );
    const catalog = openCatalog(server.uri, { two: 'c', three: 'c', warehouse: 'my house' });
    expect(await catalog.configuration()).toMatchObject({ one: 'd', two: 'c', three: 'o' });
    expect(server.requests[0]!.query.get('warehouse')).toBe('my house');
    await catalog.listNamespaces();
    await catalog.listNamespaces();
    expect(server.to('GET', '/v1/config')).toHaveLength(1);
  });

  test('is asked for at the first request, and again after it failed', async () => {
    server.handle(failureOnce(failure(500, 'X', 'down')), config(), on('GET', '/v1/namespaces', namespaces));
    const catalog = openCatalog(server.uri, {}, { retries: { ...quickRetries, attempts: 1 } });
    expect(server.requests).toHaveLength(0);
    expect((await failureOf(catalog.listNamespaces())).code).toBe('CATALOG_ERROR');
    expect(await catalog.listNamespaces()).toEqual([['a']]);
  });

  test('puts its prefix in front of all paths', async () => {
    server.handle(
      config({ overrides: { prefix: 'ws/one' } }),
      on('GET', '/v1/ws/one/namespaces', namespaces),
    );
    expect(await openCatalog(server.uri).listNamespaces()).toEqual([['a']]);
  });

  test('sends the headers that the settings name', async () => {
    server.handle(config(), on('GET', '/v1/namespaces', namespaces));
    await openCatalog(server.uri, { 'header.X-Tenant': 'blue' }).listNamespaces();
    expect(server.requests.map(({ headers }) => headers['x-tenant'])).toEqual(['blue', 'blue']);
  });

  test('says what can not be done', async () => {
    server.handle(config({ endpoints: ['GET /v1/{prefix}/namespaces'] }));
    const catalog = openCatalog(server.uri);
    const error = await failureOf(catalog.registerTable(t, 's3://b/x'));
    expect(error).toMatchObject({ code: 'UNSUPPORTED' });
    expect(error.message).toContain('register the table a.t');
    const transaction = await failureOf(catalog.commitTransaction([]));
    expect(transaction).toMatchObject({ code: 'UNSUPPORTED' });
    expect(transaction.message).toContain('POST /v1/{prefix}/transactions/commit');
    expect(await catalog.views.listViews(['a'])).toEqual([]);
  });

  test('without a list of endpoints tables and namespaces are looked for by GET', async () => {
    server.handle(config(), on('GET', '/v1/namespaces/a', { json: { namespace: ['a'] } }));
    const catalog = openCatalog(server.uri);
    expect(await catalog.namespaceExists(['a'])).toBe(true);
    expect(await catalog.namespaceExists(['b'])).toBe(false);
    expect(await catalog.tableExists(t)).toBe(false);
    expect(server.requests.every(({ method }) => method === 'GET')).toBe(true);
    server.handle(
      config({ endpoints: ['HEAD /v1/{prefix}/namespaces/{namespace}'] }),
      on('HEAD', '/v1/namespaces/a', { status: 204 }),
    );
    expect(await openCatalog(server.uri).namespaceExists(['a'])).toBe(true);
  });

  test.each([
    [failure(404, 'NoSuchWarehouseException', 'no house'), 'WAREHOUSE_NOT_FOUND', /warehouse "w"/],
    [{ status: 404, text: '<html><body>Not here</body></html>' }, 'WAREHOUSE_NOT_FOUND', /no REST catalog/],
    [{ text: '<html>hello</html>' }, 'CATALOG_ERROR', /isn't a REST catalog/],
    [failure(401, 'NotAuthorizedException', 'who?'), 'CATALOG_UNAUTHORIZED', /who\?/],
    [failure(403, 'ForbiddenException', 'no!'), 'PERMISSION_DENIED', /no!/],
    [{ status: 301, headers: { location: 'https://x/' } }, 'CATALOG_UNREACHABLE', /https:\/\/x\//],
  ])('explains %j', async (reply, code, message) => {
    server.handle(on('GET', '/v1/config', reply));
    const error = await failureOf(openCatalog(server.uri, { warehouse: 'w' }).listNamespaces());
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint).toBeTruthy();
  });

  test('explains that no server answers', async () => {
    const gone = await FakeServer.start();
    const { uri } = gone;
    await gone.stop();
    const error = await failureOf(openCatalog(uri).listNamespaces());
    expect(error).toMatchObject({ code: 'CATALOG_UNREACHABLE' });
    expect(error.message).toContain('no server answers');
  });
});

describe('paths and lists', () => {
  test('namespaces of several levels are joined by the unit separator, or as the server wants it', async () => {
    const paths = async (separator: string | undefined, levels: string[]) => {
      server.handle(
        config({ overrides: separator === undefined ? {} : { 'namespace-separator': separator } }),
        on('GET', /.*/, { json: { namespaces: [], identifiers: [] } }),
      );
      const catalog = openCatalog(server.uri);
      await catalog.listTables(levels);
      await catalog.listNamespaces(levels);
      const [, tables, below] = server.requests;
      return [tables!.path, below!.query.get('parent')];
    };
    expect(await paths(undefined, ['a', 'b'])).toEqual(['/v1/namespaces/a%1Fb/tables', 'a\x1fb']);
    expect(await paths('%2E', ['a', 'b'])).toEqual(['/v1/namespaces/a%2Eb/tables', 'a.b']);
    // A level with the server's separator in it can't be told from two levels, but by the other one.
    expect(await paths('%2E', ['a.x', 'b'])).toEqual(['/v1/namespaces/a.x%1Fb/tables', 'a.x\x1fb']);
  });

  test('names are encoded, and what no URL can name is refused', async () => {
    server.handle(config(), on('GET', /.*/, failure(404, 'NoSuchTableException', 'none')));
    const catalog = openCatalog(server.uri);
    await failureOf(catalog.loadTable({ namespace: ['a/b'], name: 'x y?#%+ä' }));
    expect(server.requests[1]!.path).toBe('/v1/namespaces/a%2Fb/tables/x%20y%3F%23%25%2B%C3%A4');
    expect((await failureOf(catalog.loadTable({ namespace: ['a'], name: '..' }))).code).toBe(
      'TABLE_NOT_FOUND',
    );
    expect(server.requests).toHaveLength(2);
  });

  test('lists are read page by page', async () => {
    const pages: Record<string, object> = {
      '': { identifiers: [{ namespace: ['a'], name: 'z' }], 'next-page-token': 'p/1' },
      'p/1': { identifiers: [{ namespace: ['a'], name: 'y' }], 'next-page-token': 'p2' },
      p2: { identifiers: [{ namespace: ['a'], name: 'x' }], 'next-page-token': null },
    };
    server.handle(
      config(),
      on('GET', '/v1/namespaces/a/tables', ({ query }) => ({ json: pages[query.get('pageToken')!] })),
    );
    const names = (await openCatalog(server.uri, { 'rest-page-size': '1' }).listTables(['a'])).map(
      ({ name }) => name,
    );
    expect(names).toEqual(['x', 'y', 'z']);
    expect(server.to('GET', '/v1/namespaces/a/tables').map(({ query }) => query.get('pageSize'))).toEqual([
      '1',
      '1',
      '1',
    ]);
  });

  test('a server that gives the same page for ever is read once', async () => {
    const json = { namespaces: [['a']], 'next-page-token': 'same' };
    server.handle(config(), on('GET', '/v1/namespaces', { json }));
    expect(await openCatalog(server.uri).listNamespaces()).toEqual([['a'], ['a']]);
    expect(server.to('GET', '/v1/namespaces')).toHaveLength(2);
  });

  test('the default namespace is there before the server has it, and empty', async () => {
    server.handle(config(), on('GET', /.*/, failure(404, 'NoSuchNamespaceException', 'none')));
    const catalog = openCatalog(server.uri);
    expect(await catalog.namespaceExists(['default'])).toBe(true);
    expect(await catalog.listTables(['default'])).toEqual([]);
    expect(await catalog.namespaceProperties(['default'])).toEqual({});
    expect((await failureOf(catalog.listTables(['other']))).code).toBe('NAMESPACE_NOT_FOUND');
  });
});

describe('retries', () => {
  test('of reads: after errors of the server, cut connections and when it is busy', async () => {
    const replies = [failure(503, 'X', 'wait'), { cut: true } as const, failure(502, 'X', 'bad'), namespaces];
    server.handle(
      config(),
      on('GET', '/v1/namespaces', () => replies.shift()),
    );
    expect(await openCatalog(server.uri).listNamespaces()).toEqual([['a']]);
    expect(replies).toEqual([]);
  });

  test('end, and tell what the server said', async () => {
    server.handle(config(), on('GET', '/v1/namespaces', failure(500, 'OutOfDisk', 'the disk is full')));
    const error = await failureOf(openCatalog(server.uri).listNamespaces());
    expect(error.code).toBe('CATALOG_ERROR');
    expect(error.message).toContain('OutOfDisk: the disk is full');
    expect(server.to('GET', '/v1/namespaces')).toHaveLength(quickRetries.attempts);
  });

  test('wait as long as the server asks to, but not for ever', async () => {
    const replies = [{ ...failure(429, 'X', 'slow'), headers: { 'retry-after': '1' } }, namespaces];
    server.handle(
      config(),
      on('GET', '/v1/namespaces', () => replies.shift()),
    );
    const start = performance.now();
    await openCatalog(server.uri).listNamespaces();
    expect(performance.now() - start).toBeGreaterThan(990);
    server.handle(
      config(),
      on('GET', '/v1/namespaces', { ...failure(429, 'X', 'slow'), headers: { 'retry-after': '3600' } }),
    );
    expect(await failureOf(openCatalog(server.uri).listNamespaces())).toMatchObject({ code: 'CATALOG_BUSY' });
    expect(server.to('GET', '/v1/namespaces')).toHaveLength(1);
  });

  test('of changes: only when the server did nothing, or knows idempotency keys', async () => {
    let count = 0;
    const created = on('POST', '/v1/namespaces', () => {
      count++;
      return count === 1 ? failure(500, 'X', 'oops') : { json: { namespace: ['n'] } };
    });
    const notThere = on('GET', '/v1/namespaces/n', failure(404, 'NoSuchNamespaceException', 'none'));
    server.handle(config(), created, notThere);
    const error = await failureOf(openCatalog(server.uri).createNamespace(['n']));
    expect(error.code).toBe('CATALOG_ERROR');
    expect(count).toBe(1);
    count = 0;
    server.handle(config({ 'idempotency-key-lifetime': 'PT30M' }), created, notThere);
    await openCatalog(server.uri).createNamespace(['n']);
    const keys = server.to('POST', '/v1/namespaces').map(({ headers }) => headers['idempotency-key']!);
    expect(keys).toHaveLength(2);
    expect(keys[0]).toBe(keys[1]);
    // Version 7 of RFC 9562.
    expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('of changes that turned out to be made succeed', async () => {
    let isThere = false;
    server.handle(
      config(),
      on('POST', '/v1/namespaces', () => {
        isThere = true;
        return { cut: true };
      }),
      on('GET', '/v1/namespaces/n', () =>
        isThere ? { json: { namespace: ['n'] } } : failure(404, 'NoSuchNamespaceException', 'none'),
      ),
    );
    await openCatalog(server.uri).createNamespace(['n']);
    expect(server.to('POST', '/v1/namespaces')).toHaveLength(1);
  });
});

describe('a commit', () => {
  test('is sent as the specification writes it', async () => {
    server.handle(
      config(),
      on('POST', '/v1/namespaces/a/tables/t', failure(409, 'CommitFailedException', 'no')),
    );
    const snapshotId = 1234567890123456789n;
    const commit = openCatalog(server.uri).commitTable(
      t,
      [
        { type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: undefined },
        { type: 'assert-ref-snapshot-id', ref: 'b', snapshotId },
      ],
      [{ action: 'set-snapshot-ref', refName: 'b', ref: { snapshotId, type: 'tag', maxRefAgeMs: 5 } }],
    );
    expect(await failureOf(commit)).toMatchObject({ code: 'COMMIT_CONFLICT' });
    const [request] = server.to('POST', /tables/);
    // null, not left out; and ids with all their digits.
    expect(request!.text).toBe(
      '{"identifier":{"namespace":["a"],"name":"t"},"requirements":[' +
        '{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":null},' +
        '{"type":"assert-ref-snapshot-id","ref":"b","snapshot-id":1234567890123456789}],"updates":[' +
        '{"action":"set-snapshot-ref","ref-name":"b","snapshot-id":1234567890123456789,"type":"tag","max-ref-age-ms":5}]}',
    );
  });
});

describe('OAuth2', () => {
  /** A token server; `expires` in seconds. */
  const tokens = (expires?: number, path = '/v1/oauth/tokens') => {
    let count = 0;
    return on('POST', path, () => ({
      json: { access_token: `token-${++count}`, token_type: 'bearer', expires_in: expires },
    }));
  };
  const authorized = (valid: (token: string) => boolean, reply: object) =>
    on('GET', '/v1/namespaces', ({ headers }) =>
      valid(headers.authorization?.replace('Bearer ', '') ?? '')
        ? reply
        : failure(401, 'NotAuthorizedException', 'token?'),
    );

  test('client credentials get a token, which is kept', async () => {
    server.handle(
      tokens(3600),
      config(),
      authorized(token => token === 'token-1', namespaces),
    );
    const catalog = openCatalog(server.uri, {
      credential: 'me: se:cret ',
      scope: 'a b',
      audience: 'aud',
      resource: 'res',
    });
    await catalog.listNamespaces();
    await catalog.listNamespaces();
    const asked = server.to('POST', '/v1/oauth/tokens');
    expect(asked.map(({ body }) => body)).toEqual([
      {
        grant_type: 'client_credentials',
        client_id: 'me',
        client_secret: 'se:cret',
        scope: 'a b',
        audience: 'aud',
        resource: 'res',
      },
    ]);
    expect(server.to('GET', '/v1/config')[0]!.headers.authorization).toBe('Bearer token-1');
  });

  test('a secret alone has no client id, and the scope is "catalog"', async () => {
    server.handle(tokens(), config(), on('GET', '/v1/namespaces', namespaces));
    await openCatalog(server.uri, { credential: 'secret' }).listNamespaces();
    expect(server.to('POST', /tokens/)[0]!.body).toEqual({
      grant_type: 'client_credentials',
      client_secret: 'secret',
      scope: 'catalog',
    });
  });

  test.each(['absolute', 'relative'])('tokens come from oauth2-server-uri, %s', async kind => {
    server.handle(tokens(60, '/idp/token'), config(), on('GET', '/v1/namespaces', namespaces));
    const uri = kind === 'absolute' ? `${server.uri}/idp/token` : 'idp/token';
    await openCatalog(server.uri, { credential: 'a:b', 'oauth2-server-uri': uri }).listNamespaces();
    expect(server.to('POST', '/idp/token')).toHaveLength(1);
  });

  test.each([401, 419])(
    'a token that is turned down with %i is renewed once, by all requests together',
    async status => {
      server.handle(
        tokens(3600),
        config(),
        on('GET', '/v1/namespaces', ({ headers }) =>
          headers.authorization === 'Bearer token-1' ? failure(status, 'X', 'old token') : namespaces,
        ),
      );
      const catalog = openCatalog(server.uri, { credential: 'a:b' });
      await catalog.configuration();
      await Promise.all(Array.from({ length: 5 }, () => catalog.listNamespaces()));
      expect(server.to('POST', /tokens/)).toHaveLength(2);
    },
  );

  test('a token is renewed before it expires, by one request for all', async () => {
    // So short that a tenth of its time is soon over.
    server.handle(tokens(0.4), config(), on('GET', '/v1/namespaces', namespaces));
    const catalog = openCatalog(server.uri, { credential: 'a:b' });
    await catalog.listNamespaces();
    await expect
      .poll(
        async () => {
          await catalog.listNamespaces();
          return server.to('POST', /tokens/).length;
        },
        { timeout: 60_000 },
      )
      .toBeGreaterThan(1);
    const times = server.requests.map(({ headers }) => headers.authorization).filter(Boolean);
    expect(times).not.toContain('Bearer undefined');
  });

  test('a given token is used as it is, and exchanged when it is turned down', async () => {
    server.handle(
      tokens(3600),
      config(),
      authorized(token => token === 'token-1', namespaces),
    );
    await openCatalog(server.uri, { token: 'given-token' }).listNamespaces();
    const [exchange] = server.to('POST', /tokens/);
    expect(exchange!.headers.authorization).toBe('Bearer given-token');
    expect(exchange!.body).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'given-token',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'catalog',
    });
  });

  test('a JWT is exchanged before the time that it tells', async () => {
    const claims = Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) - 5 })).toString(
      'base64url',
    );
    const old = `h.${claims}.s`;
    server.handle(
      tokens(3600),
      config(),
      authorized(token => token === 'token-1', namespaces),
    );
    await openCatalog(server.uri, { token: old }).listNamespaces();
    expect(server.to('GET', '/v1/config')[0]!.headers.authorization).toBe('Bearer token-1');
  });

  test('a token that can not be renewed is told of', async () => {
    server.handle(
      config(),
      authorized(() => false, namespaces),
    );
    const fixed = { token: 'given-token', 'token-refresh-enabled': 'false' };
    const error = await failureOf(openCatalog(server.uri, fixed).listNamespaces());
    expect(error).toMatchObject({ code: 'CATALOG_UNAUTHORIZED' });
    expect(error.hint).toContain('LAKEBOOK_CATALOG_TOKEN');
    expect(server.to('POST', /tokens/)).toEqual([]);
  });

  test.each([
    ['invalid_client', 'LAKEBOOK_CATALOG_CREDENTIAL'],
    ['invalid_scope', 'scope'],
    ['unsupported_grant_type', 'oauth2-server-uri'],
  ])('the error %s has a hint', async (type, hint) => {
    const json = { error: type, error_description: 'so it is' };
    server.handle(on('POST', /tokens/, { status: 400, json }));
    const error = await failureOf(openCatalog(server.uri, { credential: 'a:b' }).listNamespaces());
    expect(error.message).toContain(`${type}: so it is`);
    expect(error.hint).toContain(hint);
  });

  test('the server may say in its configuration where tokens are got', async () => {
    server.handle(
      tokens(3600),
      tokens(3600, '/other/token'),
      config({ overrides: { 'oauth2-server-uri': 'other/token' } }),
      on('GET', '/v1/namespaces', namespaces),
    );
    await openCatalog(server.uri, { credential: 'a:b' }).listNamespaces();
    expect(server.to('POST', '/other/token')).toHaveLength(1);
  });

  test('secrets may be asked for when they are needed', async () => {
    server.handle(tokens(), config(), on('GET', '/v1/namespaces', namespaces));
    const catalog = openCatalog(
      server.uri,
      {},
      { secretProperties: async () => ({ credential: 'kept:elsewhere' }) },
    );
    await catalog.listNamespaces();
    expect(server.to('POST', /tokens/)[0]!.body).toMatchObject({ client_secret: 'elsewhere' });
  });
});

describe('other authentication', () => {
  test('basic, and a header of the settings', async () => {
    server.handle(config(), on('GET', '/v1/namespaces', namespaces));
    await openCatalog(server.uri, {
      'rest.auth.type': 'basic',
      'rest.auth.basic.username': 'me',
      'rest.auth.basic.password': 'pass',
    }).listNamespaces();
    const expected = `Basic ${Buffer.from('me:pass').toString('base64')}`;
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([expected, expected]);
    server.handle(config(), on('GET', '/v1/namespaces', namespaces));
    await openCatalog(server.uri, { token: 'abcdef', 'header.Authorization': 'Own x' }).listNamespaces();
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Own x', 'Own x']);
  });

  test('an unknown kind is told of', async () => {
    const error = await failureOf(openCatalog(server.uri, { 'rest.auth.type': 'kerberos' }).listNamespaces());
    expect(error.message).toContain('kerberos');
  });

  test('requests are signed for AWS, over the token of OAuth2', async () => {
    server.handle(
      config(),
      on('GET', '/v1/namespaces', namespaces),
      on('POST', '/v1/namespaces', { json: {} }),
    );
    const catalog = openCatalog(server.uri, {
      token: 'abcdef',
      'rest.sigv4-enabled': 'true',
      'rest.signing-name': 'glue',
      'rest.signing-region': 'eu-central-1',
      'rest.access-key-id': 'AKID',
      'rest.secret-access-key': 'aws-secret',
      'rest.session-token': 'aws-session',
    });
    await catalog.listNamespaces();
    await catalog.createNamespace(['n']);
    for (const { headers } of server.requests) {
      expect(headers.authorization).toMatch(
        /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/glue\/aws4_request, SignedHeaders=\S*host\S*original-authorization\S*, Signature=[0-9a-f]{64}$/,
      );
      expect(headers['original-authorization']).toBe('Bearer abcdef');
      expect(headers['x-amz-security-token']).toBe('aws-session');
    }
    const [post] = server.to('POST', '/v1/namespaces');
    expect(post!.headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('secrets', () => {
  const secrets = {
    credential: 'my-id:my-client-secret',
    'header.X-Api-Key': 'my-api-key-value',
    's3.secret-access-key': 'my-s3-secret',
  };
  const all = ['my-client-secret', 'my-api-key-value', 'my-s3-secret', 'my-access-token'];

  test.each([400, 401, 403, 404, 409, 418, 500, 503])(
    'are in no error with status %i, whatever the server repeats',
    async status => {
      const message = `${all.join(' ')} ${encodeURIComponent('my-client-secret')} Bearer my-access-token ${Buffer.from('my-id:my-client-secret').toString('base64')}`;
      server.handle(
        on('POST', /tokens/, { json: { access_token: 'my-access-token', token_type: 'bearer' } }),
        config(),
        on('GET', /.*/, failure(status, 'X', message)),
      );
      const error = await failureOf(openCatalog(server.uri, secrets).loadTable(t));
      const text = allTextOf(error);
      for (const secret of all) expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from('my-id:my-client-secret').toString('base64'));
      expect(error.message.length).toBeLessThan(2000);
    },
  );

  test('are in no error of the token server, nor when nothing answers', async () => {
    const json = { error: 'invalid_client', error_description: 'bad my-client-secret' };
    server.handle(on('POST', /tokens/, { status: 401, json }));
    expect(allTextOf(await failureOf(openCatalog(server.uri, secrets).listNamespaces()))).not.toContain(
      'my-client-secret',
    );
    server.handle(on('POST', /tokens/, { cut: true }));
    expect(allTextOf(await failureOf(openCatalog(server.uri, secrets).listNamespaces()))).not.toContain(
      'my-client-secret',
    );
  });
});

/** The first request is answered so, the others by the next handlers. */
function failureOnce(reply: object) {
  let isFirst = true;
  return () => {
    if (!isFirst) return undefined;
    isFirst = false;
    return reply;
  };
}
