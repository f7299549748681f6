import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { LoadedTable } from '../../src/catalog/catalog.ts';
import { type Attempt, commitWithRetry } from '../../src/catalog/commit.ts';
import { type Lake, openLake } from '../../src/catalog/open-lake.ts';
import { SqliteCatalog } from '../../src/catalog/sqlite.ts';
import { SqliteConnection } from '../../src/catalog/sqlite-connection.ts';
import { CommitConflictError, CommitStateUnknownError, ValidationError } from '../../src/iceberg/errors.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { TableUpdate } from '../../src/iceberg/updates.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import { toLocalPath } from '../../src/storage/paths.ts';
import { type Disk, readOnlyDisk, runScript, smallDisk, temporaryFolder } from '../storage/support.ts';
import { lockedByAnother, startScript } from './support.ts';

const schema: Schema = {
  schemaId: 0,
  fields: [{ id: 1, name: 'id', required: false, type: { kind: 'long' } }],
  identifierFieldIds: [],
};
const t = { namespace: ['default'], name: 't' };
const set = (key: string, value = 'x'): TableUpdate => ({
  action: 'set-properties',
  updates: { [key]: value },
});
const quickRetries = { 'commit.retry.min-wait-ms': '1', 'commit.retry.max-wait-ms': '5' };

let folder: string;
let lake: Lake;
beforeEach(async () => {
  folder = temporaryFolder('lakebook-commit-');
  lake = await openLake(folder);
});
afterEach(() => lake.close());

async function metadataFiles(table: LoadedTable): Promise<string[]> {
  const found: string[] = [];
  for await (const { location } of lake.storage.list(`${table.metadata.location}/metadata`))
    found.push(location);
  return found.sort();
}

/** A catalog on the same lake, in which `before` runs each time after a metadata file was written. */
async function catalogWith(before: () => Promise<void>): Promise<SqliteCatalog> {
  const storage = new LocalStorage();
  const create = storage.create.bind(storage);
  storage.create = async (location, bytes) => {
    await create(location, bytes);
    await before();
  };
  const uri = path.join(folder, '.lakebook', 'catalog.db');
  const catalog = await SqliteCatalog.open({
    uri,
    name: 'lake',
    warehouse: lake.warehouse,
    storage,
    lockTimeoutMs: 300,
  });
  onTestFinished(() => catalog.close());
  return catalog;
}

describe('commitTable', () => {
  test('writes the next metadata file and moves the pointer', async () => {
    const created = await lake.catalog.createTable(t, { schema });
    const uuid = created.metadata.tableUuid;
    const committed = await lake.catalog.commitTable(
      t,
      [{ type: 'assert-table-uuid', uuid }],
      [set('k', 'v')],
    );
    expect(committed.metadataLocation).toContain('/metadata/00001-');
    expect(committed.metadata.properties).toEqual({ k: 'v' });
    expect(committed.metadata.metadataLog.map(entry => entry.metadataFile)).toEqual([
      created.metadataLocation,
    ]);
    const fresh = await openLake(folder);
    expect(await fresh.catalog.loadTable(t)).toEqual(committed);
    await fresh.close();
  });

  test('a requirement that does not hold changes nothing', async () => {
    const created = await lake.catalog.createTable(t, { schema });
    const requirement = { type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: 5n } as const;
    await expect(lake.catalog.commitTable(t, [requirement], [set('k')])).rejects.toThrow(CommitConflictError);
    expect(await lake.catalog.loadTable(t)).toEqual(created);
    expect(await metadataFiles(created)).toEqual([created.metadataLocation]);
  });

  test('without updates there is nothing to commit', async () => {
    const created = await lake.catalog.createTable(t, { schema });
    expect(await lake.catalog.commitTable(t, [], [])).toEqual(created);
    expect(await metadataFiles(created)).toHaveLength(1);
  });

  test('when another writer comes first it is a conflict, and the metadata file is deleted', async () => {
    await lake.catalog.createTable(t, { schema });
    let other: LoadedTable | undefined;
    const catalog = await catalogWith(async () => {
      other ??= await lake.catalog.commitTable(t, [], [set('other')]);
    });
    await expect(catalog.commitTable(t, [], [set('mine')])).rejects.toMatchObject({
      code: 'COMMIT_CONFLICT',
      message: expect.stringContaining('default.t'),
    });
    expect(await lake.catalog.loadTable(t)).toEqual(other);
    expect(await metadataFiles(other!)).toHaveLength(2);
  });

  test('a table dropped meanwhile is a conflict too', async () => {
    const created = await lake.catalog.createTable(t, { schema });
    const catalog = await catalogWith(() => lake.catalog.dropTable(t));
    await expect(catalog.commitTable(t, [], [set('mine')])).rejects.toThrow(CommitConflictError);
    expect(await metadataFiles(created)).toEqual([created.metadataLocation]);
  });

  test('a locked catalog: a clear error, and no file is left', async () => {
    const created = await lake.catalog.createTable(t, { schema });
    let release = async () => {};
    const catalog = await catalogWith(async () => {
      release = await lockedByAnother(path.join(folder, '.lakebook', 'catalog.db'));
    });
    await expect(catalog.commitTable(t, [], [set('mine')])).rejects.toMatchObject({ code: 'CATALOG_LOCKED' });
    await release();
    expect(await metadataFiles(created)).toEqual([created.metadataLocation]);
    expect(await lake.catalog.loadTable(t)).toEqual(created);
  });

  describe('when SQLite can not tell whether it committed', () => {
    async function committing(options: { takesEffect: boolean; thenUnreadable?: boolean }) {
      const created = await lake.catalog.createTable(t, { schema });
      const write = SqliteConnection.prototype.write;
      const spy = vi.spyOn(SqliteConnection.prototype, 'write').mockImplementation(async function (
        this: SqliteConnection,
        work,
      ) {
        if (options.takesEffect) await write.call(this, work);
        if (options.thenUnreadable) {
          vi.spyOn(SqliteConnection.prototype, 'read').mockRejectedValue(new Error('disk gone'));
        }
        throw new CommitStateUnknownError('the disk failed');
      });
      onTestFinished(() => {
        vi.restoreAllMocks();
      });
      const outcome = await lake.catalog.commitTable(t, [], [set('k')]).catch((error: unknown) => error);
      spy.mockRestore();
      vi.restoreAllMocks();
      return { created, outcome, now: await lake.catalog.loadTable(t) };
    }

    test('and it did, that is a success', async () => {
      const { outcome, now } = await committing({ takesEffect: true });
      expect(outcome).toEqual(now);
      expect(now.metadata.properties).toEqual({ k: 'x' });
    });

    test('and it did not, that is an error that leaves nothing behind', async () => {
      const { created, outcome, now } = await committing({ takesEffect: false });
      expect(outcome).toMatchObject({ code: 'IO_ERROR' });
      expect(now).toEqual(created);
      expect(await metadataFiles(created)).toEqual([created.metadataLocation]);
    });

    test('and it can not be found out, every file is kept', async () => {
      const { created, outcome } = await committing({ takesEffect: false, thenUnreadable: true });
      expect(outcome).toBeInstanceOf(CommitStateUnknownError);
      expect(await metadataFiles(created)).toHaveLength(2);
    });
  });

  test('old metadata files go away where the table asks for it', async () => {
    const properties = {
      'write.metadata.delete-after-commit.enabled': 'true',
      'write.metadata.previous-versions-max': '2',
    };
    let table = await lake.catalog.createTable(t, { schema, properties });
    for (let i = 0; i < 5; i++) table = await lake.catalog.commitTable(t, [], [set('k', String(i))]);
    const kept = [...table.metadata.metadataLog.map(entry => entry.metadataFile), table.metadataLocation];
    expect(kept).toHaveLength(3);
    expect(await metadataFiles(table)).toEqual(kept.sort());
  });
});

describe('commitWithRetry', () => {
  /** An attempt that sets a property after `interfere`, with a file of its own. */
  function attempt(interfere: (attemptNumber: number) => Promise<unknown> | undefined) {
    const written: string[] = [];
    const run: Attempt = async (table, attemptNumber) => {
      const file = `${table.metadata.location}/data/${attemptNumber}.parquet`;
      await lake.storage.create(file, new Uint8Array(1));
      written.push(file);
      await interfere(attemptNumber);
      const snapshot = { type: 'assert-default-spec-id', defaultSpecId: 0 } as const;
      return { requirements: [snapshot], updates: [set('mine', String(attemptNumber))], written: [file] };
    };
    return { run, written };
  }
  const exists = (locations: readonly string[]) =>
    locations.map(location => existsSync(toLocalPath(location)));

  test('tries again on the table as it is then, and deletes what failed attempts wrote', async () => {
    await lake.catalog.createTable(t, { schema, properties: quickRetries });
    let interferences = 0;
    const catalog = await catalogWith(async () => {
      if (interferences++ < 2) await lake.catalog.commitTable(t, [], [set(`other.${interferences}`)]);
    });
    const { run, written } = attempt(() => undefined);
    const committed = await commitWithRetry(catalog, t, run, lake.storage);
    expect(committed?.metadata.properties).toMatchObject({ mine: '3', 'other.1': 'x', 'other.2': 'x' });
    expect(exists(written)).toEqual([false, false, true]);
  });

  test('gives up after as many retries as the table allows, with nothing changed', async () => {
    const properties = { ...quickRetries, 'commit.retry.num-retries': '2' };
    await lake.catalog.createTable(t, { schema, properties });
    const catalog = await catalogWith(async () => {
      await lake.catalog.commitTable(t, [], [set('other')]);
    });
    const { run, written } = attempt(() => undefined);
    await expect(commitWithRetry(catalog, t, run, lake.storage)).rejects.toMatchObject({
      code: 'COMMIT_CONFLICT',
      message: expect.stringMatching(/default\.t.*3 times/),
      hint: expect.stringContaining('commit.retry.num-retries'),
    });
    expect(exists(written)).toEqual([false, false, false]);
    expect((await lake.catalog.loadTable(t)).metadata.properties).not.toHaveProperty('mine');
  });

  test('no retry for other errors, and none for what the attempt itself throws', async () => {
    await lake.catalog.createTable(t, { schema });
    const { run, written } = attempt(() => lake.catalog.dropTable(t));
    await expect(commitWithRetry(lake.catalog, t, run, lake.storage)).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
    });
    expect(exists(written)).toEqual([false]);
    await lake.catalog.createTable(t, { schema });
    for (const error of [new ValidationError('no'), new CommitConflictError('rows were deleted')]) {
      const failing = vi.fn<Attempt>().mockRejectedValue(error);
      await expect(commitWithRetry(lake.catalog, t, failing, lake.storage)).rejects.toBe(error);
      expect(failing).toHaveBeenCalledTimes(1);
    }
  });

  test('keeps the files when the outcome is unknown', async () => {
    await lake.catalog.createTable(t, { schema });
    const { run, written } = attempt(() => undefined);
    const unknown = new CommitStateUnknownError('?');
    vi.spyOn(lake.catalog, 'commitTable').mockRejectedValue(unknown);
    await expect(commitWithRetry(lake.catalog, t, run, lake.storage)).rejects.toBe(unknown);
    expect(exists(written)).toEqual([true]);
  });

  test('nothing to do', async () => {
    const created = await lake.catalog.createTable(t, { schema });
    expect(await commitWithRetry(lake.catalog, t, async () => undefined, lake.storage)).toBeUndefined();
    expect(await lake.catalog.loadTable(t)).toEqual(created);
  });

  test('an abort ends it before the commit, also while it waits', async () => {
    await lake.catalog.createTable(t, { schema, properties: { 'commit.retry.min-wait-ms': '60000' } });
    const interrupted = { code: 'INTERRUPTED' };
    const early = new AbortController();
    const first = attempt(async () => early.abort());
    await expect(
      commitWithRetry(lake.catalog, t, first.run, lake.storage, { signal: early.signal }),
    ).rejects.toMatchObject(interrupted);
    const late = new AbortController();
    const catalog = await catalogWith(async () => {
      await lake.catalog.commitTable(t, [], [set('other')]);
      setTimeout(() => late.abort(), 50);
    });
    const second = attempt(() => undefined);
    await expect(
      commitWithRetry(catalog, t, second.run, lake.storage, { signal: late.signal }),
    ).rejects.toMatchObject(interrupted);
    expect(exists([...first.written, ...second.written])).toEqual([false, false]);
    expect((await lake.catalog.loadTable(t)).metadata.properties).not.toHaveProperty('mine');
  });
});

describe('several processes', () => {
  test('every commit that was acknowledged is in the table and in its history', {
    timeout: 120_000,
  }, async () => {
    const properties = { ...quickRetries, 'commit.retry.num-retries': '1000' };
    await lake.catalog.createTable(t, { schema, properties });
    const [processes, commits] = [4, 12];
    const acknowledged: string[] = [];
    await Promise.all(
      Array.from({ length: processes }, async (_, i) => {
        const child = startScript('commits.child.ts', [folder, `p${i}`, String(commits)]);
        let output = '';
        child.stdout!.setEncoding('utf8').on('data', text => {
          output += text;
        });
        expect(await once(child, 'close')).toEqual([0, null]);
        acknowledged.push(...output.trim().split('\n'));
      }),
    );
    expect(acknowledged).toHaveLength(processes * commits);
    const table = await lake.catalog.loadTable(t);
    for (const key of acknowledged) expect(table.metadata.properties).toHaveProperty([key]);
    // One metadata file for each commit, one after the other, and none of those that came too late.
    const log = [...table.metadata.metadataLog.map(entry => entry.metadataFile), table.metadataLocation];
    const versions = log.map(location => Number(/\/(\d+)-[^/]*$/.exec(location)![1]));
    expect(versions).toEqual(Array.from({ length: processes * commits + 1 }, (_, i) => i));
    expect(await metadataFiles(table)).toEqual(log.sort());
  });

  test('kill -9 while committing: what was acknowledged is there, and the table reads', {
    timeout: 60_000,
  }, async () => {
    await lake.catalog.createTable(t, { schema, properties: quickRetries });
    for (let round = 0; round < 4; round++) {
      const child = startScript('commits.child.ts', [folder, `r${round}`, '100000']);
      let output = '';
      child.stdout!.setEncoding('utf8').on('data', text => {
        output += text;
      });
      await vi.waitUntil(() => output.split('\n').length > 3 + round, { timeout: 60_000, interval: 1 });
      child.kill('SIGKILL');
      await once(child, 'close');
      const { metadata } = await lake.catalog.loadTable(t);
      for (const key of output.trim().split('\n')) expect(metadata.properties).toHaveProperty([key]);
      await lake.catalog.commitTable(t, [], [set(`after.${round}`)]);
    }
  });

  test('a full disk: a clear error, and the table is as it was', async () => {
    const bytes = 512 * 1024;
    const disk = smallDisk(folder, bytes);
    const script = path.join(import.meta.dirname, 'full-disk.child.ts');
    const { status, answer, stderr } = await runScript(script, [folder, String(bytes), disk.kind], disk.wrap);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(answer).toEqual({
      code: 'DISK_FULL',
      drop: 'DISK_FULL',
      tableIsAsBefore: true,
      committedBefore: true,
      files: 'as before',
    });
  });

  describe('a lake that can not be written is read all the same, and changing it is refused', () => {
    async function expectRefusals(disk: Disk): Promise<void> {
      const created = await lake.catalog.createTable(t, { schema });
      await lake.close();
      if (disk.kind === 'permissions') chmodAll(folder, 0o555, 0o444);
      const script = path.join(import.meta.dirname, 'read-only.child.ts');
      const { status, answer, stderr } = await runScript(script, [folder, disk.kind], disk.wrap);
      if (disk.kind === 'permissions') chmodAll(folder, 0o755, 0o644);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const onFiles = disk.kind === 'permissions' ? 'PERMISSION_DENIED' : 'READ_ONLY';
      expect(answer).toEqual({
        read: created.metadataLocation,
        tables: ['t'],
        commit: onFiles,
        create: onFiles,
        drop: 'READ_ONLY',
        createNamespace: 'READ_ONLY',
        messagesName: [true, true, true, true],
      });
      lake = await openLake(folder);
      expect(await lake.catalog.loadTable(t)).toEqual(created);
    }

    // Windows has neither, and Linux containers may lack the right to mount.
    if (process.platform !== 'win32') {
      test('by permissions', () => expectRefusals({ kind: 'permissions', wrap: [] }));
    }
    const readOnly = readOnlyDisk(tmpdir());
    if (readOnly !== undefined) test('on a read-only disk', () => expectRefusals(readOnlyDisk(folder)!));
  });
});

function chmodAll(root: string, folderMode: number, fileMode: number): void {
  chmodSync(root, 0o755);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    chmodSync(path.join(entry.parentPath, entry.name), entry.isDirectory() ? folderMode : fileMode);
  }
  chmodSync(root, folderMode);
}
