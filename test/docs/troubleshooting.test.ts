import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readPage, root } from './markdown.ts';

const found = /new (NotFoundError|AlreadyExistsError)\(\s*'([^']+)'/g;
/** Where an error's code stands in the source: first argument, last argument after the options, behind a status. */
const places = [
  /(?:new LakebookError|super)\(\s*'([A-Z][A-Z_0-9]+)'/g,
  /new \w+Error\(\s*\d{3},\s*'([A-Z][A-Z_0-9]+)'/g,
  /\},\s*'([A-Z][A-Z_0-9]{4,})',?\s*\)/g,
];

/** Every code that the sources give an error. */
function codes(): Map<string, string> {
  const all = new Map<string, string>();
  const files = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter(name => name.endsWith('.ts'))) {
    const text = readFileSync(path.join(root, 'src', file), 'utf8');
    for (const [, kind, what] of text.matchAll(found)) {
      const end = kind === 'NotFoundError' ? 'NOT_FOUND' : 'EXISTS';
      all.set(`${what!.toUpperCase().replace(/[^A-Z]+/g, '_')}_${end}`, file);
    }
    for (const place of places) for (const [, code] of text.matchAll(place)) all.set(code!, file);
  }
  return all;
}

test('says what to do about every error', () => {
  const page = readPage('docs/troubleshooting.md');
  const missing = [...codes()].filter(([code]) => !page.includes(`\`${code}\``));
  expect(missing).toEqual([]);
});

test('the codes are found', () => {
  expect([...codes().keys()]).toEqual(
    expect.arrayContaining(['TABLE_NOT_FOUND', 'TABLE_EXISTS', 'SYNTAX', 'BODY_STOPPED', 'COMMIT_CONFLICT']),
  );
  expect(codes().size).toBeGreaterThan(100);
});
