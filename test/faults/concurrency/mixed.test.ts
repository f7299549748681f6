import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { localPlace, minioPlace, OpenLake, type Place, restPlace } from '../support/lakes.ts';
import { calls, writers } from '../support/modes.ts';
import { expectOrphansFound } from '../support/orphans.ts';
import { runTogether } from '../support/processes.ts';
import { readLog } from '../support/recorder.ts';
import type { Job } from './lists.child.ts';
import {
  type MixedAnswer,
  type MixedCall,
  type MixedRecord,
  Replay,
  readRows,
  sorted,
  versionsOf,
} from './model.ts';

const script = path.join(import.meta.dirname, 'mixed.child.ts');
const places: Record<string, [() => Promise<Place>, number]> = {
  'SQLite, local': [localPlace, 3],
  'SQLite, MinIO': [minioPlace, 2],
  'REST, MinIO': [restPlace, 3],
};

/** What may be refused, with nothing changed. */
const allowed = [
  'COMMIT_CONFLICT',
  // A rollback to what others have rolled back, or expired, meanwhile.
  'INVALID',
  'SNAPSHOT_NOT_FOUND',
];

describe.each(Object.entries(places))('%s', (name, [start, version]) => {
  const isRest = name.startsWith('REST');
  test('every kind of commit by several processes at once is wholly there or not at all', async () => {
    const place = await start();
    try {
      Object.assign(process.env, place.env);
      const open = await OpenLake.open(place.folder);
      await open.session.execute(`CREATE TABLE m (id BIGINT, p INT, n BIGINT) PARTITIONED BY (p) TBLPROPERTIES (
        'format-version' = '${version}', 'write.metadata.previous-versions-max' = '100000')`);
      const jobs = Array.from({ length: writers }, (_, process): Job => {
        return { folder: place.folder, process, calls, seed: 77 + process };
      });
      const logs = await runTogether(script, jobs, place.env);
      const records = logs.flatMap((log, process) => readLog<MixedCall, MixedAnswer>(process, log));
      report(records);
      const [first, ...commits] = await versionsOf(open.lake, 'm');
      const replay = new Replay(first!);
      replay.advance(commits, records);
      expect(replay.faults).toEqual([]);
      await expectRows(open, replay);
      // Not even a refused commit left a file; Iceberg's server leaves the metadata of those that it refused.
      const left = await expectOrphansFound(open, 'm');
      expect(left.filter(file => !isRest || !file.endsWith('.metadata.json'))).toEqual([]);
      const refused = records.filter(({ outcome }) => outcome !== 'ok');
      for (const { call, error } of refused)
        expect(allowed, `${call.kind}: ${error?.message}`).toContain(error!.code);
      const lost = refused.filter(({ call }) => call.kind !== 'rollback');
      expect(lost.length, lost.map(({ call }) => call.kind).join()).toBeLessThan(records.length / 2);
      await open.close();
    } finally {
      await place.stop();
    }
  });
});

/** All snapshots that are left have the rows they should have, read by a process that has seen nothing of it. */
async function expectRows(open: OpenLake, { states, rows }: Replay): Promise<void> {
  const { metadata } = await open.table('m');
  expect(await readRows(open)).toEqual(rows);
  for (const { snapshotId } of metadata.snapshots) {
    const rows = await readRows(open, `AT (VERSION => ${snapshotId})`);
    expect(rows, `snapshot ${snapshotId}`).toEqual(sorted(states.get(snapshotId)!));
  }
}

function report(records: readonly MixedRecord[]): void {
  const start = Math.min(...records.map(({ invoked }) => invoked));
  const end = Math.max(...records.map(({ completed }) => completed).filter(Number.isFinite));
  const told = [...Map.groupBy(records, ({ call }) => call.kind)].map(([kind, all]) => {
    const refused = Map.groupBy(
      all.filter(({ outcome }) => outcome !== 'ok'),
      ({ error }) => error!.code,
    );
    const why = [...refused].map(([code, of]) => `${of.length} ${code}`).join(', ');
    return `${all.length} ${kind}${why && ` (${why})`}`;
  });
  console.log(`${records.length} calls in ${Math.round((end - start) / 1e6)} s: ${told.join(', ')}`);
}
