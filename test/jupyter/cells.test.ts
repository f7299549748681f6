import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cellKind } from '../../src/jupyter/cell-kind.ts';
import { History } from '../../src/jupyter/history.ts';
import { completeness } from '../../src/jupyter/is-complete.ts';
import { CellOutputs, type OutputMessage } from '../../src/jupyter/outputs.ts';
import { fromCodePoints, toCodePoints } from '../../src/jupyter/text-offsets.ts';
import type { CellOutput } from '../../src/notebook/protocol.ts';

describe('what a cell is', () => {
  test.each([
    ['SELECT 1', 'sql'],
    ['', 'sql'],
    ['-- a comment\nSELECT 1', 'sql'],
    ['%lake tables', 'sql'],
    ['SELECT 1;\n%lake tables', 'sql'],
    ["ingest sales from 'x.csv'", 'lake'],
    ['-- a comment\n\n  history sales', 'lake'],
    ['create sales (id long)', 'lake'],
    ['create table sales (id long)', 'sql'],
    ['CREATE OR REPLACE VIEW v AS SELECT 1', 'sql'],
    ['delete sales where id = 1', 'lake'],
    ['DELETE FROM sales', 'sql'],
    ['drop sales if exists', 'lake'],
    ['DROP TABLE sales', 'sql'],
    ["add files sales from 'x'", 'lake'],
    ['describe sales', 'sql'],
    ['rollback sales to tag:a', 'lake'],
    ['ROLLBACK;', 'sql'],
    ['rollback transaction', 'sql'],
    ['help', 'lake'],
    ['helpful', 'sql'],
  ])('%j is %s', (source, language) => {
    expect(cellKind(source, {}).language).toBe(language);
  });

  test('metadata comes first', () => {
    expect(cellKind('describe sales', { vscode: { languageId: 'lake' } }).language).toBe('lake');
    expect(cellKind('history sales', { vscode: { languageId: 'sql' } }).language).toBe('sql');
    expect(cellKind('SET a = 1', { tags: ['parameters', 'x'] }).tags).toEqual(['parameters', 'x']);
    expect(cellKind('SET a = 1', { tags: ['injected-parameters'] }).tags).toContain('parameters');
  });

  test.each([
    ["a = 1\nb = 'x'", true],
    ['# Parameters\na = None\n', true],
    ['-- Parameters\n\n  a = 1;', true],
    ['a == 1', false],
    ['SET a = 1', false],
    ['a = 1\nSELECT 1', false],
    ['-- a = 1', false],
    ['', false],
  ])('%j sets parameters: %s', (source, expected) => {
    expect(cellKind(source, {}).tags.includes('parameters')).toBe(expected);
  });
});

test.each([
  ['', 'complete'],
  ['SELECT 1', 'incomplete'],
  ['SELECT 1;', 'complete'],
  ['SELECT 1; -- done', 'complete'],
  ["SELECT ';", 'incomplete'],
  ['SELECT 1\n', 'complete'],
  ['/* open', 'incomplete'],
  ['%lake tables', 'complete'],
  ['%lake create t (id long,', 'incomplete'],
  ['%%lake\ntables', 'incomplete'],
  ['%%lake\ntables\n', 'complete'],
  ['history sales', 'complete'],
])('%j is %s', (source, expected) => {
  expect(completeness(source)).toBe(expected);
});

test('places in code points and in UTF-16', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'ä', '€', '😀', '\u0301', '\n')),
      fc.nat(20),
      (characters, place) => {
        const text = characters.join('');
        const points = [...text];
        const offset = fromCodePoints(text, place);
        expect(text.slice(0, offset)).toBe(points.slice(0, place).join(''));
        expect(toCodePoints(text, offset)).toBe(Math.min(place, points.length));
      },
    ),
  );
});

test('history: ranges, the last ones, patterns', () => {
  const history = new History();
  const inputs = ['SELECT 1', 'a\nb', 'SELECT 1', 'x[1]'];
  for (const [index, input] of inputs.entries()) history.add(index + 1, input);
  const lines = (request: object) => history.find(request as Record<string, unknown>).map(({ line }) => line);
  expect(lines({ hist_access_type: 'tail', n: 2 })).toEqual([3, 4]);
  expect(lines({ hist_access_type: 'tail', n: 0 })).toEqual([]);
  expect(lines({ hist_access_type: 'range', session: 0, start: 2, stop: 4 })).toEqual([2, 3]);
  expect(lines({ hist_access_type: 'range', session: -1, start: 1 })).toEqual([]);
  expect(lines({ hist_access_type: 'search', pattern: 'SELECT*' })).toEqual([1, 3]);
  expect(lines({ hist_access_type: 'search', pattern: 'SELECT*', unique: true })).toEqual([3]);
  expect(lines({ hist_access_type: 'search', pattern: 'a?b' })).toEqual([2]);
  expect(lines({ hist_access_type: 'search', pattern: 'x[1]' })).toEqual([4]);
});

describe('outputs', () => {
  const result = (rowCount: number, complete = true): CellOutput => ({
    kind: 'result',
    resultId: 'r',
    name: '_1',
    columns: [{ name: 'a', type: 'INTEGER' }],
    rowCount,
    complete,
    truncated: false,
    page: new Uint8Array([255, 0, 1]),
    preview: [[1]],
    elapsedMs: 1,
  });
  const text = (what: string): CellOutput => ({ kind: 'text', text: what, elapsedMs: 1 });

  function publish(outputs: readonly (readonly [number, CellOutput])[]): OutputMessage[] {
    const messages: OutputMessage[] = [];
    const cell = new CellOutputs(3, message => messages.push(message));
    for (const [index, output] of outputs) cell.add(output, index);
    cell.finish();
    return messages;
  }

  test("a result is told once, when it has all rows, and the last one is the cell's", () => {
    const messages = publish([
      [0, result(10, false)],
      [0, result(20)],
      [1, text('done')],
      [2, result(30)],
      [3, result(40, false)],
      [3, result(50)],
    ]);
    expect(messages.map(({ type }) => type)).toEqual([
      'display_data',
      'stream',
      'display_data',
      'execute_result',
    ]);
    const plain = messages.map(
      ({ content }) => (content.data as Record<string, string> | undefined)?.['text/plain'],
    );
    expect(plain.map(each => /\d+ rows/.exec(each ?? '')?.[0])).toEqual([
      '20 rows',
      undefined,
      '30 rows',
      '50 rows',
    ]);
    expect(messages.at(-1)!.content).toMatchObject({
      execution_count: 3,
      data: {
        'application/vnd.lakebook.result+arrow': '/wAB',
        'text/html': expect.stringContaining('<table>'),
      },
    });
  });

  test('warnings are told on stderr', () => {
    expect(publish([[0, { kind: 'warning', text: 'careful' }]])).toEqual([
      { type: 'stream', content: { name: 'stderr', text: 'careful\n' } },
    ]);
  });
});
