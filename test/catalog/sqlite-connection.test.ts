import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkNodeVersion, SqliteConnection } from '../../src/catalog/sqlite-connection.ts';
import { temporaryFolder } from '../storage/support.ts';
import { lockedByAnother } from './support.ts';

async function connect(file: string, lockTimeoutMs?: number): Promise<SqliteConnection> {
  const connection = await SqliteConnection.load(file, { lockTimeoutMs });
  onTestFinished(() => connection.close());
  return connection;
}

/** A file with the table t(x). */
function databaseFile(): string {
  const file = path.join(temporaryFolder('lakebook-sqlite-'), 'catalog.db');
  const database = new Database(file);
  database.exec('CREATE TABLE t (x)');
  database.close();
  return file;
}

const insert = (connection: SqliteConnection) => connection.write(db => db.exec('INSERT INTO t VALUES (1)'));
const count = (connection: SqliteConnection) =>
  connection.read(db => db?.prepare('SELECT count(*) FROM t').pluck().get());

describe('checkNodeVersion', () => {
  test.each(['18.20.8', '20.20.0', '21.7.3'])('refuses %s', version => {
    expect(() => checkNodeVersion(version)).toThrow(
      expect.objectContaining({
        code: 'NODE_TOO_OLD',
        message: expect.stringContaining(version),
        hint: expect.stringContaining('node@24'),
      }),
    );
  });

  test.each(['22.0.0', '24.21.0', '100.0.0'])('takes %s', version => {
    checkNodeVersion(version);
  });
});

describe('SqliteConnection', () => {
  test('reading makes nothing; writing makes the file and its folders', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'a', 'b', 'catalog.db');
    const connection = await connect(file);
    expect(await connection.read(db => db === undefined)).toBe(true);
    await connection.version();
    expect(readdirSync(folder)).toEqual([]);
    await connection.write(db => db.exec('CREATE TABLE t (x)'));
    await insert(connection);
    expect(await count(connection)).toBe(1);
  });

  test('a transaction that fails changes nothing', async () => {
    const connection = await connect(databaseFile());
    const failing = connection.write(db => {
      db.exec('INSERT INTO t VALUES (1)');
      throw new Error('on purpose');
    });
    await expect(failing).rejects.toThrow('on purpose');
    expect(await count(connection)).toBe(0);
    await insert(connection);
    expect(await count(connection)).toBe(1);
  });

  test('a write holds the lock from its start: what it reads can not change under it', async () => {
    const file = databaseFile();
    const connection = await connect(file);
    const other = new Database(file, { timeout: 0 });
    onTestFinished(() => {
      other.close();
    });
    await connection.write(() => {
      expect(() => other.exec('INSERT INTO t VALUES (2)')).toThrow(
        expect.objectContaining({ code: 'SQLITE_BUSY' }),
      );
    });
    other.exec('INSERT INTO t VALUES (2)');
    expect(await count(connection)).toBe(1);
  });

  test('version changes with every commit, whoever makes it, and not without one', async () => {
    const file = databaseFile();
    const [one, two] = [await connect(file), await connect(file)];
    const seen = [await one.version()];
    const expectChange = async () => {
      const version = await one.version();
      expect(seen).not.toContain(version);
      expect(await one.version()).toBe(version);
      seen.push(version);
    };
    await insert(one);
    await expectChange();
    await insert(two);
    await expectChange();
    await count(one);
    await count(two);
    expect(await one.version()).toBe(seen.at(-1));
    rmSync(file);
    await expectChange();
    renameSync(databaseFile(), file);
    await expectChange();
  });

  test('a file that is deleted or replaced meanwhile is noticed', async () => {
    const file = databaseFile();
    const connection = await connect(file);
    await insert(connection);
    rmSync(file);
    expect(await connection.read(db => db === undefined)).toBe(true);
    renameSync(databaseFile(), file);
    expect(await count(connection)).toBe(0);
    rmSync(path.dirname(file), { recursive: true });
    await connection.write(db => db.exec('CREATE TABLE t (x)'));
    expect(await count(connection)).toBe(0);
  });

  test('a file locked by another process: waits without blocking, then says which file', async () => {
    const file = databaseFile();
    const connection = await connect(file, 500);
    const release = await lockedByAnother(file);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const locked = {
      code: 'CATALOG_LOCKED',
      message: expect.stringContaining(file),
      hint: expect.stringContaining('end the program'),
    };
    await expect(insert(connection)).rejects.toMatchObject(locked);
    await expect(count(connection)).rejects.toMatchObject(locked);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
    await release();
    await insert(connection);
    expect(await count(connection)).toBe(1);
  });

  test('a lock that another process lets go of in time is waited for', async () => {
    const file = databaseFile();
    const connection = await connect(file);
    const release = await lockedByAnother(file);
    const waiting = Promise.all([insert(connection), connection.version()]);
    setTimeout(release, 300);
    await waiting;
    expect(await count(connection)).toBe(1);
  });

  test('many writers at once all get through', async () => {
    const file = databaseFile();
    const connections = await Promise.all(Array.from({ length: 8 }, () => connect(file)));
    await Promise.all(
      connections.flatMap(connection => Array.from({ length: 10 }, () => insert(connection))),
    );
    expect(await count(connections[0]!)).toBe(80);
  });

  test.each([
    ['text that is no database', 'x'.repeat(5000)],
    ['a header with rubbish after it', `SQLite format 3\0${'x'.repeat(5000)}`],
  ])('a damaged file: %s', async (_, content) => {
    const file = path.join(temporaryFolder(), 'catalog.db');
    writeFileSync(file, content);
    const connection = await connect(file);
    const damaged = { code: 'CORRUPT_FILE', message: expect.stringContaining(file) };
    await expect(count(connection)).rejects.toMatchObject(damaged);
    await expect(insert(connection)).rejects.toMatchObject(damaged);
  });

  test('a folder in its place', async () => {
    const file = path.join(temporaryFolder(), 'catalog.db');
    mkdirSync(file);
    const connection = await connect(file);
    await expect(count(connection)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining(file),
    });
  });

  test('a file in the place of its folder', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'file'), '');
    const connection = await connect(path.join(folder, 'file', 'catalog.db'));
    await expect(insert(connection)).rejects.toMatchObject({ code: 'NOT_A_FOLDER' });
  });

  test('a schema that other programs made is told with the file', async () => {
    const file = path.join(temporaryFolder(), 'catalog.db');
    const connection = await connect(file);
    await expect(connection.write(db => db.exec('INSERT INTO none VALUES (1)'))).rejects.toMatchObject({
      code: 'CATALOG_ERROR',
      message: expect.stringMatching(/catalog\.db: no such table: none/),
    });
  });

  test('after closing it can not be used', async () => {
    const connection = await connect(databaseFile());
    await insert(connection);
    connection.close();
    connection.close();
    await expect(count(connection)).rejects.toMatchObject({ code: 'CATALOG_CLOSED' });
  });
});
