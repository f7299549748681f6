import { describe, expect, test } from 'vitest';
import { factsText } from '../../src/extension/notebook/cell-facts.ts';
import {
  agoText,
  bytesText,
  countOf,
  durationText,
  progressText,
  withErrorPlace,
} from '../../src/extension/text.ts';
import { ValidationError } from '../../src/iceberg/errors.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KB'],
  [99_949, '99.9 KB'],
  [99_950, '100 KB'],
  [1_234_567, '1.2 MB'],
  [5e12, '5.0 TB'],
])('%d bytes', (bytes, text) => expect(bytesText(bytes)).toBe(text));

test.each([
  [0.4, '0 ms'],
  [999.4, '999 ms'],
  [999.6, '1.0 s'],
  [59_949, '59.9 s'],
  [59_990, '1 min 0 s'],
  [125_400, '2 min 5 s'],
])('%d milliseconds', (ms, text) => expect(durationText(ms)).toBe(text));

test('moments ago', () => {
  const now = Date.UTC(2026, 5, 15, 12);
  const minute = 60_000;
  expect(agoText(now + 5000, now)).toBe('just now');
  expect(agoText(now - 59 * minute, now)).toBe('59 min ago');
  expect(agoText(now - 25 * 60 * minute, now)).toBe('1 day ago');
  expect(agoText(now - 40 * 24 * 60 * minute, now)).toMatch(/^2026-05-0\d$/);
});

test('counts and progress', () => {
  expect(countOf(1, 'row')).toBe('1 row');
  expect(countOf(1_200_000, 'row')).toBe('1,200,000 rows');
  expect(progressText({ phase: 'writing', fraction: 0.456, rows: 1, bytes: 2e6, files: 3 })).toBe(
    'writing 46 %, 1 row, 2.0 MB, 3 files',
  );
});

test('an error says what, where and what next', () => {
  const options = { hint: 'Mend it.', file: 'a.csv', position: { line: 3, column: 4 } };
  expect(withErrorPlace(new ValidationError('Bad value.', options))).toBe(
    'Bad value (a.csv, line 3, column 4). Mend it.',
  );
  expect(withErrorPlace(new Error('plain'))).toBe('plain');
  expect(withErrorPlace('text')).toBe('text');
});

describe("a cell's figures", () => {
  const scan = { dataFiles: 12, dataFilesScanned: 3, bytes: 4e6, bytesScanned: 1.2e6 };

  test('rows, time, what was scanned and what was pruned', () => {
    const facts = factsText([{ rows: 12, elapsedMs: 34, complete: true, scan }, undefined]);
    expect(facts?.text).toBe('12 rows · 34 ms · 1.2 MB in 3 files · 9 files pruned');
    expect(facts?.tooltip).toContain('Scanned: 1.2 MB of 4.0 MB');
  });

  test('several results are added up, and a part is told from a whole', () => {
    expect(
      factsText([
        { rows: 1, elapsedMs: 1 },
        { rows: 2, elapsedMs: 2, truncated: true },
      ])?.text,
    ).toBe('3 rows+ · 3 ms');
    expect(factsText([{ elapsedMs: 1500 }])?.text).toBe('1.5 s');
    expect(factsText([undefined])).toBeUndefined();
  });
});
