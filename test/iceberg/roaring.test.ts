import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRoaring64, encodeRoaring64, PositionSet } from '../../src/iceberg/roaring.ts';

function setOf(positions: Iterable<number>): PositionSet {
  const set = new PositionSet();
  for (const position of positions) set.add(position);
  return set;
}

/** Positions of every shape: lone ones, runs, dense stretches, beyond 32 bits. */
const positions = fc
  .array(
    fc.oneof(
      fc.nat({ max: 2 ** 20 }).map(at => [at]),
      fc.maxSafeNat().map(at => [at]),
      fc.tuple(fc.nat({ max: 2 ** 19 }), fc.nat({ max: 9000 })).map(([at, n]) => range(at, n, 1)),
      fc.tuple(fc.nat({ max: 2 ** 19 }), fc.nat({ max: 9000 })).map(([at, n]) => range(at, n, 3)),
    ),
    { maxLength: 6 },
  )
  .map(parts => parts.flat());

function range(from: number, count: number, step: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i * step);
}

test('what is written is read again, in order and once', () => {
  fc.assert(
    fc.property(positions, list => {
      const read = decodeRoaring64('t', encodeRoaring64(setOf(list)));
      const expected = [...new Set(list)].sort((a, b) => a - b);
      expect([...read]).toEqual(expected);
      expect(read.size).toBe(expected.length);
      for (const position of expected.slice(0, 20)) {
        expect(read.has(position)).toBe(true);
        expect(read.has(position + 1)).toBe(expected.includes(position + 1));
      }
    }),
    { numRuns: 60 },
  );
});

test('a union has the positions of both', () => {
  fc.assert(
    fc.property(positions, positions, (left, right) => {
      const union = setOf(left);
      union.addAll(setOf(right));
      expect([...union]).toEqual([...new Set([...left, ...right])].sort((a, b) => a - b));
    }),
    { numRuns: 20 },
  );
});

/** What CRoaring (pyroaring's BitMap64) writes for the same values. */
const written = {
  scattered:
    '0300000000000000000000003a3000000200000000000300010000001800000020000000000001000500ffff0000010000003a3000000100000000000000100000000000000100003a3000000100000000000000100000000700',
  run: '0100000000000000000000003b3000000100007d1301000a007d13',
  runs: '0100000000000000000000003b3004001f00006300010063000200630003006300040063002d00000033000000390000003f00000045000000010064006300010064006300010064006300010064006300010064006300',
};

test('it is byte for byte what CRoaring writes', () => {
  const scattered = [0, 1, 5, 65535, 65536, 2 ** 32, 2 ** 40 + 7];
  expect(hex(scattered)).toBe(written.scattered);
  expect([...decodeRoaring64('t', Buffer.from(written.scattered, 'hex'))]).toEqual(scattered);
  expect(hex(range(10, 4990, 1))).toBe(written.run);
  const runs = [0, 1, 2, 3, 4].flatMap(block => range(block * 65536 + 100, 100, 1));
  expect(hex(runs)).toBe(written.runs);
  expect([...decodeRoaring64('t', Buffer.from(written.runs, 'hex'))]).toEqual(runs);
  // A container of more than 4,096 values is a bitmap.
  const dense = Buffer.from(encodeRoaring64(setOf(range(0, 6667, 3))));
  expect(createHash('sha256').update(dense).digest('hex')).toBe(
    '37d3d26527178dfc5073b80d941d21cb990a26bfd56640675a76784810a0d94f',
  );
});

function hex(list: number[]): string {
  return Buffer.from(encodeRoaring64(setOf(list))).toString('hex');
}

test.each([
  ['cut off', (bytes: Buffer) => bytes.subarray(0, -1), 'ends after'],
  ['too long', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])]), 'left over'],
  ['of another kind', (bytes: Buffer) => bytes.fill(7, 12, 16), 'cookie'],
  ['with a wrong cardinality', (bytes: Buffer) => bytes.fill(9, 22, 23), 'ends after|positions but has'],
])('a bitmap that is %s is refused', (_, damage, message) => {
  const bytes = Buffer.from(encodeRoaring64(setOf([1, 7, 100_000])));
  expect(() => decodeRoaring64('file:///dv.puffin', damage(bytes))).toThrow(new RegExp(message));
});
