import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { missingTests, namedTests, tableRows } from '../../support/test-titles.ts';

const page = 'docs/spec-coverage.md';
const requirements = tableRows(page).map(([, text, shown]) => ({
  text: text!,
  shown: shown!,
  tests: namedTests(shown!),
}));

test('every test that the page names is there', () => {
  expect(missingTests(requirements.flatMap(({ tests }) => tests))).toEqual([]);
});

test('every requirement has a test or says that it has none, and the page counts them right', () => {
  const bare = requirements.filter(({ tests, shown }) => tests.length === 0 && !shown.startsWith('**no**. '));
  expect(bare.map(({ text }) => text)).toEqual([]);
  const without = requirements.filter(({ tests }) => tests.length === 0).length;
  const text = readFileSync(path.join(import.meta.dirname, '../../..', page), 'utf8');
  expect(text).toContain(`${requirements.length} requirements, ${without} of them without a test.`);
  expect(requirements.length).toBeGreaterThan(100);
});
