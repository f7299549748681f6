import { ValidationError } from '../../../src/iceberg/errors.ts';
import type { Random } from './random.ts';
import type { FuzzTarget } from './target.ts';
import { agree } from './target.ts';

/** What each input does, by its number; the others are taken, or refused as they should be. */
export const faults: Readonly<Record<number, string>> = {
  3: 'loops for ever',
  5: 'ends the process',
  7: 'throws an error of JavaScript',
  9: 'takes a gigabyte',
  11: 'says undefined',
  13: 'fails later',
  15: 'answers wrongly',
  17: 'says nowhere',
};

let index = 0;
const kept: Buffer[] = [];

/** A target with one fault of every kind, for the test of what finds them. */
export function targetNamed(name: string): FuzzTarget {
  return {
    name,
    share: 1,
    open: async () => ({
      input: (random: Random) => `${random.next()}`,
      async run() {
        const [, , job] = process.argv;
        const number = (JSON.parse(job!) as { from: number }).from + index++;
        switch (faults[number]) {
          case 'loops for ever':
            for (;;) if (Math.random() > 2) break;
            break;
          case 'ends the process':
            process.kill(process.pid, 'SIGKILL');
            // The signal comes at once or soon.
            await new Promise(() => setInterval(() => undefined, 1000));
            break;
          case 'throws an error of JavaScript':
            (undefined as unknown as string).trim();
            break;
          case 'takes a gigabyte':
            kept.push(Buffer.alloc(1 << 30, 1));
            kept.length = 0;
            break;
          case 'says undefined':
            throw new ValidationError('There is no column undefined.');
          case 'fails later':
            void Promise.reject(new Error('nobody waits for this'));
            await new Promise(resolve => setTimeout(resolve, 0));
            break;
          case 'answers wrongly':
            agree('one', 1, 2);
            break;
          case 'says nowhere':
            throw new ValidationError('It is wrong.', { position: { line: 0, column: 0 } });
          default:
            if (number % 2 === 0) throw new ValidationError('It is not taken.');
        }
      },
    }),
  };
}
