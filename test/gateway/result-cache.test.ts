import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Catalog, LoadedTable } from '../../src/catalog/catalog.ts';
import { ResultCache } from '../../src/gateway/query/result-cache.ts';
import { NotFoundError } from '../../src/iceberg/errors.ts';
import { TestGateway } from './support.ts';

/** A catalog of tables that have a state each. */
class States {
  readonly states = new Map<string, number>();
  readonly catalog = {
    loadTable: async ({ name }: { name: string }) => this.table(name),
  } as unknown as Catalog;

  table(name: string): LoadedTable {
    const state = this.states.get(name);
    if (state === undefined) throw new NotFoundError('table', name);
    return {
      identifier: { namespace: ['n'], name },
      metadataLocation: `${name}/${state}`,
    } as unknown as LoadedTable;
  }
}

describe('answers', () => {
  test('are those of the present, whatever is asked and changed in between', async () => {
    const names = ['a', 'b'];
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('ask' as const),
        reads: fc.subarray(names),
        size: fc.integer({ min: 1, max: 30 }),
      }),
      fc.record({ kind: fc.constant('change' as const), name: fc.constantFrom(...names) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const states = new States();
        for (const name of names) states.states.set(name, 0);
        const cache = new ResultCache<string>(states.catalog, 2_000);
        for (const each of steps) {
          if (each.kind === 'change') {
            states.states.set(each.name, states.states.get(each.name)! + 1);
            continue;
          }
          const now = () => each.reads.map(name => `${name}${states.states.get(name)}`).join();
          const { value } = await cache.answer(each.reads.join(), async () => ({
            value: now(),
            reads: each.reads.map(name => states.table(name)),
            size: each.size,
          }));
          expect(value).toBe(now());
          expect(cache.size).toBeLessThanOrEqual(2_000);
        }
      }),
    );
  });

  test('are made once for those who ask at the same time, and again when that fails', async () => {
    const states = new States();
    states.states.set('a', 0);
    const cache = new ResultCache<number>(states.catalog, 1e6);
    let made = 0;
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const make = async () => {
      const reads = [states.table('a')];
      made++;
      await go;
      return { value: made, reads, size: 1 };
    };
    const all = Promise.all(Array.from({ length: 5 }, () => cache.answer('q', make)));
    resolve();
    expect((await all).map(({ value, isHit }) => [value, isHit])).toEqual([
      [1, false],
      ...Array(4).fill([1, true]),
    ]);
    states.states.set('a', 1);
    const failing = cache.answer('q', async () => {
      throw new Error('its client left');
    });
    const other = cache.answer('q', make);
    await expect(failing).rejects.toThrow('left');
    expect((await other).value).toBe(2);
  });

  test('that began before a change are not for those who ask after it', async () => {
    const states = new States();
    states.states.set('a', 0);
    const cache = new ResultCache<number>(states.catalog, 1e6);
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const make = async () => {
      const reads = [states.table('a')];
      const value = states.states.get('a')!;
      await go;
      return { value, reads, size: 1 };
    };
    const before = cache.answer('q', make);
    states.states.set('a', 7);
    const after = cache.answer('q', make);
    resolve();
    expect([(await before).value, (await after).value]).toEqual([0, 7]);
  });
});

describe('the gateway', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await TestGateway.open();
    await gateway.ingest('sales', 'id,age\n1,40\n2,50\n', '?create=true');
  });
  afterAll(() => gateway.close());

  const twice = async (sql: string, more: object = {}) => {
    await gateway.query(sql, more);
    return (await gateway.query(sql, more)).headers.get('x-cache');
  };

  test.each([
    'SELECT count(*) FROM sales',
    'SELECT max(age), upper($t) FROM sales WHERE id < $n',
    "SELECT date_trunc('month', DATE '2026-01-31')",
  ])('keeps the answer of %s', async sql => {
    expect(await twice(sql, { parameters: { t: 'x', n: 2 } })).toBe('hit');
  });

  test.each([
    'SELECT now()',
    'SELECT current_timestamp',
    'SELECT current_date',
    'SELECT localtimestamp',
    'SELECT today()',
    "SELECT age(DATE '2020-01-01')",
    'SELECT random()',
    'SELECT uuid()',
    'SELECT * FROM sales USING SAMPLE 1 ROWS',
    'SELECT * FROM sales WHERE id < (SELECT 2 + random())',
    'SELECT count(*) FROM SALES',
  ])('does not keep that of %s', async sql => {
    const { status } = await gateway.query(sql);
    expect([status, await twice(sql)]).toEqual([200, 'miss']);
  });

  test('sees each commit at once, parameters and versions apart', async () => {
    const sql = 'SELECT count(*) FROM sales WHERE id < $n';
    const count = async (more: object) => (await gateway.query(sql, more)).body.rows[0][0];
    const low = { parameters: { n: 2 } };
    const all = { parameters: { n: 100 } };
    expect([await count(low), await count(all), await count(low), await count(all)]).toEqual([1, 2, 1, 2]);
    const { snapshot_id: snapshot } = (await gateway.get('/tables/sales')).body;
    for (let n = 3; n < 6; n++) {
      await gateway.ingest('sales', `id,age\n${n},1\n`);
      expect(await count(all)).toBe(n);
      expect(await count({ ...all, snapshot })).toBe(2);
    }
  });
});
