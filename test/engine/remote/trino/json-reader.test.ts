import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonReader, openBrace, openBracket, utf8 } from '../../../../src/engine/remote/trino/json-reader.ts';

const reader = (text: string) => new JsonReader(Buffer.from(text));

/** Writes JSON with white space between everything, and escapes where none are needed. */
function spaced(value: unknown, space: string, escaped: boolean): string {
  if (Array.isArray(value))
    return `[${space}${value.map(item => spaced(item, space, escaped)).join(`${space},`)}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([name, item]) => `${spaced(name, '', escaped)}${space}:${space}${spaced(item, space, escaped)}`,
    );
    return `{${members.join(`,${space}`)}${space}}`;
  }
  if (typeof value === 'string' && escaped) {
    const units = Array.from({ length: value.length }, (_, index) => value.charCodeAt(index));
    return `"${units.map(unit => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
  }
  return JSON.stringify(value);
}

/** Reads a value by the reader's own means. */
function read(from: JsonReader): unknown {
  const first = from.peek();
  if (from.skipNull()) return null;
  if (first === openBracket) {
    const items: unknown[] = [];
    if (from.enter(openBracket)) {
      do items.push(read(from));
      while (from.more());
    }
    return items;
  }
  if (first === openBrace) {
    const members: [string, unknown][] = [];
    if (from.enter(openBrace)) {
      do members.push([from.name(), read(from)]);
      while (from.more());
    }
    return Object.fromEntries(members);
  }
  from.scalar();
  const text = utf8(from.text, from.start, from.end);
  return first === 0x22 ? text : JSON.parse(text);
}

test('reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 4 }),
      fc.constantFrom('', ' ', '\n\t '),
      fc.boolean(),
      (value, space, escaped) => {
        const text = spaced(value, space, escaped);
        // Lone surrogates are no text; UTF-8 has no bytes for them.
        const expected = JSON.parse(JSON.stringify(JSON.parse(text)).toWellFormed());
        expect(read(reader(text))).toEqual(expected);
        const both = reader(`[${text},7]`);
        both.enter(openBracket);
        both.skip();
        expect(both.more()).toBe(true);
        expect(both.value()).toBe(7);
      },
    ),
  );
});

test('keeps numbers as they are written', () => {
  const from = reader('[9007199254740993, -0.10]');
  from.enter(openBracket);
  from.scalar();
  expect(utf8(from.text, from.start, from.end)).toBe('9007199254740993');
  from.more();
  from.scalar();
  expect(utf8(from.text, from.start, from.end)).toBe('-0.10');
  expect(from.more()).toBe(false);
});

test('understands pairs of surrogates and lone ones', () => {
  const text = (json: string) => {
    const from = reader(json);
    from.scalar();
    return utf8(from.text, from.start, from.end);
  };
  expect(text('"\\ud83d\\ude00"')).toBe('😀');
  expect(text('"\\ud83dx"')).toBe('\ufffdx');
  expect(text('"\\ud83d\\u0041"')).toBe('\ufffdA');
  expect(text('"\\"\\\\\\/\\b\\f\\n\\r\\t"')).toBe('"\\/\b\f\n\r\t');
});

test.each(['', '[1', '"open', '"open\\', '{"a" 1}', '[1 2]', '"\\uzzzz"', ']'])(
  'tells that %j is no JSON',
  text => {
    expect(() => read(reader(text))).toThrow(expect.objectContaining({ code: 'ENGINE_RESPONSE' }));
  },
);
