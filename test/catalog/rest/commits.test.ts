import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TableIdentifier } from '../../../src/catalog/catalog.ts';
import { commitWithRetry } from '../../../src/catalog/commit.ts';
import type { RestCatalog } from '../../../src/catalog/rest/rest-catalog.ts';
import type { TableUpdate } from '../../../src/iceberg/updates.ts';
import { RoutedStorage } from '../../../src/storage/routed.ts';
import { failure, type Received } from './fake-server.ts';
import { edited, FaultProxy } from './fault-proxy.ts';
import { failureOf, freshCatalog, openCatalog, schema } from './support.ts';

const { uri: target } = freshCatalog();
const storage = new RoutedStorage({ s3: {}, cache: {} });
let proxy: FaultProxy;
let catalog: RestCatalog;
let table: TableIdentifier;

beforeAll(async () => {
  proxy = await FaultProxy.start(target);
});
beforeEach(async () => {
  proxy.play();
  catalog = openCatalog(proxy.uri);
  table = { namespace: ['default'], name: `t_${randomUUID().slice(0, 8)}` };
  await catalog.createTable(table, { schema });
});

const set = (value: string): TableUpdate[] => [{ action: 'set-properties', updates: { k: value } }];

/** A snapshot without files, that only its own commit can have made. */
function snapshot(id: bigint, parent?: bigint, sequenceNumber = 1): TableUpdate[] {
  return [
    {
      action: 'add-snapshot',
      snapshot: {
        snapshotId: id,
        ...(parent === undefined ? {} : { parentSnapshotId: parent }),
        sequenceNumber,
        timestampMs: Date.now(),
        manifestList: 's3://b/none.avro',
        operation: 'append',
        summary: { 'added-records': '0' },
        schemaId: 0,
      },
    },
    { action: 'set-snapshot-ref', refName: 'main', ref: { snapshotId: id, type: 'branch' } },
  ];
}

async function value(): Promise<string | undefined> {
  return (await openCatalog(proxy.uri).loadTable(table)).metadata.properties.k;
}

const isCommit = ({ method, path }: Received) => method === 'POST' && path.endsWith(`/tables/${table.name}`);

/** Counts commits, and says what happens to each. */
function onCommit(
  ...faults: (Parameters<FaultProxy['play']>[0] extends infer F ? F : never)[]
): () => number {
  let count = 0;
  proxy.play(request => (isCommit(request) ? faults[count++]?.(request) : undefined));
  return () => count;
}

const serverErrors = [500, 502, 504].map(status => failure(status, 'CommitStateUnknownException', 'lost'));
const lost = [...serverErrors, { cut: true } as const];

describe('a commit whose answer is lost', () => {
  test.each(lost)('and that was made succeeds: %j', async after => {
    const commits = onCommit(() => ({ after }));
    const committed = await catalog.commitTable(table, [], snapshot(1234567890123456789n));
    expect(committed.metadata.currentSnapshotId).toBe(1234567890123456789n);
    expect(commits()).toBe(1);
  });

  test.each(lost)('and that was not made is unknown: %j', async instead => {
    const commits = onCommit(() => ({ instead }));
    const error = await failureOf(catalog.commitTable(table, [], snapshot(5n)));
    expect(error).toMatchObject({ name: 'CommitStateUnknownError', code: 'COMMIT_STATE_UNKNOWN' });
    expect(error.hint).toContain('kept');
    // Never a second time: it could be made twice.
    expect(commits()).toBe(1);
  });

  test('is unknown when the server can not be asked', async () => {
    proxy.play(request => (isCommit(request) ? { after: { cut: true } } : { instead: { cut: true } }));
    const error = await failureOf(catalog.commitTable(table, [], set('1')));
    expect(error.code).toBe('COMMIT_STATE_UNKNOWN');
    proxy.play();
    expect(await value()).toBe('1');
  });

  test('is looked for several times: it may be made later', async () => {
    let commit: Received | undefined;
    let looks = 0;
    proxy.play(async request => {
      if (isCommit(request)) {
        commit = request;
        return { instead: failure(504, 'GatewayTimeout', 'too slow') };
      }
      // The server is at it until the second look.
      if (request.method === 'GET' && ++looks === 2) {
        await fetch(target + commit!.path, {
          method: 'POST',
          body: commit!.text,
          headers: { 'content-type': 'application/json' },
        });
      }
      return undefined;
    });
    await catalog.commitTable(table, [], set('late'));
    expect(looks).toBe(2);
  });

  test.each<[string, TableUpdate[]]>([
    ['properties', set('1')],
    ['a column', addColumn()],
    ['a removed property', [{ action: 'remove-properties', removals: ['other'] }]],
    [
      'a branch',
      [
        ...snapshot(7n),
        { action: 'set-snapshot-ref', refName: 'b', ref: { snapshotId: 7n, type: 'branch' } },
      ],
    ],
  ])('is known by what it changed: %s', async (_, updates) => {
    onCommit(() => ({ after: serverErrors[0]! }));
    await catalog.commitTable(table, [], updates);
    onCommit(() => ({ instead: serverErrors[0]! }));
    const other = [...set('2'), ...updates.filter(({ action }) => action !== 'set-properties')];
    if (updates.some(({ action }) => action === 'add-snapshot')) return;
    expect((await failureOf(catalog.commitTable(table, [], other))).code).toBe('COMMIT_STATE_UNKNOWN');
  });
});

describe('a commit to a busy server', () => {
  test.each([429, 503])('is tried again after %i', async status => {
    const busy = () => ({ instead: failure(status, 'Busy', 'wait') });
    const commits = onCommit(busy, busy);
    await catalog.commitTable(table, [], set('1'));
    expect(commits()).toBe(3);
    expect(await value()).toBe('1');
  });

  test('that did it all the same is not in conflict with itself', async () => {
    const { metadata } = await catalog.commitTable(table, [], snapshot(1n));
    const requirements = [
      { type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: metadata.currentSnapshotId },
    ] as const;
    // The proxy answers for the server, which did it: the second try meets the first.
    const commits = onCommit(() => ({ after: failure(503, 'Busy', 'wait') }));
    const committed = await catalog.commitTable(table, requirements, snapshot(2n, 1n, 2));
    expect(commits()).toBe(2);
    expect(committed.metadata.snapshots.map(({ snapshotId }) => snapshotId)).toEqual([1n, 2n]);
  });

  test('is told of in the end', async () => {
    proxy.play(request => (isCommit(request) ? { instead: failure(429, 'Busy', 'wait') } : undefined));
    expect(await failureOf(catalog.commitTable(table, [], set('1')))).toMatchObject({ code: 'CATALOG_BUSY' });
  });
});

describe('a conflict', () => {
  test('is a CommitConflictError, and nothing was changed', async () => {
    await catalog.commitTable(table, [], set('1'));
    const requirements = [{ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: 99n }] as const;
    const error = await failureOf(catalog.commitTable(table, requirements, set('2')));
    expect(error).toMatchObject({ name: 'CommitConflictError', code: 'COMMIT_CONFLICT' });
    expect(await value()).toBe('1');
  });

  test('is tried again by the one commit path, on the table as it is then', async () => {
    const other = openCatalog(proxy.uri);
    let attempts = 0;
    const attempt = async ({ metadata }: Awaited<ReturnType<RestCatalog['loadTable']>>) => {
      const head = metadata.currentSnapshotId;
      // Another writer is first, once.
      if (++attempts === 1) await other.commitTable(table, [], snapshot(10n));
      const requirements = [{ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: head }] as const;
      const updates = snapshot(BigInt(20 + attempts), head, metadata.lastSequenceNumber + 1);
      return { requirements, updates, written: [] };
    };
    const committed = await commitWithRetry(catalog, table, attempt, storage);
    expect(attempts).toBe(2);
    expect(committed!.metadata.snapshots.map(({ snapshotId }) => snapshotId)).toEqual([10n, 22n]);
  });

  test('of a table that was dropped', async () => {
    await openCatalog(proxy.uri).dropTable(table);
    expect(await failureOf(catalog.commitTable(table, [], set('1')))).toMatchObject({
      code: 'TABLE_NOT_FOUND',
    });
  });
});

describe('a new table', () => {
  const fresh = () => ({ namespace: ['default'], name: `n_${randomUUID().slice(0, 8)}` });

  test('whose answer is lost is found', async () => {
    const name = fresh();
    proxy.play(({ method, path }) =>
      method === 'POST' && path.endsWith('/tables') ? { after: { cut: true } } : undefined,
    );
    const created = await catalog.createTable(name, { schema });
    expect(created.metadata.snapshots).toEqual([]);
    expect(await catalog.listTables(['default'])).toContainEqual(name);
  });

  test('with its first rows is there at once, or not at all', async () => {
    const name = fresh();
    const staged = await catalog.stageTable(name, { schema, properties: { p: 'q' } });
    expect(await catalog.tableExists(name)).toBe(false);
    const created = await catalog.createStaged(name, staged, snapshot(3n));
    expect(created.metadata).toMatchObject({
      tableUuid: staged.tableUuid,
      location: staged.location,
      currentSnapshotId: 3n,
      properties: { p: 'q' },
    });
    const again = await catalog.stageTable(fresh(), { schema });
    const taken = await failureOf(catalog.createStaged(name, again, []));
    expect(taken).toMatchObject({ name: 'AlreadyExistsError', code: 'TABLE_EXISTS' });
  });

  test('with its first rows is known by its UUID when the answer is lost', async () => {
    const name = fresh();
    const staged = await catalog.stageTable(name, { schema });
    proxy.play(({ method, path }) =>
      method === 'POST' && path.endsWith(name.name) ? { after: serverErrors[0]! } : undefined,
    );
    expect((await catalog.createStaged(name, staged, snapshot(3n))).metadata.currentSnapshotId).toBe(3n);
    // Another one's table of this name is not ours.
    const other = await catalog.stageTable(fresh(), { schema });
    proxy.play(({ method, path }) =>
      method === 'POST' && path.endsWith(name.name) ? { instead: serverErrors[0]! } : undefined,
    );
    expect((await failureOf(catalog.createStaged(name, other, []))).code).toBe('COMMIT_STATE_UNKNOWN');
  });
});

describe('other changes whose answers are lost', () => {
  test('a drop, a rename, properties of a namespace', async () => {
    const to = { namespace: ['default'], name: `r_${randomUUID().slice(0, 8)}` };
    proxy.play(({ method }) => (method === 'POST' ? { after: { cut: true } } : undefined));
    await catalog.renameTable(table, to);
    await catalog.updateNamespaceProperties(['default'], { seen: 'yes' });
    expect(await catalog.namespaceProperties(['default'])).toMatchObject({ seen: 'yes' });
    proxy.play(({ method }) => (method === 'DELETE' ? { after: serverErrors[0]! } : undefined));
    await catalog.dropTable(to);
    expect(await catalog.tableExists(to)).toBe(false);
  });

  test('a drop that was repeated after 503 and finds nothing is done', async () => {
    let count = 0;
    proxy.play(({ method }) =>
      method === 'DELETE' && ++count === 1 ? { after: failure(503, 'Busy', 'wait') } : undefined,
    );
    await catalog.dropTable(table);
    expect(count).toBe(2);
  });
});

describe('a transaction of several tables', () => {
  const second = () => ({ namespace: ['default'], name: `s_${randomUUID().slice(0, 8)}` });

  test('changes all or none', async () => {
    const other = second();
    await catalog.createTable(other, { schema });
    await catalog.commitTransaction([
      { table, requirements: [], updates: set('1') },
      { table: other, requirements: [], updates: set('1') },
    ]);
    expect((await catalog.loadTable(other)).metadata.properties.k).toBe('1');
    const requirements = [{ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: 99n }] as const;
    const error = await failureOf(
      catalog.commitTransaction([
        { table, requirements: [], updates: set('2') },
        { table: other, requirements, updates: set('2') },
      ]),
    );
    expect(error.code).toBe('COMMIT_CONFLICT');
    expect(await value()).toBe('1');
  });

  test('is known by what it changed when the answer is lost', async () => {
    const transaction = [{ table, requirements: [], updates: set('1') }];
    const isTransaction = ({ path }: Received) => path.endsWith('/transactions/commit');
    proxy.play(request => (isTransaction(request) ? { after: { cut: true } } : undefined));
    await catalog.commitTransaction(transaction);
    expect(await value()).toBe('1');
    proxy.play(request => (isTransaction(request) ? { instead: serverErrors[0]! } : undefined));
    const unknown = catalog.commitTransaction([{ table, requirements: [], updates: set('2') }]);
    expect((await failureOf(unknown)).code).toBe('COMMIT_STATE_UNKNOWN');
  });
});

describe('with idempotency keys', () => {
  test('a commit is sent again with its key, and the server makes it once', async () => {
    let first: string | undefined;
    proxy.play(request => {
      // The real server knows keys, but doesn't say so.
      if (request.path === '/v1/config') {
        return {
          after: answer =>
            edited(answer, json => {
              json['idempotency-key-lifetime'] = 'PT30M';
            }),
        };
      }
      if (!isCommit(request) || first !== undefined) return undefined;
      first = request.headers['idempotency-key'];
      return { after: { cut: true } };
    });
    const keyed = openCatalog(proxy.uri);
    const { metadata } = await keyed.commitTable(table, [], snapshot(9n));
    expect(metadata.snapshots).toHaveLength(1);
    const keys = proxy.requests.filter(isCommit).map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([first, first]);
    expect(first).toBeTruthy();
  });
});

function addColumn(): TableUpdate[] {
  const extra = { id: 3, name: 'extra', required: false, type: { kind: 'string' } } as const;
  return [
    {
      action: 'add-schema',
      schema: { ...schema, schemaId: 1, fields: [...schema.fields, extra] },
      lastColumnId: 3,
    },
    { action: 'set-current-schema', schemaId: -1 },
  ];
}
