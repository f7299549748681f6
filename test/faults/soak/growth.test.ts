import { expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { growthOf } from './growth.ts';

const noise = (random: Random) => (random.next() - 0.5) * 10;

test('a leak is told from noise and peaks', () => {
  const random = new Random(1);
  const steady = Array.from({ length: 100 }, () => 500 + noise(random));
  expect(Math.abs(growthOf(steady))).toBeLessThan(3);
  const peaks = steady.map((value, index) => (index % 17 === 0 ? value + 400 : value));
  expect(Math.abs(growthOf(peaks))).toBeLessThan(3);
  const leaking = steady.map((value, index) => value + index * 0.5);
  expect(growthOf(leaking)).toBeGreaterThan(45);
  expect(growthOf(leaking)).toBeLessThan(55);
});

test('few samples grow by nothing', () => {
  expect(growthOf([])).toBe(0);
  expect(growthOf([7])).toBe(0);
  expect(growthOf([7, 9])).toBe(2);
});
