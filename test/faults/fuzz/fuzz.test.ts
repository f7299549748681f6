import { expect, test } from 'vitest';
import { fuzz } from './job.ts';
import { targets } from './targets/index.ts';

/*
 * A short run over every target; the long one is `npm run fuzz`. LAKEBOOK_FUZZ_SEED draws other inputs,
 * LAKEBOOK_FUZZ_INPUTS more of them over all targets.
 */
const seed = process.env.LAKEBOOK_FUZZ_SEED ?? '20261125';
const inputs = Number(process.env.LAKEBOOK_FUZZ_INPUTS ?? 30_000);
const shares = targets.reduce((sum, target) => sum + target.share, 0);

test.each(targets.map(target => [target.name, target] as const))(
  '%s: whatever comes is taken or refused with an error, in bounded time and memory',
  async (name, { share }) => {
    const report = await fuzz(name, {
      seed,
      inputs: Math.max(40, Math.ceil((inputs * share) / shares)),
      limitMs: 60_000,
      memoryMb: 768,
    });
    expect(report.findings).toEqual([]);
    // Inputs that are all refused at the first byte, or all taken, would show nothing.
    expect(report.accepted).toBeGreaterThan(0);
    expect(report.refused + report.accepted + report.engineFailures).toBe(report.inputs);
  },
  900_000,
);
