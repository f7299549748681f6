import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changes, prepareLake } from '../filesystem/changes.ts';
import { long } from '../support/modes.ts';
import { expectOrphansFound, expectOrphansRemoved } from '../support/orphans.ts';
import { go, startProcess } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { type LakeState, LakeTemplate } from '../support/template.ts';
import type { Job } from './change.child.ts';

const script = path.join(import.meta.dirname, 'change.child.ts');

let template: LakeTemplate;
let before: LakeState;
beforeAll(async () => {
  template = await LakeTemplate.make((open, folder) => prepareLake(open, folder, 3));
  before = await template.state();
});
afterAll(() => template.remove());

/** Makes a change in a process that kills itself before a call of the disk; answers whether it was acknowledged. */
async function killedAt(change: string, killAt: number): Promise<boolean> {
  template.restore();
  const child = startProcess(script, { folder: template.folder, change, killAt } satisfies Job);
  await child.isReady;
  go(child);
  expect(await child.ended, child.errors()).toBe('SIGKILL');
  return child.log().includes('acknowledged');
}

describe('a process is killed in the middle of', () => {
  test.each(Object.keys(changes).map((change, index) => ({ change, index })))(
    '$change',
    async ({ change, index }) => {
      template.restore();
      await changes[change]!(template.observer);
      const done = await template.state();
      const random = new Random(index);
      let acknowledged = false;
      // All of them one after the other in the long run, until one comes too late; in CI a few.
      for (let turn = 0; long ? !acknowledged : turn < 1; turn++) {
        const killAt = long ? turn : random.below(60);
        acknowledged = await killedAt(change, killAt);
        const where = `killed at ${killAt}`;
        const after = await template.state();
        // Between them there is nothing; what was acknowledged is there.
        if (acknowledged || JSON.stringify(after.rows) !== JSON.stringify(before.rows)) {
          expect(after.rows, where).toEqual(done.rows);
          expect(Object.keys(after.tables), where).toEqual(Object.keys(done.tables));
        } else expect(Object.keys(after.tables).length, where).toBeGreaterThan(1);
        await expectOrphansFound(template.observer, 't', where);
        await expectOrphansRemoved(template.observer, 't', where);
        // The next writer finds no lock and no half of anything.
        await template.observer.session.execute('CREATE TABLE next AS SELECT * FROM t');
        expect((await template.state()).rows.t, where).toEqual(after.rows.t);
      }
    },
  );
});
