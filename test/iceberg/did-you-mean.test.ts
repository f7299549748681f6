import { expect, test } from 'vitest';
import { didYouMean, didYouMeanHint } from '../../src/iceberg/did-you-mean.ts';

test.each([
  ['slaes', 'sales'],
  ['SALES', 'sales'],
  ['sale', 'sales'],
  ['saless', 'sales'],
  ['custmers', 'customers'],
  ['ab', 'abc'],
])('%s is near %s', (word, expected) => {
  expect(didYouMean(word, ['orders', 'sales', 'customers', 'abc'])).toBe(expected);
});

test('nothing is near a word that is quite different', () => {
  expect(didYouMean('weather', ['orders', 'sales'])).toBeUndefined();
  expect(didYouMean('abc', ['axy'])).toBeUndefined();
  expect(didYouMean('abc', [])).toBeUndefined();
  expect(didYouMeanHint('weather', ['orders'])).toBeUndefined();
});

test('the nearest wins, whatever the order', () => {
  expect(didYouMean('customer', ['costumes', 'customers'])).toBe('customers');
  expect(didYouMean('customer', ['customers', 'costumes'])).toBe('customers');
  expect(didYouMeanHint('custmer', ['customer'])).toBe('Did you mean "customer"?');
});
