import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  identifierParts,
  sparkIdentifier,
  sparkLiteral,
} from '../../../../src/engine/remote/spark/literal.ts';

test.each([
  [null, 'NULL'],
  [true, 'true'],
  [1, '1'],
  [-1, '(-1)'],
  [-0, '(-0D)'],
  [1.5, '1.5D'],
  [1e21, '1e+21D'],
  [Number.NaN, "CAST('NaN' AS DOUBLE)"],
  [Number.NEGATIVE_INFINITY, "CAST('-Infinity' AS DOUBLE)"],
  [2n ** 63n, '9223372036854775808'],
  ['', "''"],
  ['a "b" ü', '\'a "b" ü\''],
  ["it's", "CAST(X'69742773' AS STRING)"],
  ['\\', "CAST(X'5c' AS STRING)"],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Spark would replace it
  ['${spark.secret}', "CAST(X'247b737061726b2e7365637265747d' AS STRING)"],
])('%s is %s', (value, sql) => {
  expect(sparkLiteral(value)).toBe(sql);
});

test('a text never ends its own literal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), text => {
      expect(sparkLiteral(text)).toMatch(/^(?:'[^'\\$]*'|CAST\(X'(?:[0-9a-f]{2})+' AS STRING\))$/s);
    }),
  );
});

test('names come back from their quoted form', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1 }), names => {
      expect(identifierParts(names.map(sparkIdentifier).join('.'))).toEqual(names);
    }),
  );
  expect(identifierParts('a.b_1')).toEqual(['a', 'b_1']);
  expect(identifierParts('')).toEqual([]);
});
