import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { globMatcher } from '../../src/lake/sources/remote-files.ts';
import { openDuckDb, temporaryFolder } from '../engine/support.ts';

const names = [
  'a.csv',
  'b.csv',
  'ab.csv',
  'a.json',
  'a+b.csv',
  'a(1).csv',
  'x/a.csv',
  'x/b1.csv',
  'x/y/a.csv',
  'x/y/b2.csv',
  'z/a.csv',
];

test('patterns mean the same names as on this machine', async () => {
  const folder = temporaryFolder();
  for (const name of names) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), '');
  }
  const duckdb = await openDuckDb();
  const piece = fc.constantFrom(
    '*',
    '?',
    'a',
    'b',
    'x',
    'z',
    '[ab]',
    '[a-y]',
    '[!a]',
    '1',
    '+',
    '(',
    '.csv',
    '*.csv',
  );
  const level = fc.oneof(
    { weight: 4, arbitrary: fc.array(piece, { minLength: 1, maxLength: 3 }).map(pieces => pieces.join('')) },
    fc.constant('**'),
  );
  const pattern = fc
    .tuple(fc.array(level, { maxLength: 2 }), fc.array(piece, { minLength: 1, maxLength: 3 }))
    // `**` more than once, or at the end, is refused or read in its own way by the engine.
    .map(([levels, last]) =>
      [...levels, last.join('').replace('**', '*')].join('/').replaceAll(/\*{3,}/g, '*'),
    )
    .filter(text => text.split('**').length <= 2 && /[*?[]/.test(text));
  await fc.assert(
    fc.asyncProperty(pattern, async text => {
      const rows = await duckdb.rows(`SELECT file FROM glob('${folder}/${text}') ORDER BY file`);
      // The engine counts a folder of the last name as a file.
      const expected = rows
        .map(({ file }) => String(file).slice(folder.length + 1))
        .filter(name => names.includes(name));
      const matcher = globMatcher(`${folder}/${text}`);
      expect(names.filter(name => matcher.test(`${folder}/${name}`)).sort(), text).toEqual(expected.sort());
    }),
    { numRuns: 1000 },
  );
});
