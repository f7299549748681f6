import { describe, expect, test } from 'vitest';
import { Kernel } from '../../src/notebook/kernel.ts';
import type { KernelMethod } from '../../src/notebook/protocol.ts';

const kernel = new Kernel(() => undefined);
const answer = (method: unknown, request?: unknown) =>
  kernel.handle(method as KernelMethod, request as never).then(
    reply => reply,
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );

describe('a kernel believes no request before it has looked at it', () => {
  test.each([
    ['toString', 'UNKNOWN_METHOD: The kernel has no method "toString".'],
    ['constructor', 'UNKNOWN_METHOD: The kernel has no method "constructor".'],
    ['__proto__', 'UNKNOWN_METHOD: The kernel has no method "__proto__".'],
    [undefined, 'UNKNOWN_METHOD: The kernel has no method missing.'],
    [{ toString: 1 }, 'UNKNOWN_METHOD: The kernel has no method {"toString":1}.'],
  ])('the method %j', async (method, told) => {
    expect(await answer(method, {})).toBe(told);
  });

  const view = (filter: object) => ({
    resultId: 'r',
    view: { sort: [], filters: [{ column: 'a', op: 'eq', ...filter }] },
    offset: 0,
    limit: 1,
  });
  test.each([
    ['hello', undefined, 'The request hello must be a JSON object, but is missing.'],
    [
      'execute',
      { cellId: 'c', run: 1, source: 5, language: 'sql' },
      'The request execute: source must be a string, but is 5.',
    ],
    [
      'execute',
      { cellId: 'c', run: 1, source: '', language: 'python' },
      'The request execute: language must be one of sql, lake, but is "python".',
    ],
    [
      'execute',
      { cellId: 'c', run: 1, source: '', language: 'sql', parameters: { x: {} } },
      'The request execute: parameters: x must be a single value, but is {}.',
    ],
    [
      'complete',
      { source: '', language: 'sql', offset: -1 },
      'The request complete: offset must be a whole number from 0, but is -1.',
    ],
    [
      'fetchRows',
      view({ op: 'constructor' }),
      /^REQUEST_INVALID: The request fetchRows: view: filters: op must be one of eq, .* but is "constructor"\.$/,
    ],
    [
      'fetchWindow',
      view({ value: 1 }),
      'The request fetchWindow: view: filters: value must be a string, but is 1.',
    ],
    [
      'tables',
      { namespace: 'default' },
      'The request tables: namespace must be a JSON array, but is "default".',
    ],
  ])('%s of %j', async (method, request, told) => {
    const text = await answer(method, request);
    if (typeof told === 'string') expect(text).toBe(`REQUEST_INVALID: ${told}`);
    else expect(text).toMatch(told);
  });

  test('values that JSON has not', async () => {
    const circle: Record<string, unknown> = {};
    circle.circle = circle;
    expect(await answer('table', { table: circle })).toMatch(
      /^REQUEST_INVALID: .* something that can not be shown\.$/,
    );
    expect(await answer('table', { table: 1n })).toMatch(/^REQUEST_INVALID: .* but is 1\.$/);
  });

  test('a good one is answered', async () => {
    expect(await answer('hello', {})).toMatchObject({ pid: process.pid });
    expect(await answer('status', {})).toMatch(/^NOT_OPEN: /);
  });
});
