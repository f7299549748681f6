import { describe, expect, test } from 'vitest';
import { CommitStateUnknownError } from '../../../src/iceberg/errors.ts';
import { TestLake, withParts } from './support.ts';

/** Counts down with each step of a change that touches storage or catalog; the step at zero fails or interrupts. */
let stepsLeft = Number.POSITIVE_INFINITY;
let failing: () => void = () => undefined;
let lastStep = '';
function step(name: string): void {
  if (stepsLeft-- !== 0) return;
  lastStep = name;
  failing();
}
let commitFailure: Error | undefined;

const lake = await TestLake.open(undefined, real =>
  withParts(
    real,
    {
      commitTable: async (...commit) => {
        step('commit');
        if (commitFailure !== undefined) throw commitFailure;
        return real.catalog.commitTable(...commit);
      },
      loadTable: async table => {
        step('load');
        return real.catalog.loadTable(table);
      },
    },
    {
      read: async (location, range) => {
        step('read');
        return real.storage.read(location, range);
      },
      create: async (location, bytes) => {
        step('create');
        return real.storage.create(location, bytes);
      },
      localPaths: async (files, signal) => {
        step('local paths');
        return real.storage.localPaths(files, signal);
      },
      stage: async folder => {
        step('stage');
        const staging = await real.storage.stage(folder);
        return {
          ...staging,
          publish: async (source, location) => {
            step('publish');
            return staging.publish(source, location);
          },
        };
      },
    },
  ),
);

// Small, so that files are rewritten in several steps.
const properties = { 'write.target-file-size-bytes': '500' };
await lake.create('t', { columns: { id: 'long', g: 'string', n: 'int' }, partitionedBy: ['g'], properties });
await lake.change(`INSERT INTO t SELECT range, 'g' || (range % 3), range FROM range(30)`);

const statements = [
  `INSERT INTO t SELECT id + 100, g, n FROM t`,
  `INSERT OVERWRITE t SELECT id + 100, g, n FROM t WHERE g = 'g1'`,
  `UPDATE t SET n = n + 1, g = 'g' || (n % 5) WHERE id < 20`,
  `DELETE FROM t WHERE id % 7 = 0`,
  `DELETE FROM t WHERE g = 'g2'`,
  `MERGE INTO t USING (SELECT range AS id FROM range(25, 40)) AS s USING (id)
   WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, g) VALUES (s.id, 'new')`,
  `TRUNCATE t`,
];

async function state() {
  const { metadataLocation } = await lake.table('t');
  return {
    metadataLocation,
    files: await lake.stored(),
    rows: await lake.rows('SELECT * FROM t ORDER BY ALL'),
  };
}

/** Runs a statement again and again, failing one step later each time, until no step is left that fails. */
async function atEachStep(
  sql: string,
  prepare: () => { signal?: AbortSignal },
  code: string,
): Promise<number> {
  const before = await state();
  for (let steps = 0; steps < 200; steps++) {
    const options = prepare();
    stepsLeft = steps;
    let error: unknown;
    try {
      await lake.session.execute(sql, options);
    } catch (caught) {
      error = caught;
    }
    const reached = stepsLeft < 0;
    stepsLeft = Number.POSITIVE_INFINITY;
    if (!reached) {
      expect(error).toBeUndefined();
      return steps;
    }
    if (error === undefined) {
      // An interrupt is too late only when the commit has begun.
      expect(lastStep).toBe('commit');
      return steps;
    }
    expect(error, `step ${steps}`).toMatchObject(code === 'INTERRUPTED' ? { code } : { message: code });
    expect(await state(), `step ${steps}`).toEqual(before);
  }
  throw new Error('the statement has no end');
}

describe.each(statements)('%s', sql => {
  test('leaves nothing behind when a step fails', async () => {
    const steps = await atEachStep(
      sql,
      () => {
        failing = () => {
          throw new Error('disk on fire');
        };
        return {};
      },
      'disk on fire',
    );
    expect(steps).toBeGreaterThan(3);
    await restore();
  });

  test('leaves nothing behind when it is interrupted at a step', async () => {
    const steps = await atEachStep(
      sql,
      () => {
        const controller = new AbortController();
        failing = () => controller.abort();
        return { signal: controller.signal };
      },
      'INTERRUPTED',
    );
    expect(steps).toBeGreaterThan(3);
    await restore();
  });
});

async function restore(): Promise<void> {
  await lake.change(`INSERT OVERWRITE t SELECT range, 'g' || (range % 3), range FROM range(30)`);
  await lake.session.execute(`DELETE FROM t WHERE id >= 30 OR g NOT IN ('g0', 'g1', 'g2')`);
}

test('files of a commit whose outcome is not known are kept', async () => {
  const before = await lake.stored();
  commitFailure = new CommitStateUnknownError('The connection was lost.');
  await expect(lake.session.execute(`INSERT INTO t VALUES (1000, 'g0', 0)`)).rejects.toBe(commitFailure);
  commitFailure = undefined;
  const added = (await lake.stored()).filter(file => !before.includes(file));
  // The data file, its manifest and the manifest list.
  expect(added).toHaveLength(3);
});

test('a running statement is interrupted at once', async () => {
  const before = await state();
  const endless = `UPDATE t SET n = (SELECT count(*) FROM range(1000000000) a, range(1000000000) b)`;
  const started = Promise.withResolvers<void>();
  const running = lake.session.execute(endless, {
    onProgress: ({ phase }) => phase === 'finding rows' && started.resolve(),
  });
  await Promise.race([started.promise, running]);
  lake.session.interrupt();
  await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(await state()).toEqual(before);
});

test('progress is told in phases', async () => {
  const phases = new Set<string>();
  await lake.session.execute(`UPDATE t SET n = 0 WHERE id = 1`, {
    onProgress: ({ phase }) => phases.add(phase),
  });
  expect([...phases]).toEqual(expect.arrayContaining(['planning', 'publishing', 'committing']));
});
