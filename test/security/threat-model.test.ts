import { expect, test } from 'vitest';
import { missingTests, namedTests, tableRows } from '../support/test-titles.ts';

/** Rows of the tables of threats: the threat, the measure, what shows it. */
const threats = tableRows('docs/threat-model.md').slice(8);

test('every threat has a measure and what shows it, and every test that is named is there', () => {
  expect(threats.length).toBeGreaterThan(30);
  const bare = threats.filter(([, , shown]) => namedTests(shown ?? '').length === 0 && shown !== 'as above');
  expect(bare).toEqual([]);
  expect(missingTests(threats.flatMap(([, , shown]) => namedTests(shown!)))).toEqual([]);
});
