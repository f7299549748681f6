import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isLocal,
  joinLocation,
  schemeOf,
  stripTrailingSlashes,
  toFileUri,
  toLocalPath,
} from '../../src/storage/paths.ts';

describe('toLocalPath', () => {
  test.each([
    ['file:///dir/x', '/dir/x'],
    ['file:/dir/x', '/dir/x'],
    ['file://localhost/dir/x', '/dir/x'],
    ['FILE:///dir/x', '/dir/x'],
    ['/dir/x', '/dir/x'],
    ['file:////dir//x', '/dir//x'],
    // Written un-encoded by PyIceberg and Spark, so a percent sign is part of the name.
    ['file:///dir/a b', '/dir/a b'],
    ['file:///dir/a%20b/s=x%2Fy', '/dir/a%20b/s=x%2Fy'],
    ['file:///dir/grün/🦆?#', '/dir/grün/🦆?#'],
  ])('%s', (location, expected) => {
    expect(toLocalPath(location, 'linux')).toBe(expected);
  });

  test.each([
    ['file:///C:/dir/x', 'C:\\dir\\x'],
    ['file:/C:/dir/x', 'C:\\dir\\x'],
    ['file://C:/dir/x', 'C:\\dir\\x'],
    ['file://localhost/C:/dir/x', 'C:\\dir\\x'],
    ['C:\\dir\\x', 'C:\\dir\\x'],
    ['C:/dir/x', 'C:\\dir\\x'],
    ['file://server/share/x', '\\\\server\\share\\x'],
  ])('on Windows %s', (location, expected) => {
    expect(toLocalPath(location, 'win32')).toBe(expected);
  });

  test.each([
    ['s3://bucket/x', 'UNSUPPORTED', 's3'],
    ['file://server/share/x', 'UNSUPPORTED', 'file:///server/share/x'],
    ['dir/x', 'INVALID', 'file:///'],
    ['file:dir/x', 'INVALID', 'file:///'],
    ['', 'INVALID', 'file:///'],
  ])('refuses %s and says what to write', (location, code, hint) => {
    expect(() => toLocalPath(location, 'linux')).toThrow(
      expect.objectContaining({ code, hint: expect.stringContaining(hint) }),
    );
  });

  test('refuses a NUL, which would cut the path off', () => {
    expect(() => toLocalPath('file:///a\0b')).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });
});

describe('toFileUri', () => {
  test('is the inverse of toLocalPath for any absolute path', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1 }).filter(name => !/[/\0]/.test(name));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), parts => {
        const file = `/${parts.join('/')}`;
        expect(toLocalPath(toFileUri(file, 'linux'), 'linux')).toBe(file);
      }),
    );
  });

  test.each([
    ['C:\\dir\\a b', 'file:///C:/dir/a b'],
    ['\\\\server\\share\\x', 'file://server/share/x'],
  ])('on Windows %s', (file, uri) => {
    expect(toFileUri(file, 'win32')).toBe(uri);
    expect(toLocalPath(uri, 'win32')).toBe(path.win32.normalize(file));
  });
});

test.each([
  ['file:///dir', ['a', 'b'], 'file:///dir/a/b'],
  ['file:///dir/', ['/a/', 'b/'], 'file:///dir/a/b'],
  ['file:///', ['a'], 'file:///a'],
  ['file:/', ['a'], 'file:/a'],
  ['/', ['a'], '/a'],
  ['/dir//', ['', 'a'], '/dir/a'],
  ['s3://bucket', ['a/b'], 's3://bucket/a/b'],
  ['file:///dir', [], 'file:///dir'],
])('joinLocation(%s, %j)', (base, parts, expected) => {
  expect(joinLocation(base, ...parts)).toBe(expected);
});

test('stripTrailingSlashes keeps the slashes of a root', () => {
  expect(['file:///dir//', '/dir/', 'file:///', '/', 's3://b/'].map(stripTrailingSlashes)).toEqual([
    'file:///dir',
    '/dir',
    'file:///',
    '/',
    's3://b',
  ]);
});

test('a drive letter is no scheme', () => {
  expect(['C:\\x', 'file:/x', 's3://b/x', '/x'].map(schemeOf)).toEqual([undefined, 'file', 's3', undefined]);
  expect(['C:\\x', 'file:/x', 's3://b/x', '/x'].map(isLocal)).toEqual([true, true, false, true]);
});
