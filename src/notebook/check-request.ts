import { engineKinds } from '../engine/remote/remote-engine.ts';
import { ValidationError } from '../iceberg/errors.ts';
import {
  asArray,
  asBoolean,
  asInteger,
  asObject,
  asString,
  describeJson,
  type JsonObject,
} from '../iceberg/json.ts';
import type { KernelMethod } from './protocol.ts';

/*
 * Parts of requests come from a webview, which shows what others wrote: a kernel believes none of them before it has
 * looked. Members that a method doesn't know are left alone.
 */

type Check = (value: unknown, where: string) => unknown;

const text: Check = asString;
const count: Check = (value, where) => {
  if (asInteger(value, where) >= 0) return;
  throw new ValidationError(`${where} must be a whole number from 0, but is ${describeJson(value)}.`);
};
const flag: Check = asBoolean;

function oneOf(...words: readonly string[]): Check {
  return (value, where) => {
    if (words.includes(value as string)) return;
    throw new ValidationError(`${where} must be one of ${words.join(', ')}, but is ${describeJson(value)}.`);
  };
}

function listOf(item: Check): Check {
  return (value, where) => {
    for (const each of asArray(value, where)) item(each, where);
  };
}

/** An object's members; those whose name ends in `?` may be missing. */
function object(members: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(members).map(([name, check]) => {
    const isOptional = name.endsWith('?');
    return { name: isOptional ? name.slice(0, -1) : name, check, isOptional };
  });
  return (value, where) => {
    const found: JsonObject = asObject(value, where);
    for (const { name, check, isOptional } of checks) {
      if (found[name] === undefined && isOptional) continue;
      check(found[name], `${where}: ${name}`);
    }
  };
}

const language = oneOf('sql', 'lake');
const engine = oneOf(...engineKinds);
const parameters: Check = (value, where) => {
  for (const [name, item] of Object.entries(asObject(value, where))) {
    if (item === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof item)) continue;
    throw new ValidationError(`${where}: ${name} must be a single value, but is ${describeJson(item)}.`);
  }
};
const view = object({
  sort: listOf(object({ column: text, descending: flag })),
  filters: listOf(
    object({
      column: text,
      op: oneOf('eq', 'ne', 'lt', 'le', 'gt', 'ge', 'contains', 'null', 'not-null'),
      'value?': text,
    }),
  ),
  'search?': text,
});
const chart = object({
  kind: oneOf('bar', 'line', 'area', 'scatter', 'histogram'),
  x: text,
  'y?': text,
  aggregate: oneOf('sum', 'avg', 'min', 'max', 'count', 'none'),
  'color?': text,
});
const inCell = { source: text, language, offset: count };
const rows = { resultId: text, 'view?': view, offset: count, limit: count };
const nothing = object({});

const requests: Readonly<Record<KernelMethod, Check>> = {
  hello: nothing,
  open: object({
    folder: text,
    'workingDirectory?': text,
    'settings?': object({
      'memoryLimit?': text,
      'threads?': count,
      'previewRows?': count,
      'engine?': engine,
      'engineHintBytes?': count,
    }),
  }),
  execute: object({
    cellId: text,
    run: count,
    source: text,
    language,
    'tags?': listOf(text),
    'parameters?': parameters,
    'previewRows?': count,
    'executionCount?': count,
  }),
  interrupt: nothing,
  complete: object(inCell),
  inspect: object(inCell),
  diagnose: object({ source: text, language }),
  fetchWindow: object(rows),
  fetchRows: object(rows),
  columnSummary: object({ resultId: text, column: text }),
  chart: object({ resultId: text, 'view?': view, chart }),
  releaseResult: object({ resultId: text }),
  exportResult: object({
    resultId: text,
    'view?': view,
    format: oneOf('csv', 'parquet', 'arrow', 'json'),
    path: text,
  }),
  namespaces: object({ 'parent?': listOf(text) }),
  tables: object({ namespace: listOf(text) }),
  table: object({ table: text }),
  tableMetadata: object({ table: text }),
  tableFiles: object({ table: text, limit: count }),
  tablePartitions: object({ table: text }),
  status: nothing,
  chooseEngine: object({ engine }),
  shutdown: nothing,
};

/**
 * Checks a request before a method gets it.
 * @throws ValidationError (UNKNOWN_METHOD, REQUEST_INVALID) saying what is wrong where
 */
export function checkRequest(method: unknown, request: unknown): void {
  if (typeof method !== 'string' || !Object.hasOwn(requests, method)) {
    throw new ValidationError(
      `The kernel has no method ${describeJson(method)}.`,
      { hint: 'Both sides must be of the same version of Lakebook.' },
      'UNKNOWN_METHOD',
    );
  }
  try {
    requests[method as KernelMethod](request, `The request ${method}`);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw new ValidationError(error.message, { cause: error }, 'REQUEST_INVALID');
  }
}
