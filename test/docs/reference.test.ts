import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { referencePages } from '../../scripts/reference/pages.ts';
import { alterActions, mergeActions, statements } from '../../scripts/reference/statements.ts';
import { parseStatements } from '../../src/engine/sql/parse.ts';

const root = new URL('../../', import.meta.url).pathname;

test.each(Object.entries(referencePages()))('%s says what the parsers read: `npm run docs`', (file, text) => {
  expect(readFileSync(`${root}${file}`, 'utf8')).toBe(text);
});

describe('examples of the reference are read as what they stand for', () => {
  const examples = Object.entries(statements).flatMap(([kind, entry]) =>
    entry.examples.map(example => [example, kind] as const),
  );
  test.each(examples)('%s', (example, kind) => {
    expect(parseStatements(example)).toMatchObject([{ kind }]);
  });

  const actions = Object.entries(alterActions).flatMap(([kind, all]) =>
    all.map(action => [`ALTER TABLE sales ${action}`, kind] as const),
  );
  test.each(actions)('%s', (example, kind) => {
    const [statement] = parseStatements(example);
    expect(statement).toMatchObject({ kind: 'alter-table' });
    // WRITE ORDERED BY sets the distribution mode beside the order.
    expect(statement!.kind === 'alter-table' && statement.actions[0]!.kind).toBe(kind);
  });

  test.each(Object.entries(mergeActions))('MERGE: %s', (kind, clause) => {
    const text = `MERGE INTO sales AS t USING staged AS s ON t.id = s.id ${clause}`;
    expect(parseStatements(text)).toMatchObject([{ kind: 'merge', clauses: [{ action: { kind } }] }]);
  });
});
