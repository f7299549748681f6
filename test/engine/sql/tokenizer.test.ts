import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scan, type Token, tokenize } from '../../../src/engine/sql/tokenizer.ts';
import { anySql, asciiGap, comment, tokenText } from './arbitraries.ts';

const brief = (sql: string) => tokenize(sql).map(({ type, text }) => [type, text]);

describe('tokens', () => {
  test('names, keywords and quoted names', () => {
    expect(tokenize('Sales "my ""t"".x" straße t$files 名前 é😀')).toMatchObject([
      { type: 'word', text: 'Sales', value: 'SALES', start: 0, end: 5 },
      { type: 'quoted', value: 'my "t".x', start: 6, end: 18 },
      { type: 'word', text: 'straße' },
      { type: 'word', text: 't$files', value: 'T$FILES' },
      { type: 'word', text: '名前' },
      { type: 'word', text: 'é😀' },
    ]);
  });

  test.each([
    ["'it''s'", "it's"],
    ["''", ''],
    ["E'a\\'b\\n\\x41\\101\\\\'", "a'b\nAA\\"],
    ["e'it''s'", "it's"],
    ["$$a;'b$$", "a;'b"],
    ['$tag$ $$ $tag$', ' $$ '],
    ["x'3B'", "x'3B'"],
  ])('the string %s', (text, value) => {
    expect(tokenize(text)).toEqual([{ type: 'string', text, value, start: 0, end: text.length }]);
  });

  test.each(['1', '1_000', '1.5', '.5', '1.', '1e10', '1.5E-3', '0xFf', '0b10'])('the number %s', text => {
    expect(brief(text)).toEqual([['number', text]]);
  });

  test('a range is no number with a point', () => {
    expect(brief('1..2')).toEqual([
      ['number', '1'],
      ['punctuation', '.'],
      ['number', '.2'],
    ]);
  });

  test.each(['?', '?1', '$1', '$name'])('the parameter %s', text => {
    expect(brief(text)).toEqual([['parameter', text]]);
  });

  test('white space of Unicode ends a name, but not the tag of a dollar quote', () => {
    expect(brief('$a\u3000t\u00a0b $a\u00a0t$;$a\u00a0t$')).toEqual([
      ['parameter', '$a'],
      ['word', 't'],
      ['word', 'b'],
      ['string', '$a\u00a0t$;$a\u00a0t$'],
    ]);
  });

  test('operators', () => {
    expect(brief("a->>'x'::INT=>b:=c<>d||e//f**g!")).toEqual([
      ['word', 'a'],
      ['operator', '->>'],
      ['string', "'x'"],
      ['operator', '::'],
      ['word', 'INT'],
      ['operator', '=>'],
      ['word', 'b'],
      ['operator', ':='],
      ['word', 'c'],
      ['operator', '<>'],
      ['word', 'd'],
      ['operator', '||'],
      ['word', 'e'],
      ['operator', '//'],
      ['word', 'f'],
      ['operator', '**'],
      ['word', 'g'],
      ['operator', '!'],
    ]);
  });

  test('comments nest, and end at any end of line', () => {
    expect(brief('a /* /* ; */ */ b -- c\rd --e\nf --')).toEqual([
      ['word', 'a'],
      ['word', 'b'],
      ['word', 'd'],
      ['word', 'f'],
    ]);
  });
});

describe('without an end', () => {
  test.each([
    ["SELECT 'abc", 'string', "'", 1, 8, "'abc"],
    ["SELECT E'abc\\'", 'string', "'", 1, 8, "E'abc\\'"],
    ['SELECT\n "abc', 'quoted name', '"', 2, 2, '"abc'],
    ['SELECT $a$ abc $$', 'dollar-quoted string', '$a$', 1, 8, '$a$ abc $$'],
    ['SELECT /* /* */', 'comment', '*/', 1, 8, 'SELECT'],
  ])('%s', (sql, what, closing, line, column, last) => {
    const { tokens, problem } = scan(sql);
    expect(tokens.at(-1)?.text).toBe(last);
    expect(problem).toMatchObject({
      code: 'SYNTAX',
      message: `The ${what} that begins here has no end.`,
      hint: `Close it with ${closing}`,
      position: { line, column, length: closing.length },
    });
    expect(() => tokenize(sql)).toThrow(`The ${what} that begins here has no end.`);
  });
});

describe('any text', () => {
  test('is covered: between two tokens there is nothing but white space and comments', () => {
    fc.assert(
      fc.property(anySql, source => {
        const { tokens, problem } = scan(source);
        let at = 0;
        for (const token of tokens) {
          expect(token.start).toBeGreaterThanOrEqual(at);
          expect(token.end).toBeGreaterThan(token.start);
          expect(token.text).toBe(source.slice(token.start, token.end));
          expect(withoutComments(source.slice(at, token.start)).replace(blank, '')).toBe('');
          at = token.end;
        }
        const rest = withoutComments(source.slice(at)).replace(blank, '');
        if (problem === undefined) expect(rest).toBe('');
        else expect(rest === '' || rest.startsWith('/*')).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('put together from tokens and gaps gives these tokens again', () => {
    const part = fc.record({ text: tokenText, gap: fc.oneof(asciiGap, comment) });
    fc.assert(
      fc.property(fc.array(part), parts => {
        const expected: Pick<Token, 'text' | 'start'>[] = [];
        let source = '';
        for (const { text, gap } of parts) {
          expected.push({ text, start: source.length });
          source += text + gap;
        }
        expect(tokenize(source).map(({ text, start }) => ({ text, start }))).toEqual(expected);
      }),
    );
  });
});

const blank = /[\s\u200b\u2060]/g;

/** An independent and slow way to take comments out of a text that holds no strings. */
function withoutComments(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    if (text.startsWith('--', at)) {
      while (at < text.length && text[at] !== '\n' && text[at] !== '\r') at++;
    } else if (text.startsWith('/*', at)) {
      let depth = 0;
      let end = at;
      do {
        if (text.startsWith('/*', end)) [depth, end] = [depth + 1, end + 2];
        else if (text.startsWith('*/', end)) [depth, end] = [depth - 1, end + 2];
        else end++;
      } while (depth > 0 && end < text.length);
      if (depth > 0) return out + text.slice(at);
      at = end;
    } else out += text[at++];
  }
  return out;
}
