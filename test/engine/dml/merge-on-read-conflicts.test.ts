import { describe, expect, test } from 'vitest';
import { compact } from '../../../src/engine/maintain/index.ts';
import { ChangedMeanwhileError, commitSnapshot } from '../../../src/engine/transaction.ts';
import { TestLake, withParts } from './support.ts';

const t = await TestLake.open();
let tables = 0;

const merge = {
  'write.delete.mode': 'merge-on-read',
  'write.update.mode': 'merge-on-read',
  'write.merge.mode': 'merge-on-read',
};

async function table(formatVersion: number, properties = {}) {
  const name = `k${tables++}`;
  await t.create(name, {
    columns: { id: 'long', v: 'int' },
    formatVersion,
    properties: { ...merge, ...properties },
  });
  await t.change(`INSERT INTO ${name} SELECT i, 0 FROM range(100) r(i)`);
  return name;
}

/** A lake on the same folder that runs something just before its next commit. */
async function racing(before: () => Promise<unknown>) {
  let ran = false;
  return TestLake.open(t.folder, lake =>
    withParts(lake, {
      commitTable: async (...args) => {
        if (!ran) {
          ran = true;
          await before();
        }
        return lake.catalog.commitTable(...args);
      },
    }),
  );
}

const rows = (name: string) =>
  t.rows(`SELECT * FROM ${name} ORDER BY id`) as Promise<{ id: number; v: number }[]>;

describe.each([2, 3])('format version %i', version => {
  test('a row that is deleted meanwhile is not brought back by an update', async () => {
    const name = await table(version);
    const lake = await racing(() => t.change(`DELETE FROM ${name} WHERE id = 7`));
    await lake.change(`UPDATE ${name} SET v = 1 WHERE id IN (7, 8)`);
    const found = await rows(name);
    expect(found).toHaveLength(99);
    expect(found.filter(row => row.v === 1).map(row => row.id)).toEqual([8]);
  });

  test('two updates of one row make one row of it', async () => {
    const name = await table(version);
    const lake = await racing(() => t.change(`UPDATE ${name} SET v = v + 1 WHERE id = 7`));
    await lake.change(`UPDATE ${name} SET v = v + 10 WHERE id = 7`);
    const found = await rows(name);
    expect(found).toHaveLength(100);
    expect(found[7]).toEqual({ id: 7, v: 11 });
  });

  test('rows of files that were compacted meanwhile are deleted in the new ones', async () => {
    const name = await table(version);
    await t.change(`INSERT INTO ${name} VALUES (1000, 0)`);
    const lake = await racing(async () =>
      compact(t.session, { table: await t.table(name), defaults: { minInputFiles: 2 } }, {}),
    );
    await lake.change(`DELETE FROM ${name} WHERE id = 7`);
    expect(await rows(name)).toHaveLength(100);
    expect(await t.files(name)).toHaveLength(1);
  });

  test('two deletes of other rows of one file both count', async () => {
    const name = await table(version);
    const lake = await racing(() => t.change(`DELETE FROM ${name} WHERE id = 7`));
    await lake.change(`DELETE FROM ${name} WHERE id = 8`);
    expect((await rows(name)).map(row => row.id).slice(5, 8)).toEqual([5, 6, 9]);
    if (version === 3) expect((await t.tasks(name))[0]!.deletes).toHaveLength(1);
  });

  test('snapshot isolation lets new rows in, serializable has the statement look at them', async () => {
    for (const isolation of ['snapshot', 'serializable']) {
      const name = await table(version, { 'write.update.isolation-level': isolation });
      const lake = await racing(() => t.change(`INSERT INTO ${name} VALUES (7, 0)`));
      await lake.change(`UPDATE ${name} SET v = 1 WHERE id = 7`);
      const found = (await rows(name)).filter(row => row.id === 7).map(row => row.v);
      expect(found.sort()).toEqual(isolation === 'snapshot' ? [0, 1] : [1, 1]);
    }
  });
});

test('deletes of a file that is gone are refused', async () => {
  const name = await table(2);
  const before = await t.table(name);
  const [task] = await t.tasks(name);
  await t.change(`TRUNCATE ${name}`);
  const commit = commitSnapshot(t.lake, {
    table: before,
    added: [],
    removed: [],
    referenced: [task!.dataFile],
    validation: { kind: 'rewrite' },
  });
  await expect(commit).rejects.toThrow(ChangedMeanwhileError);
  await expect(commit).rejects.toThrow(task!.dataFile.filePath);
});
