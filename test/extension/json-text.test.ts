import fc from 'fast-check';
import { expect, test } from 'vitest';
import { indentedJson } from '../../src/extension/json-text.ts';

test('indents as JSON.stringify does', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      expect(indentedJson(JSON.stringify(value))).toBe(`${JSON.stringify(value, undefined, 2)}\n`);
    }),
  );
});

test('numbers stay as they are written', () => {
  expect(indentedJson('{"id":9007199254740993,"x":1.10}')).toBe(
    '{\n  "id": 9007199254740993,\n  "x": 1.10\n}\n',
  );
});
