import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ValidationError } from '../../src/iceberg/errors.ts';
import { metricsModes, parseMetricsMode, truncateLower, truncateUpper } from '../../src/iceberg/metrics.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import { compareForFilter } from '../../src/iceberg/value.ts';
import { column } from './filter-model.ts';

describe('truncated bounds', () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom('a', '\ud7ff', '\uffff', '😀', '\u{10ffff}'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 5,
  });
  const length = fc.integer({ min: 1, max: 4 });

  test('of text hold, have no more code points than asked for, and are the tightest', () => {
    fc.assert(
      fc.property(text, text, length, (value, other, n) => {
        const lower = truncateLower({ kind: 'string' }, value, n) as string;
        const upper = truncateUpper({ kind: 'string' }, value, n) as string | undefined;
        expect([...lower].length).toBeLessThanOrEqual(n);
        expect(compareForFilter(lower, value)).toBeLessThanOrEqual(0);
        const fits = [...other].length <= n && compareForFilter(other, value) >= 0;
        if (upper === undefined) {
          expect(fits).toBe(false);
          return;
        }
        expect([...upper].length).toBeLessThanOrEqual(n);
        expect(upper.isWellFormed()).toBe(true);
        expect(compareForFilter(upper, value)).toBeGreaterThanOrEqual(0);
        if (fits) expect(compareForFilter(upper, other)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 1000 },
    );
  });

  test('of bytes hold and are the tightest', () => {
    const bytes = fc
      .array(fc.constantFrom(0, 1, 254, 255), { maxLength: 5 })
      .map(list => Uint8Array.from(list));
    fc.assert(
      fc.property(bytes, bytes, length, (value, other, n) => {
        const lower = truncateLower({ kind: 'binary' }, value, n);
        const upper = truncateUpper({ kind: 'binary' }, value, n) as Uint8Array | undefined;
        expect(compareForFilter(lower, value)).toBeLessThanOrEqual(0);
        const fits = other.length <= n && compareForFilter(other, value) >= 0;
        if (upper === undefined) {
          expect(fits).toBe(false);
          return;
        }
        expect(upper.length).toBeLessThanOrEqual(n);
        expect(compareForFilter(upper, value)).toBeGreaterThanOrEqual(0);
        if (fits) expect(compareForFilter(upper, other)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 1000 },
    );
  });

  test('of numbers are the numbers', () => {
    expect(truncateLower({ kind: 'int' }, 123456, 2)).toBe(123456);
    expect(truncateUpper({ kind: 'long' }, 123456n, 2)).toBe(123456n);
  });
});

describe('metrics modes', () => {
  test('are read from their text', () => {
    expect(parseMetricsMode('none', 'p')).toEqual({ kind: 'none' });
    expect(parseMetricsMode(' Counts ', 'p')).toEqual({ kind: 'counts' });
    expect(parseMetricsMode('full', 'p')).toEqual({ kind: 'full' });
    expect(parseMetricsMode('truncate(5)', 'p')).toEqual({ kind: 'truncate', length: 5 });
    for (const text of ['', 'some', 'truncate', 'truncate(0)', 'truncate(-1)', 'truncate(1.5)']) {
      expect(() => parseMetricsMode(text, 'write.x')).toThrow(ValidationError);
      expect(() => parseMetricsMode(text, 'write.x')).toThrow(/write\.x/);
    }
  });

  const schema: Schema = {
    schemaId: 0,
    fields: [
      column(1, { kind: 'struct', fields: [column(4, { kind: 'int' })] }),
      column(2, { kind: 'int' }),
      column(3, { kind: 'int' }),
    ],
    identifierFieldIds: [],
  };
  const prefix = 'write.metadata.metrics.';
  const truncate = { kind: 'truncate', length: 16 };

  test('a column’s own, then the default', () => {
    const modes = metricsModes(schema, { [`${prefix}default`]: 'counts', [`${prefix}column.c1.c4`]: 'full' });
    expect([2, 3, 4].map(modes)).toEqual([{ kind: 'counts' }, { kind: 'counts' }, { kind: 'full' }]);
    expect([2, 3, 4].map(metricsModes(schema, {}))).toEqual([truncate, truncate, truncate]);
  });

  test('without a default only the first columns have metrics, those of a level before nested ones', () => {
    const limit = { [`${prefix}max-inferred-column-defaults`]: '2' };
    expect([2, 3, 4].map(metricsModes(schema, limit))).toEqual([truncate, truncate, { kind: 'none' }]);
    expect(() => metricsModes(schema, { [`${prefix}max-inferred-column-defaults`]: 'x' })).toThrow(
      ValidationError,
    );
  });

  test('columns that the table is sorted by have bounds', () => {
    const order = (transform: 'identity' | 'void') => ({
      orderId: 1,
      fields: [
        { sourceId: 3, transform: { kind: transform }, direction: 'asc', nullOrder: 'nulls-first' },
      ] as const,
    });
    const counts = { [`${prefix}default`]: 'counts' };
    expect(metricsModes(schema, counts, order('identity'))(3)).toEqual(truncate);
    expect(metricsModes(schema, counts, order('void'))(3)).toEqual({ kind: 'counts' });
    expect(metricsModes(schema, { ...counts, [`${prefix}column.c3`]: 'none' }, order('identity'))(3)).toEqual(
      { kind: 'none' },
    );
  });
});
