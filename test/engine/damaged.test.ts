import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { snapshotManifests } from '../../src/iceberg/manifest-list.ts';
import { currentSnapshot } from '../../src/iceberg/metadata.ts';
import { toLocalPath } from '../../src/storage/paths.ts';
import { TestLake } from './dml/support.ts';
import { temporaryFolder } from './support.ts';

/** The files of a table, from its pointer down to its rows. */
type Part = 'metadata' | 'manifest list' | 'manifest' | 'data file';

async function damaged(part: Part, damage: (file: string, bytes: Buffer) => void) {
  const folder = temporaryFolder();
  const made = await TestLake.open(folder);
  await made.create('t', { columns: { id: 'long', text: 'string' } });
  await made.change(`INSERT INTO t SELECT i, 'row ' || i FROM range(1000) r(i)`);
  const { metadata, metadataLocation } = await made.table('t');
  const snapshot = currentSnapshot(metadata)!;
  const [manifest] = await snapshotManifests(made.lake.storage, snapshot);
  const [dataFile] = await made.files('t');
  const locations: Record<Part, string> = {
    metadata: metadataLocation,
    'manifest list': snapshot.manifestList!,
    manifest: manifest!.manifestPath,
    'data file': dataFile!,
  };
  const file = toLocalPath(locations[part]);
  const bytes = readFileSync(file);
  const stored = await made.stored();
  damage(file, bytes);
  // A new session: nothing of the table is known yet.
  const t = await TestLake.open(folder);
  const failure = async (sql: string) =>
    t.session.execute(sql).then(
      async results => {
        for (const result of results) if (result.kind === 'rows') await result.result.finished();
        throw new Error(`${sql} worked`);
      },
      (error: unknown) => error as { code: string; message: string; hint?: string },
    );
  return {
    file,
    failure,
    /** With the file as it was the table is as it was, and nothing was left behind. */
    async expectUnharmed() {
      writeFileSync(file, bytes);
      const again = await TestLake.open(folder);
      expect(await again.stored()).toEqual(stored);
      expect(await again.rows('SELECT count(*) AS n, sum(id) AS s FROM t')).toEqual([{ n: 1000, s: 499500 }]);
    },
  };
}

const truncate = (file: string, bytes: Buffer) => writeFileSync(file, bytes.subarray(0, bytes.length >> 1));
const garble = (file: string, bytes: Buffer) => writeFileSync(file, Buffer.alloc(bytes.length, 'x'));
const remove = (file: string) => rmSync(file);

const statements = ['SELECT sum(id) FROM t', "UPDATE t SET text = 'x' WHERE id > 5"];

describe.each<Part>(['metadata', 'manifest list', 'manifest', 'data file'])('the %s', part => {
  test.each([
    ['cut off', truncate, 'CORRUPT_FILE'],
    ['overwritten with something else', garble, 'CORRUPT_FILE'],
    ['missing', remove, 'FILE_NOT_FOUND'],
  ] as const)('%s: the error names the file, and nothing is changed', async (_, damage, code) => {
    const { file, failure, expectUnharmed } = await damaged(part, damage);
    for (const sql of statements) {
      const error = await failure(sql);
      expect({ sql, code: error.code, message: error.message }).toEqual({
        sql,
        code,
        message: expect.stringContaining(file),
      });
    }
    await expectUnharmed();
  });
});

test('metadata of a newer format version is refused with what to do', async () => {
  const { failure, expectUnharmed } = await damaged('metadata', (file, bytes) =>
    writeFileSync(file, bytes.toString().replace(/"format-version":\s*2/, '"format-version":99')),
  );
  for (const sql of statements) {
    const error = await failure(sql);
    expect(error.code).toBe('UNSUPPORTED');
    expect(error.message).toContain('99');
    expect(error.hint).toBeTruthy();
  }
  await expectUnharmed();
});
