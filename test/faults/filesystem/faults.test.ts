import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommitStateUnknownError, LakebookError } from '../../../src/iceberg/errors.ts';
import { changingCalls, cleaningCalls, type DiskCall, DiskCalls, type Fate } from '../support/disk-calls.ts';
import { OpenLake } from '../support/lakes.ts';
import { long } from '../support/modes.ts';
import { expectOrphansFound } from '../support/orphans.ts';
import { type LakeState, LakeTemplate } from '../support/template.ts';
import { changes, prepareLake } from './changes.ts';

/** A system's code, and what a person is told. */
const codes: Readonly<Record<string, readonly string[]>> = {
  ENOSPC: ['DISK_FULL'],
  EROFS: ['READ_ONLY'],
  EIO: ['IO_ERROR'],
  EACCES: ['PERMISSION_DENIED', 'READ_ONLY'],
};
const systemCodes = Object.keys(codes);

let template: LakeTemplate;
let calls: DiskCalls;
let open: OpenLake;
let before: LakeState;

type Change = (open: OpenLake) => Promise<unknown>;

interface Done {
  readonly rows: unknown;
  /** How many calls it took. */
  readonly calls: number;
  readonly changingCalls: number;
}

beforeAll(async () => {
  template = await LakeTemplate.make((lake, folder) => prepareLake(lake, folder, 2));
  calls = DiskCalls.watch(path.join(template.folder, '.lakebook'));
  open = await OpenLake.open(template.folder);
  before = await template.state();
});

afterAll(async () => {
  await open.close();
  await template.remove();
});

/** Makes a change while calls fail as `fate` says; answers the error, and the first call that was to fail. */
async function attempt(
  change: Change,
  fate: (call: DiskCall) => Fate | undefined,
): Promise<{ readonly error?: unknown; readonly failed?: DiskCall }> {
  let failed: DiskCall | undefined;
  calls.reset();
  calls.decide = call => {
    const found = fate(call);
    if (found !== undefined) failed ??= call;
    return found;
  };
  try {
    await change(open);
    return { failed };
  } catch (error) {
    return { error, failed };
  } finally {
    calls.reset();
  }
}

/** A failure that a person can act on, with nothing changed but what the orphan clean-up takes away again. */
async function expectUnchanged(
  error: unknown,
  code: string,
  failed: DiskCall,
  forGood: boolean,
): Promise<void> {
  const where = `${code} at ${failed.name} ${failed.path} (${failed.number}): ${String(error)}`;
  expect(error, where).toBeInstanceOf(LakebookError);
  expect(
    codesOf(error).some(told => codes[code]!.includes(told)),
    where,
  ).toBe(true);
  expect((error as LakebookError).hint, where).toBeTruthy();
  const after = await template.state();
  expect(after.tables, where).toEqual(before.tables);
  expect(after.rows, where).toEqual(before.rows);
  const litter = after.files.filter(file => !before.files.includes(file));
  if (!forGood && !cleaningCalls.has(failed.name)) expect(litter, where).toEqual([]);
  if (litter.length === 0) return;
  await expectOrphansFound(template.observer, 't', where);
  template.restore();
}

/** The code of an error and of those that caused it. */
function codesOf(error: unknown): string[] {
  return error instanceof LakebookError ? [error.code, ...codesOf(error.cause)] : [];
}

/** What becomes of the lake when nothing fails; it's as before then. */
async function afterCleanRun(change: Change): Promise<Done> {
  template.restore();
  let changed = 0;
  calls.reset();
  calls.decide = ({ name }) => {
    if (changingCalls.has(name)) changed++;
    return undefined;
  };
  await change(open);
  const done = { calls: calls.count, changingCalls: changed };
  calls.reset();
  const { rows } = await template.state();
  template.restore();
  return { ...done, rows };
}

/** The change was made, or nothing was. Leaves the lake as it was before. */
async function expectOutcome(
  error: unknown,
  { code }: { readonly code: string },
  failed: DiskCall | undefined,
  done: Done,
  forGood: boolean,
): Promise<void> {
  const where = `${code} at ${failed?.name} ${failed?.path} (${failed?.number}): ${String(error)}`;
  if (error !== undefined && !(error instanceof CommitStateUnknownError)) {
    expect(failed, where).toBeDefined();
    await expectUnchanged(error, code, failed!, forGood);
    return;
  }
  const { rows } = await template.state();
  // Of an unknown outcome either is right.
  if (error === undefined || JSON.stringify(rows) !== JSON.stringify(before.rows)) {
    expect(rows, where).toEqual(done.rows);
  }
  await expectOrphansFound(template.observer, 't', where);
  template.restore();
}

/** In CI each change is tried at every sixth call, beginning elsewhere each time; in the long run at all of them. */
const stride = long ? 1 : 6;
/** What happens to one call, in turn. */
const fates = (['fail', 'half', 'done and fail'] as const).flatMap(kind =>
  systemCodes.map((code): Fate & { code: string } => ({ kind, code })),
);

describe.each(Object.entries(changes).map(([name, change], index) => ({ name, change, index })))(
  '$name',
  ({ name, change, index }) => {
    test('is done or not done when one call fails', async () => {
      const done = await afterCleanRun(change);
      let failures = 0;
      for (let step = index % stride; step < done.calls; step += stride) {
        for (const fate of long ? fates : [fates[(step + index) % fates.length]!]) {
          const { error, failed } = await attempt(change, call => (call.number === step ? fate : undefined));
          if (error !== undefined) failures++;
          await expectOutcome(error, fate, failed, done, false);
        }
      }
      if (name !== 'find orphans') expect(failures).toBeGreaterThan(0);
    });

    test('is done or not done when all calls that change something fail from one on', async () => {
      const done = await afterCleanRun(change);
      for (let step = index % stride; step <= done.changingCalls; step += stride) {
        const code = systemCodes[(step + index) % systemCodes.length]!;
        let changing = 0;
        const { error, failed } = await attempt(change, call =>
          changingCalls.has(call.name) && changing++ >= step ? { kind: 'fail', code } : undefined,
        );
        await expectOutcome(error, { code }, failed, done, true);
      }
    });

    test('is done on a slow disk', async () => {
      const done = await afterCleanRun(change);
      const { error } = await attempt(change, () => ({ kind: 'slow', ms: 2 }));
      await expectOutcome(error, { code: '' }, undefined, done, false);
    });
  },
);
