import type { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseStatements } from '../../../src/engine/sql/parse.ts';
import type { SqlText } from '../../../src/engine/sql/sql-text.ts';
import { scan, tokenize } from '../../../src/engine/sql/tokenizer.ts';
import { LakebookError } from '../../../src/iceberg/errors.ts';
import { openDuckDb } from '../support.ts';
import { anySql, comment, gap, stringText } from './arbitraries.ts';
import { duckDbStatements, lakeStatements } from './corpus.ts';
import { checkPlaces, plain } from './support.ts';

const texts = (sql: string) => parseStatements(sql).map(({ text }) => text.text);

describe('a text of several statements', () => {
  test.each<[string, string[]]>([
    ['', []],
    [' ; ;; -- nothing\n', []],
    ['SELECT 1; SELECT 2', ['SELECT 1', 'SELECT 2']],
    [';SELECT 1;;', ['SELECT 1']],
    ['-- name: x\nSELECT 1 -- one;\n; /* ; */ SELECT 2 /* end */', ['SELECT 1', 'SELECT 2']],
    [
      "SELECT ';', $$;$$, $a$;$$;$a$, E'\\';', \";\"; SELECT 2",
      ["SELECT ';', $$;$$, $a$;$$;$a$, E'\\';', \";\"", 'SELECT 2'],
    ],
    ['SELECT (1; SELECT 2', ['SELECT (1; SELECT 2']],
    ['SELECT 1); SELECT 2', ['SELECT 1)', 'SELECT 2']],
  ])('%s', (sql, expected) => {
    expect(texts(sql)).toEqual(expected);
  });

  test('is parsed or refused with a LakebookError, whatever it is, and every place is right', () => {
    fc.assert(
      fc.property(anySql, sql => {
        try {
          for (const statement of parseStatements(sql)) checkPlaces(sql, statement);
        } catch (error) {
          if (!(error instanceof LakebookError)) throw error;
          expect(scan(sql).problem).toEqual(error);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('is its statements and nothing but semicolons, comments and white space between', () => {
    const statement = fc.oneof(fc.constantFrom(...lakeStatements, ...duckDbStatements), fc.constant(''));
    const between = fc.array(fc.oneof(gap, comment), { maxLength: 3 }).map(parts => parts.join(''));
    const part = fc.record({ before: between, statement, after: between });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), parts => {
        const sql = parts.map(({ before, statement, after }) => before + statement + after).join(';');
        const statements = parseStatements(sql);
        expect(statements.map(({ text }) => text.text)).toEqual(
          parts.map(({ statement }) => statement).filter(text => text !== ''),
        );
        let rest = '';
        let at = 0;
        for (const { span } of statements) {
          rest += `${sql.slice(at, span.start)} `;
          at = span.end;
        }
        rest += sql.slice(at);
        expect(tokenize(rest).every(({ text }) => text === ';')).toBe(true);
      }),
    );
  });
});

test.each(lakeStatements)('is understood: %s', sql => {
  const [statement] = parseStatements(sql);
  expect(statement).not.toHaveProperty('problem');
  expect(statement).not.toHaveProperty('unsupported', expect.anything());
});

test('comments and white space between the tokens of a statement change nothing', () => {
  const tokens = fc.constantFrom(...lakeStatements, ...duckDbStatements).map(tokenize);
  const withGaps = tokens.chain(list =>
    fc
      .array(fc.oneof(gap, comment), { minLength: list.length + 1, maxLength: list.length + 1 })
      .map(gaps => ({
        plainly: list.map(({ text }) => text).join(' '),
        sql: gaps[0] + list.map(({ text }, at) => text + gaps[at + 1]).join(''),
      })),
  );
  const words = (text: SqlText) => tokenize(text.text).map(token => token.text);
  const meaning = (sql: string) =>
    parseStatements(sql).map(statement => {
      checkPlaces(sql, statement);
      // Only the places of errors differ.
      return JSON.stringify(plain(statement, words), (key, value) =>
        key === 'at' && typeof value === 'string' ? undefined : value,
      );
    });
  fc.assert(
    fc.property(withGaps, ({ plainly, sql }) => {
      expect(meaning(sql)).toEqual(meaning(plainly));
    }),
    { numRuns: 500 },
  );
});

describe('DuckDB', () => {
  let connection: DuckDBConnection;
  beforeAll(async () => {
    connection = (await openDuckDb()).connection;
  });

  /** How many statements DuckDB's parser finds; undefined when it takes the text for no SQL. */
  async function count(sql: string): Promise<number | undefined> {
    try {
      return (await connection.extractStatements(sql)).count;
    } catch {
      return undefined;
    }
  }

  test.each(duckDbStatements)('takes, and so do we: %s', async sql => {
    expect(await count(sql)).toBe(1);
    const statements = parseStatements(sql);
    expect(statements).toHaveLength(1);
    const [statement] = statements;
    // A statement about a table may be refused if the table is the lake's.
    if (statement?.kind === 'other' && statement.problem !== undefined)
      expect(statement.target).toBeDefined();
  });

  test('finds as many statements in a text as we do', async () => {
    const statement = fc.oneof(
      fc.constantFrom(...duckDbStatements),
      stringText.filter(text => !/[\0\ud800-\udfff]/u.test(text)).map(text => `SELECT ${text}`),
      fc.constant(''),
    );
    const between = fc.oneof(gap, comment, fc.constant(''));
    const part = fc.tuple(between, statement, between).map(parts => parts.join(''));
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 5 }), async parts => {
        const sql = parts.join(';');
        const expected = await count(sql);
        if (expected === undefined) return;
        taken++;
        expect(parseStatements(sql)).toHaveLength(expected);
      }),
      { numRuns: 300 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  test('never takes a soup of tokens that it splits otherwise', async () => {
    const soup = fc.constantFrom(
      ...[
        'SELECT',
        '1',
        "';'",
        '";"',
        '$$;$$',
        "E'\\';'",
        ';',
        ';',
        '(',
        ')',
        '+',
        ',',
        'AS a',
        'FROM range(2)',
      ],
      ...[
        '/* ; */',
        '/* /* ; */ */',
        '-- ;\n',
        '--\r',
        '\u00a0',
        '[',
        ']',
        "{'a': 1}",
        '?',
        'FROM (SELECT 1)',
      ],
    );
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(soup, { maxLength: 8 }), async parts => {
        const sql = parts.join(' ');
        const expected = await count(sql);
        if (expected === undefined) return;
        taken++;
        expect(parseStatements(sql)).toHaveLength(expected);
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(10);
  });
});
