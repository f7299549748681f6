import { expect, test } from 'vitest';
import { fuzz } from './job.ts';
import { faults } from './planted.ts';
import { Random } from './random.ts';
import { targets } from './targets/index.ts';

test('a fault of every kind is found, by the input that has it, and the others are gone through', async () => {
  const report = await fuzz('planted', {
    module: './planted.ts',
    seed: '1',
    inputs: 20,
    limitMs: 2000,
    memoryMb: 256,
  });
  const found = Object.fromEntries(report.findings.map(({ index, message }) => [index, message]));
  expect(found).toEqual({
    3: expect.stringMatching(/^no end after/),
    5: expect.stringMatching(/^the process ended with SIGKILL/),
    7: expect.stringMatching(/^TypeError: /),
    9: expect.stringMatching(/^Error: memory grew by \d+ MiB/),
    11: expect.stringContaining('"undefined" in a message'),
    13: expect.stringContaining('nobody waits for this'),
    15: expect.stringContaining('one: 1 is not 2'),
    17: expect.stringContaining('An error at 0:0'),
  });
  expect(Object.keys(found).map(Number)).toEqual(Object.keys(faults).map(Number));
}, 300_000);

test('an input follows from seed, target and number alone', async () => {
  for (const { name, open } of targets.filter(({ share }) => share >= 20).slice(0, 12)) {
    const [one, other] = [await open(), await open()];
    for (let index = 0; index < 20; index++) {
      const inputs = [one, other].map(target => target.input(new Random(`7 ${name} ${index}`)));
      expect([
        name,
        index,
        Buffer.from(inputs[0] as string).equals(Buffer.from(inputs[1] as string)),
      ]).toEqual([name, index, true]);
    }
    await one.close?.();
    await other.close?.();
  }
});
