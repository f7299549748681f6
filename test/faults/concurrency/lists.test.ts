import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { localPlace, minioPlace, OpenLake, type Place, restPlace } from '../support/lakes.ts';
import { calls, long, writers } from '../support/modes.ts';
import { runTogether } from '../support/processes.ts';
import { type Recorded, readLog } from '../support/recorder.ts';
import { checkHistory, type Transaction } from './history.ts';
import { itemsOf, type Job, type ListAnswer, type ListCall, listsOf, mergedKeys } from './lists.child.ts';

const script = path.join(import.meta.dirname, 'lists.child.ts');
/** With the format versions to try. mixed.test.ts takes every place in CI too. */
const places: Record<string, [() => Promise<Place>, readonly number[]]> = {
  'SQLite, local': [localPlace, long ? [2, 3] : [3]],
  ...(long ? { 'SQLite, MinIO': [minioPlace, [2, 3]], 'REST, MinIO': [restPlace, [2, 3]] } : {}),
};

describe.each(Object.entries(places))('%s', (_, [start, versions]) => {
  test.each(versions)(
    'transactions of several processes are strictly serializable, format version %i',
    async version => {
      const place = await start();
      try {
        Object.assign(process.env, place.env);
        const open = await OpenLake.open(place.folder);
        const properties = `TBLPROPERTIES ('format-version' = '${version}')`;
        await open.session.execute(`CREATE TABLE lists (k INT, g INT, vals BIGINT[], seen VARCHAR) PARTITIONED BY (g) ${properties};
        CREATE TABLE items (k INT, place INT, v BIGINT, seen BIGINT[]) ${properties}`);
        const jobs = Array.from({ length: writers }, (_, process): Job => {
          return { folder: place.folder, process, calls, seed: 1000 * version + process };
        });
        const logs = await runTogether(script, jobs, place.env);
        const made = logs.flatMap((log, process) => readLog<ListCall, ListAnswer>(process, log));
        const history = made.flatMap(transactionOf);
        const keys = [...new Set(history.flatMap(({ appends }) => appends.map(({ key }) => key)))];
        const reads = [
          ...(await listsOf(
            open,
            keys.filter(key => key < mergedKeys),
          )),
          ...(await itemsOf(
            open,
            keys.filter(key => key >= mergedKeys),
          )),
        ];
        await open.close();
        const last = Math.max(...made.map(({ completed }) => completed).filter(Number.isFinite));
        const final = { outcome: 'ok', invoked: last + 1, completed: last + 2, reads, appends: [] } as const;
        report(made);
        expect(checkHistory([...history, { ...final, id: history.length }])).toEqual([]);
        for (const { error } of made)
          if (error !== undefined) expect(allowed, error.message).toContain(error.code);
        // However slow the machine is, most get through.
        expect(made.filter(({ outcome }) => outcome === 'ok').length).toBeGreaterThan(made.length / 2);
      } finally {
        await place.stop();
      }
    },
  );
});

/** What may be refused, with nothing changed. */
const allowed = ['COMMIT_CONFLICT'];

function transactionOf({ call, answer, ...rest }: Recorded<ListCall, ListAnswer>): Transaction[] {
  if (!('appends' in call)) return [];
  const { process, number, outcome, invoked, completed } = rest;
  return [
    {
      id: process * 10_000 + number,
      outcome,
      invoked,
      completed,
      reads: answer ?? [],
      appends: call.appends,
    },
  ];
}

function report(made: readonly Recorded<ListCall, ListAnswer>[]): void {
  const start = Math.min(...made.map(({ invoked }) => invoked));
  const end = Math.max(...made.map(({ completed }) => completed).filter(Number.isFinite));
  const failed = made.filter(({ outcome }) => outcome !== 'ok');
  const byKind = Map.groupBy(failed, ({ call, error }) => `${call.kind}: ${error?.code}`);
  const told = [...byKind].map(([kind, all]) => `${kind} ${all.length}`).join(', ');
  console.log(`${made.length} calls in ${Math.round((end - start) / 1e6)} s; refused: ${told || 'none'}`);
}
