import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Job } from '../concurrency/lists.child.ts';
import {
  type MixedAnswer,
  type MixedCall,
  type MixedRecord,
  Replay,
  readRows,
  versionsOf,
} from '../concurrency/model.ts';
import { localPlace, OpenLake } from '../support/lakes.ts';
import { long } from '../support/modes.ts';
import { expectOrphansFound, expectOrphansRemoved } from '../support/orphans.ts';
import { go, startProcess } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { now, readLog } from '../support/recorder.ts';

const script = path.join(import.meta.dirname, '..', 'concurrency', 'mixed.child.ts');
const [lakes, rounds] = long ? [20, 50] : [1, 8];

test.each(Array.from({ length: lakes }, (_, lake) => lake))(
  'writers are killed again and again: lake %i',
  async lake => {
    const place = await localPlace();
    const random = new Random(lake);
    try {
      const open = await OpenLake.open(place.folder);
      await open.session.execute(`CREATE TABLE m (id BIGINT, p INT, n BIGINT) PARTITIONED BY (p) TBLPROPERTIES (
      'format-version' = '${2 + (lake % 2)}', 'write.metadata.previous-versions-max' = '100000')`);
      const [first] = await versionsOf(open.lake, 'm');
      const replay = new Replay(first!);
      let killed = 0;
      let removed = 0;
      for (let round = 0; round < rounds; round++) {
        const records = await killOneOfTwo(place.folder, round, random);
        killed += records.filter(({ outcome }) => outcome === 'unknown').length;
        replay.advance(await versionsOf(open.lake, 'm', replay.last.location), records);
        const where = `round ${round}`;
        expect(replay.faults, where).toEqual([]);
        // A process that has seen nothing of it.
        const fresh = await OpenLake.open(place.folder);
        expect(await readRows(fresh), where).toEqual(replay.rows);
        await expectOrphansFound(fresh, 'm', where);
        if (round % 4 === 3) removed += await expectOrphansRemoved(fresh, 'm', where);
        await fresh.close();
      }
      console.log(
        `${replay.last.location.replace(/.*\/0*(\d+)-.*/, '$1')} commits, ${killed} calls cut off, ${removed} orphans`,
      );
      expect(killed).toBeGreaterThan(0);
      await open.close();
    } finally {
      await place.stop();
    }
  },
);

/** Two processes change the table, of which one is killed; answers what both did. */
async function killOneOfTwo(folder: string, round: number, random: Random): Promise<MixedRecord[]> {
  const seed = random.below(1_000_000);
  const job = { folder, calls: 4, seed };
  // At one of its calls of the disk, or at any time, which is also in the middle of what DuckDB or SQLite do.
  const atCall = round % 2 === 0;
  const [process, other] = [2 * round, 2 * round + 1];
  const victim = startProcess(script, {
    ...job,
    process,
    calls: 1000,
    ...(atCall ? { killAt: random.below(500) } : {}),
  } satisfies Job);
  const survivor = startProcess(script, { ...job, process: other, seed: seed + 1 } satisfies Job);
  try {
    await Promise.all([victim.isReady, survivor.isReady]);
    go(victim);
    go(survivor);
    if (!atCall) {
      await delay(100 + random.below(3000));
      victim.child.kill('SIGKILL');
    }
    expect(await victim.ended, victim.errors()).toBe('SIGKILL');
    const death = now();
    expect(await survivor.ended, survivor.errors()).toBe(0);
    return [
      // What a process had not done when it died it did never.
      ...readLog<MixedCall, MixedAnswer>(process, victim.log()).map(record =>
        record.outcome === 'unknown' ? { ...record, completed: death } : record,
      ),
      ...readLog<MixedCall, MixedAnswer>(other, survivor.log()),
    ];
  } finally {
    victim.child.kill('SIGKILL');
    survivor.child.kill('SIGKILL');
  }
}
