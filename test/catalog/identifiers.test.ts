import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  checkNewIdentifier,
  checkNewNamespace,
  folderName,
  formatIdentifier,
  parseIdentifier,
} from '../../src/catalog/identifiers.ts';

test.each([
  ['sales', ['default'], 'sales'],
  ['eu.sales', ['eu'], 'sales'],
  ['a.b.c.sales', ['a', 'b', 'c'], 'sales'],
  ['"a.b".sales', ['a', 'b'], 'sales'],
  ['a."x.y"', ['a'], 'x.y'],
  [' a . "my ""table""" ', ['a'], 'my "table"'],
  ['grün.größe', ['grün'], 'größe'],
])('parseIdentifier(%s)', (text, namespace, name) => {
  expect(parseIdentifier(text)).toEqual({ namespace, name });
});

test.each(['', '.', 'a.', '.a', 'a..b', '"a', 'a"b', '""', 'a."" '])('parseIdentifier refuses %j', text => {
  expect(() => parseIdentifier(text)).toThrow(expect.objectContaining({ code: 'INVALID' }));
});

test('parseIdentifier reads what formatIdentifier writes', () => {
  const level = fc.string({ unit: 'grapheme', minLength: 1 }).filter(text => /^[^\s."]+$/.test(text));
  const name = fc.string({ unit: 'grapheme', minLength: 1 });
  fc.assert(
    fc.property(fc.array(level, { minLength: 1, maxLength: 3 }), name, (namespace, table) => {
      const identifier = { namespace, name: table };
      expect(parseIdentifier(formatIdentifier(identifier))).toEqual(identifier);
    }),
  );
});

test.each([
  ['', 'empty'],
  ['  ', 'empty'],
  [' a', 'space'],
  ['a.b', 'dot'],
  ['a/b', 'slashes'],
  ['..\\..', 'dot'],
  ['a\nb', 'character'],
  ['x'.repeat(256), '255'],
])('%j can not be created as a table or namespace', (name, why) => {
  const refusal = expect.objectContaining({ code: 'INVALID', message: expect.stringContaining(why) });
  expect(() => checkNewIdentifier({ namespace: ['default'], name })).toThrow(refusal);
  expect(() => checkNewNamespace(['a', name])).toThrow(refusal);
});

test('other names can be created, in namespaces of any depth', () => {
  checkNewIdentifier({ namespace: ['a', 'b', 'c'], name: 'Größe 2026 (neu)' });
  expect(() => checkNewIdentifier({ namespace: [], name: 'x' })).toThrow('namespace is missing');
});

test('folder names hold nothing that libraries read as part of a URI', () => {
  expect(folderName('Größe 2026')).toBe('Größe 2026');
  expect(folderName('a?b#c%d:e*"f"')).toBe('a_b_c_d_e__f_');
});
