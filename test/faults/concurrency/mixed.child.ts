// One of several processes that change a table in every way there is. Argument: a Job (see lists.child.ts). What each
// change makes of the table's rows is in model.ts.

import { rollback } from '../../../src/engine/ddl/index.ts';
import { upsertRows } from '../../../src/engine/dml/index.ts';
import { compact, expireSnapshots } from '../../../src/engine/maintain/index.ts';
import { killSelfAt } from '../support/disk-calls.ts';
import { OpenLake } from '../support/lakes.ts';
import { waitForGo } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { Recorder } from '../support/recorder.ts';
import type { Job } from './lists.child.ts';
import { type MixedAnswer, type MixedCall, partitions, readRows, sharedKeys } from './model.ts';

/** Snapshots that expiry leaves; a statement's must live for as long as it runs. */
const keptSnapshots = 40;

if (import.meta.main) await main(JSON.parse(process.argv[2]!) as Job);

async function main({ folder, process, calls, seed, killAt }: Job): Promise<void> {
  const random = new Random(seed);
  const open = await OpenLake.open(folder);
  const recorder = new Recorder<MixedCall, MixedAnswer>();
  const columns: string[] = [];
  let own: bigint | undefined;
  const changed = async (sql: string): Promise<MixedAnswer> => {
    const { rowsInserted, rowsUpdated, rowsDeleted, snapshotId } = await open.change(sql);
    own = snapshotId ?? own;
    return { snapshotId: snapshotId?.toString(), counts: [rowsInserted, rowsUpdated, rowsDeleted] };
  };

  await waitForGo();
  if (killAt !== undefined) killSelfAt(folder, killAt);
  for (let i = 0; i < calls; i++) {
    const kind = random.weighted({
      append: 30,
      upsert: 14,
      delete: 8,
      update: 12,
      evolve: 6,
      compact: 6,
      expire: 5,
      rollback: 4,
      read: 10,
    });
    const p = random.below(partitions);
    switch (kind) {
      case 'append': {
        const first = 1_000_000 * (process + 1) + 100 * i;
        const ids = Array.from({ length: 1 + random.below(4) }, (_, index) => first + index);
        await recorder.call({ kind, p, ids }, () =>
          changed(`INSERT INTO m (id, p, n) VALUES ${ids.map(id => `(${id}, ${p}, 0)`).join(', ')}`),
        );
        break;
      }
      case 'upsert': {
        const rows = random.some(sharedKeys, 1 + random.below(4)).map(id => ({ id, n: 1000 * i + process }));
        await recorder.call({ kind, rows }, async () => {
          const values = rows.map(({ id, n }) => `(${id}, ${id % partitions}, ${n})`).join(', ');
          const result = await upsertRows(
            open.session,
            {
              table: await open.table('m'),
              sourceSql: `SELECT * FROM (VALUES ${values}) AS s(id, p, n)`,
              on: ['id'],
            },
            {},
          );
          own = result.snapshotId ?? own;
          const counts = [result.rowsInserted, result.rowsUpdated, result.rowsDeleted];
          return { snapshotId: result.snapshotId?.toString(), counts };
        });
        break;
      }
      case 'delete':
      case 'update': {
        const [divisor, rest] = [3, random.below(3)];
        const where = `WHERE p = ${p} AND id % ${divisor} = ${rest}`;
        await recorder.call({ kind, p, divisor, rest }, () =>
          changed(kind === 'delete' ? `DELETE FROM m ${where}` : `UPDATE m SET n = n + 1 ${where}`),
        );
        break;
      }
      case 'evolve': {
        const dropped = columns.length > 2 ? columns.shift() : undefined;
        const column = dropped ?? `c_${process}_${i}`;
        const outcome = await recorder.call({ kind, column, drop: dropped !== undefined }, async () => {
          await open.session.execute(
            `ALTER TABLE m ${dropped === undefined ? 'ADD' : 'DROP'} COLUMN ${column}${dropped === undefined ? ' INT' : ''}`,
          );
          return {};
        });
        if (outcome !== undefined && dropped === undefined) columns.push(column);
        break;
      }
      case 'compact':
        await recorder.call({ kind }, async () => {
          const options = { 'min-input-files': '2' };
          const { snapshotId } = await compact(open.session, { table: await open.table('m'), options }, {});
          return { snapshotId: snapshotId?.toString() };
        });
        break;
      case 'expire':
        await recorder.call({ kind }, async () => {
          const table = await open.table('m');
          const { snapshots, failed } = await expireSnapshots(
            open.session,
            { table, olderThanMs: Date.now(), keep: keptSnapshots },
            {},
          );
          return { expired: snapshots, failed: failed.length };
        });
        break;
      case 'rollback': {
        const to = own;
        if (to === undefined) break;
        await recorder.call({ kind, to: String(to) }, async () => {
          const { text } = await rollback(open.session, await open.table('m'), to);
          return { moved: !text.includes('nothing changed') };
        });
        break;
      }
      default:
        await recorder.call({ kind }, async () => ({ rows: await readRows(open) }));
    }
  }
  await open.close();
}
