import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ByteRange } from '../../../../src/iceberg/io.ts';
import { pieces, requestsFor, subtract, totalBytes, union } from '../../../../src/storage/s3/cache/ranges.ts';

const size = 60;
const range = fc
  .tuple(fc.integer({ min: 0, max: size }), fc.integer({ min: 0, max: 12 }))
  .map(([start, length]) => ({ start, end: Math.min(size, start + length) }));
const ranges = fc.array(range, { maxLength: 8 });

const bytesOf = (list: readonly ByteRange[]) => {
  const bytes = new Set<number>();
  for (const { start, end } of list) for (let at = start; at < end; at++) bytes.add(at);
  return bytes;
};
const isNormal = (list: readonly ByteRange[]) =>
  list.every(({ start, end }, i) => end > start && (i === 0 || list[i - 1]!.end < start));

test('union holds the same bytes, in order and apart', () => {
  fc.assert(
    fc.property(ranges, list => {
      const result = union(list);
      expect(bytesOf(result)).toEqual(bytesOf(list));
      expect(isNormal(result)).toBe(true);
      expect(totalBytes(result)).toBe(bytesOf(list).size);
    }),
  );
});

test('subtract leaves what is not present', () => {
  fc.assert(
    fc.property(ranges, ranges, (wanted, present) => {
      const result = subtract(wanted, present);
      expect(bytesOf(result)).toEqual(bytesOf(wanted).difference(bytesOf(present)));
      expect(isNormal(result)).toBe(true);
    }),
  );
});

test('requests hold all that is wanted, little else, in pieces', () => {
  fc.assert(
    fc.property(
      ranges,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 20 }),
      (wanted, waste, pieceBytes) => {
        const result = requestsFor(wanted, { waste, pieceBytes });
        const needed = bytesOf(wanted);
        expect(needed.isSubsetOf(bytesOf(result))).toBe(true);
        expect(totalBytes(result)).toBe(bytesOf(result).size);
        expect(totalBytes(result)).toBeLessThanOrEqual(needed.size * (1 + waste));
        expect(result.every(({ start, end }) => end > start && end - start <= pieceBytes)).toBe(true);
      },
    ),
  );
});

test('the smallest gaps are closed first', () => {
  const wanted = [
    { start: 0, end: 100 },
    { start: 110, end: 200 },
    { start: 203, end: 300 },
  ];
  expect(requestsFor(wanted, { waste: 0.02, pieceBytes: 1000 })).toEqual([
    { start: 0, end: 100 },
    { start: 110, end: 300 },
  ]);
});

test('pieces are of about equal size', () => {
  expect(pieces({ start: 5, end: 26 }, 10)).toEqual([
    { start: 5, end: 12 },
    { start: 12, end: 19 },
    { start: 19, end: 26 },
  ]);
});
