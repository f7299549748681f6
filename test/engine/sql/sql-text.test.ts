import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Patch, type Span, SqlText, sql } from '../../../src/engine/sql/sql-text.ts';

const source = 'SELECT a FROM t WHERE b = 1';

test('a template keeps the places of what is put in', () => {
  const table = SqlText.written(source, { start: 14, end: 15 });
  const condition = SqlText.written(source, { start: 22, end: 27 });
  const text = sql`SELECT * FROM ${table} WHERE ${condition} AND ${'c'}`;
  expect(text.text).toBe('SELECT * FROM t WHERE b = 1 AND c');
  expect(text.sourceOffset(14)).toBe(14);
  expect(text.sourceOffset(22)).toBe(22);
  expect(text.sourceOffset(0)).toBeUndefined();
  expect(text.sourceSpan({ start: 14, end: 27 })).toEqual({ start: 14, end: 27 });
  expect(text.sourceSpan({ start: 0, end: 6 })).toBeUndefined();
});

test('a patch stands for what it replaces', () => {
  const text = SqlText.written(source);
  const patched = text.patch([
    { span: { start: 22, end: 23 }, by: sql`(${text.slice(22, 23)} + 1)` },
    { span: { start: 14, end: 15 }, by: 'read_parquet(files)' },
  ]);
  expect(patched.text).toBe('SELECT a FROM read_parquet(files) WHERE (b + 1) = 1');
  expect(patched.sourceOffset(20)).toBe(14);
  expect(patched.sourceOffset(patched.text.indexOf('b +'))).toBe(22);
  expect(patched.sourceOffset(patched.text.indexOf('+'))).toBeUndefined();
  expect(patched.sourceOffset(patched.text.length - 1)).toBe(26);
  expect(patched.sourceOffset(patched.text.length)).toBe(27);
});

describe('as a model of characters that know where they were written', () => {
  type Model = readonly { readonly character: string; readonly at?: number }[];

  const written = fc.tuple(fc.nat(source.length), fc.nat(source.length)).map(([a, b]) => {
    const span = { start: Math.min(a, b), end: Math.max(a, b) };
    const model: Model = [...source.slice(span.start, span.end)].map((character, index) => ({
      character,
      at: span.start + index,
    }));
    return { text: SqlText.written(source, span), model };
  });
  const generated = fc.string({ unit: fc.constantFrom('x', 'y'), maxLength: 5 }).map(text => ({
    text: SqlText.generated(text),
    model: [...text].map(character => ({ character })) as Model,
  }));
  const joined = fc.array(fc.oneof(written, generated), { maxLength: 6 }).map(parts => ({
    text: SqlText.join(parts.map(({ text }) => text)),
    model: parts.flatMap(({ model }) => model),
  }));

  function expectSame(text: SqlText, model: Model): void {
    expect(text.text).toBe(model.map(({ character }) => character).join(''));
    expect(text.length).toBe(model.length);
    model.forEach(({ at }, offset) => {
      expect(text.sourceOffset(offset)).toBe(at);
    });
  }

  test('joining and slicing', () => {
    fc.assert(
      fc.property(joined, fc.nat(40), fc.nat(40), ({ text, model }, a, b) => {
        expectSame(text, model);
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        expectSame(text.slice(start, end), model.slice(start, end));
      }),
    );
  });

  test('the source of a range is from its first to its last written character', () => {
    fc.assert(
      fc.property(joined, fc.nat(40), fc.nat(40), ({ text, model }, a, b) => {
        const [start, end] = [Math.min(a, b, model.length), Math.min(Math.max(a, b), model.length)];
        const places = model.slice(start, end).flatMap(({ at }) => (at === undefined ? [] : [at]));
        const expected: Span | undefined =
          places.length === 0 ? undefined : { start: Math.min(...places), end: Math.max(...places) + 1 };
        if (start < end) expect(text.sourceSpan({ start, end })).toEqual(expected);
      }),
    );
  });

  test('patching', () => {
    const cuts = fc.uniqueArray(fc.nat(40), { maxLength: 6 }).map(list => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(
        joined,
        cuts,
        fc.array(joined, { minLength: 3, maxLength: 3 }),
        ({ text, model }, list, by) => {
          const inside = list.filter(cut => cut <= model.length);
          const patches: (Patch & { model: Model })[] = [];
          for (let index = 0; index + 1 < inside.length; index += 2) {
            const { text: replacement, model: other } = by[index / 2]!;
            patches.push({
              span: { start: inside[index]!, end: inside[index + 1]! },
              by: replacement,
              model: other,
            });
          }
          const expected: { character: string; at?: number }[] = [];
          let at = 0;
          for (const { span, model: other } of patches) {
            expected.push(...model.slice(at, span.start), ...other);
            at = span.end;
          }
          expected.push(...model.slice(at));
          expectSame(text.patch([...patches].reverse()), expected);
        },
      ),
    );
  });
});
