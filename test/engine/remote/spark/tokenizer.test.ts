import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sparkStatements, sparkTokens } from '../../../../src/engine/remote/spark/tokenizer.ts';

const statements = (sql: string) =>
  sparkStatements(sql).map(tokens => sql.slice(tokens[0]!.start, tokens.at(-1)!.end));

describe('a semicolon ends a statement', () => {
  test('but not in texts, names and comments', () => {
    const parts = [
      `SELECT 'it\\'s; on', 'two '';''', "say \\"; \\"", r'raw \\', r"c:\\;"`,
      'SELECT `a;``b` FROM `;`',
      'SELECT 1 -- one; two',
      'SELECT /* a; /* b; */ c; */ 2',
      'SELECT $$ a; b $$, $t$ c; $$ d $t$',
      '-- a \\\n; still a comment\nSELECT 3',
    ];
    const found = statements(`${parts.join('\n;\n')};;`);
    expect(found).toHaveLength(parts.length);
    expect(found[0]).toBe(parts[0]);
    expect(found[1]).toBe(parts[1]);
    expect(found[4]).toBe(parts[4]);
    expect(found[5]).toBe('SELECT 3');
  });

  test('but not inside of a script', () => {
    const script = `BEGIN
      DECLARE x INT DEFAULT CASE WHEN true THEN 1 ELSE 2 END;
      IF x = 1 THEN SELECT 1; ELSE SELECT 2; END IF;
      l: WHILE x < 3 DO SET x = x + 1; BEGIN SELECT x; END; END WHILE l;
      CASE x WHEN 1 THEN SELECT 'a'; ELSE SELECT 'b'; END CASE;
      FOR r AS (SELECT 1 AS a) DO SELECT r.a; END FOR;
      REPEAT SET x = x - 1; UNTIL x = 0 END REPEAT;
    END`;
    expect(statements(`SELECT 0; ${script}; SELECT 9`)).toEqual(['SELECT 0', script, 'SELECT 9']);
    expect(statements(`outer: ${script}; SELECT 9`)).toEqual([`outer: ${script}`, 'SELECT 9']);
  });

  test('also after words that begin and end scripts elsewhere', () => {
    expect(statements('SELECT CASE WHEN a THEN 1 END; SELECT begin; SELECT 2')).toEqual([
      'SELECT CASE WHEN a THEN 1 END',
      'SELECT begin',
      'SELECT 2',
    ]);
  });
});

test('tokens know names, texts, numbers and parameters', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Spark's own variables look like that
  const told = sparkTokens("SELECT `a``b`.1st, 1.5e3D, x'ff', ${c}, $name, :other, 7 <=> ?").map(
    ({ type, value }) => `${type} ${value}`,
  );
  expect(told).toEqual([
    'word SELECT',
    'quoted a`b',
    'punctuation .',
    'word 1ST',
    'punctuation ,',
    'number 1.5e3D',
    'punctuation ,',
    'word X',
    "string 'ff'",
    'punctuation ,',
    'operator $',
    'punctuation {',
    'word C',
    'punctuation }',
    'punctuation ,',
    'parameter $name',
    'punctuation ,',
    'operator :',
    'word OTHER',
    'punctuation ,',
    'number 7',
    'operator <',
    'operator =',
    'operator >',
    'parameter ?',
  ]);
});

test.each([
  ["SELECT 'a\\'", 8],
  ['SELECT "a', 8],
  ['SELECT `a', 8],
  ['SELECT 1 /* /* */', 10],
])('%s has no end', (sql, column) => {
  expect(() => sparkTokens(sql)).toThrow(
    expect.objectContaining({ code: 'SYNTAX', position: expect.objectContaining({ line: 1, column }) }),
  );
});

test('tokens cover the text in order', () => {
  const parts = fc.constantFrom(
    ...["'", '"', '`', '\\', ';', '--', '/*', '*/', '$', '$$', 'a', '1', '.', ' ', '\n', 'ü'],
  );
  fc.assert(
    fc.property(fc.array(parts), pieces => {
      const sql = pieces.join('');
      let tokens: ReturnType<typeof sparkTokens>;
      try {
        tokens = sparkTokens(sql);
      } catch (error) {
        expect(error).toMatchObject({ code: 'SYNTAX' });
        return;
      }
      let at = 0;
      for (const token of tokens) {
        expect(token.start).toBeGreaterThanOrEqual(at);
        expect(sql.slice(token.start, token.end)).toBe(token.text);
        expect(token.end).toBeGreaterThan(token.start);
        at = token.end;
      }
    }),
  );
});
