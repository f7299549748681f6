// One of several processes that append to and read the lists of a table, for history.ts to judge; between them the
// table is compacted, evolved and expired. Argument: a Job.
import { compact, expireSnapshots } from '../../../src/engine/maintain/index.ts';
import { OpenLake } from '../support/lakes.ts';
import { waitForGo } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { Recorder } from '../support/recorder.ts';
import type { Key, Transaction, Value } from './history.ts';

export interface Job {
  readonly folder: string;
  readonly process: number;
  readonly calls: number;
  readonly seed: number;
  /** The process kills itself before its call of the disk with this number. */
  readonly killAt?: number;
}

/** What is asked of the lake; reads are in the answer. */
export type ListCall =
  | {
      readonly kind: 'append' | 'read' | 'read and append' | 'insert';
      readonly keys: readonly Key[];
      readonly appends: Transaction['appends'];
    }
  | { readonly kind: 'compact' | 'evolve' | 'expire' };
export type ListAnswer = Transaction['reads'];

/** Keys that rows are merged into, and keys whose lists are rows of a table that is only inserted into. */
export const mergedKeys = 1000;

if (import.meta.main) await main(JSON.parse(process.argv[2]!) as Job);

async function main({ folder, process, calls, seed }: Job): Promise<void> {
  const random = new Random(seed);
  const open = await OpenLake.open(folder);
  const recorder = new Recorder<ListCall, ListAnswer>();
  let values = 0;
  const newValue = (): Value => process * 1_000_000 + ++values;

  const merge = (appends: Transaction['appends'], seen: string) =>
    open.change(`MERGE INTO lists AS t USING (VALUES ${appends.map(({ key, value }) => `(${key}, ${value})`)}) AS s(k, v)
      ON t.k = s.k WHEN MATCHED THEN UPDATE SET vals = list_append(t.vals, s.v), seen = ${seen}
      WHEN NOT MATCHED THEN INSERT (k, g, vals, seen) VALUES (s.k, s.k % 3, [s.v], ${seen})`);

  await waitForGo();
  for (let i = 0; i < calls; i++) {
    // Keys come and go, so that lists stay short and every key has its first time.
    const first = Math.floor(i / 12);
    const keys = [0, 1, 2, 3].map(offset => first + offset);
    const appendsTo = (some: readonly Key[]) => some.map(key => ({ key, value: newValue() }));
    const kind = random.weighted({
      append: 8,
      update: 4,
      read: 8,
      'read and append': 5,
      insert: 5,
      compact: 1,
      evolve: 0.5,
      expire: 0.5,
    });
    switch (kind) {
      case 'append': {
        const appends = appendsTo(random.some(keys, 1 + random.below(3)));
        await recorder.call({ kind, keys: [], appends }, async () => {
          await merge(appends, 'NULL');
          return [];
        });
        break;
      }
      case 'update': {
        // Of a key without a row there is nothing to update: then nothing was written.
        const [append] = appendsTo([random.pick(keys)]) as [Transaction['appends'][number]];
        await recorder.call({ kind: 'append', keys: [], appends: [append] }, async () => {
          const sql = `UPDATE lists SET vals = list_append(vals, ${append.value}) WHERE k = ${append.key}`;
          if ((await open.change(sql)).rowsUpdated === 0) await merge([append], 'NULL');
          return [];
        });
        break;
      }
      case 'read': {
        const asked = random.some(keys, 1 + random.below(4));
        const inserted = asked.map(key => mergedKeys + key);
        if (random.below(3) > 0)
          await recorder.call({ kind, keys: asked, appends: [] }, () => listsOf(open, asked));
        else await recorder.call({ kind, keys: inserted, appends: [] }, () => itemsOf(open, inserted));
        break;
      }
      case 'read and append': {
        // In one statement; what it read stands in the rows that it wrote.
        const [key, ...asked] = random.some(keys, 2 + random.below(2)) as [Key, ...Key[]];
        const appends = appendsTo([key]);
        await recorder.call({ kind, keys: asked, appends }, async () => {
          const seen = `(SELECT to_json(map(list(k), list(vals)))::VARCHAR FROM lists WHERE k IN (${asked}))`;
          const { snapshotId } = await merge(appends, seen);
          const [row] = await open.rows(
            `SELECT seen FROM lists AT (VERSION => ${snapshotId}) WHERE k = ${key}`,
          );
          const lists = JSON.parse(String(row![0] ?? '{}')) as Record<string, Value[]>;
          return asked.map(each => ({ key: each, values: lists[each] ?? [] }));
        });
        break;
      }
      case 'insert': {
        // Reads the list that it appends to.
        const key = mergedKeys + random.pick(keys);
        const appends = appendsTo([key]);
        await recorder.call({ kind, keys: [key], appends }, async () => {
          const { value } = appends[0]!;
          const { snapshotId } = await open.change(`INSERT INTO items
            SELECT ${key}, coalesce(max(place), 0) + 1, ${value}, list(v ORDER BY place) FROM items WHERE k = ${key}`);
          const at = `AT (VERSION => ${snapshotId})`;
          const [row] = await open.rows(`SELECT seen FROM items ${at} WHERE k = ${key} AND v = ${value}`);
          return [{ key, values: valuesOf(row![0]) }];
        });
        break;
      }
      case 'compact':
        await recorder.call({ kind }, async () => {
          const options = { 'min-input-files': '2' };
          for (const name of ['lists', 'items'])
            await compact(open.session, { table: await open.table(name), options }, {});
          return [];
        });
        break;
      case 'evolve':
        await recorder.call({ kind }, async () => {
          await open.session.execute(`ALTER TABLE lists ADD COLUMN c_${process}_${i} INT`);
          return [];
        });
        break;
      default:
        await recorder.call({ kind }, async () => {
          const table = await open.table('lists');
          await expireSnapshots(open.session, { table, olderThanMs: Date.now(), keep: 60 });
          return [];
        });
    }
  }
  await open.close();
}

/** The lists of keys that rows are merged into, at one snapshot. */
export async function listsOf(open: OpenLake, keys: readonly Key[]): Promise<ListAnswer> {
  const rows = await open.rows(`SELECT k, vals FROM lists WHERE k IN (${keys.join(', ')})`);
  return keys.map(key => ({ key, values: valuesOf(rows.find(row => Number(row[0]) === key)?.[1]) }));
}

/** The lists of keys that rows are inserted for, at one snapshot. */
export async function itemsOf(open: OpenLake, keys: readonly Key[]): Promise<ListAnswer> {
  const rows = await open.rows(
    `SELECT k, list(v ORDER BY place, v) FROM items WHERE k IN (${keys.join(', ')}) GROUP BY k`,
  );
  return keys.map(key => ({ key, values: valuesOf(rows.find(row => Number(row[0]) === key)?.[1]) }));
}

function valuesOf(list: unknown): Value[] {
  return list === undefined || list === null ? [] : (list as unknown[]).map(Number);
}
