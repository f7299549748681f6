import type { DuckDBValue } from '@duckdb/node-api';
import { InterruptedError, LakebookError } from '../../iceberg/errors.ts';
import type { Type, Value } from '../../iceberg/types.ts';
import type { DuckDb, RunOptions } from '../duckdb.ts';
import { quoteString } from '../quote.ts';
import { usedParameters } from '../session.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { duckDbType } from '../types.ts';
import type { Constant } from './comparison.ts';
import type { ConstantRequest } from './condition.ts';
import { type Expression, expressionTexts, isNode } from './syntax-tree.ts';

/**
 * Values of constant expressions, evaluated by DuckDB in the session (its time zone and settings). Undefined for
 * expressions that fail: what is wrong with them is told when the query runs.
 */
export async function evaluateConstants(
  duckdb: DuckDb,
  requests: readonly ConstantRequest[],
  options: ExecuteOptions,
): Promise<(Constant | undefined)[]> {
  const constants = requests.map(plainConstant);
  const open = [...requests.keys()].filter(index => constants[index] === undefined);
  if (open.length === 0) return constants;
  const written = open.map(index => plainText(requests[index]!.expression));
  const others = open.filter((_, i) => written[i] === undefined).map(index => requests[index]!.expression);
  const texts = await deserialized(duckdb, others, options.signal);
  let next = 0;
  const wanted = open.flatMap((index, i) => {
    const text = written[i] ?? texts[next++];
    return text === undefined ? [] : [{ index, text, request: requests[index]! }];
  });
  for (let start = 0; start < wanted.length; start += batch) {
    const part = wanted.slice(start, start + batch);
    const values =
      (await evaluate(duckdb, part, options)) ??
      (await Promise.all(part.map(async item => (await evaluate(duckdb, [item], options))?.[0])));
    part.forEach(({ index }, i) => {
      constants[index] = values[i];
    });
  }
  return constants;
}

/** Expressions evaluated by one query. */
const batch = 500;

interface Wanted {
  readonly index: number;
  readonly text: string;
  readonly request: ConstantRequest;
}

async function deserialized(
  duckdb: DuckDb,
  expressions: readonly Expression[],
  signal: AbortSignal | undefined,
): Promise<(string | undefined)[]> {
  const texts = await unlessRefused(() => expressionTexts(duckdb, expressions, signal));
  if (texts !== undefined) return texts;
  return Promise.all(
    expressions.map(async one => (await unlessRefused(() => expressionTexts(duckdb, [one], signal)))?.[0]),
  );
}

async function evaluate(
  duckdb: DuckDb,
  wanted: readonly Wanted[],
  options: ExecuteOptions,
): Promise<Constant[] | undefined> {
  const columns = wanted.flatMap(({ text, request }, i) => {
    const value = `TRY_CAST((${text}) AS ${duckDbType(request.type)})`;
    const order = isTextLiteral(request)
      ? '0'
      : `CASE WHEN ${value} = (${text}) THEN 0 WHEN ${value} > (${text}) THEN 1 WHEN ${value} < (${text}) THEN -1 END`;
    return [
      `typeof((${text})) AS t${i}`,
      `TRY((${text}) IS NULL) AS n${i}`,
      `TRY(${value}) AS v${i}`,
      `TRY(CAST(${order} AS INTEGER)) AS o${i}`,
    ];
  });
  const sql = `SELECT ${columns.join(', ')}`;
  const parameters = usedParameters(sql, options.parameters ?? {});
  const runOptions: RunOptions = {
    signal: options.signal,
    ...(parameters === undefined ? {} : { parameters }),
  };
  const rows = await unlessRefused(() => duckdb.rows(sql, runOptions));
  const row = rows?.[0];
  if (row === undefined) return undefined;
  return wanted.map(({ request }, i) => {
    const value = row[`v${i}`] ?? null;
    const order = row[`o${i}`] ?? null;
    const sourceType = String(row[`t${i}`]);
    const isParameterText = request.expression.class === 'PARAMETER' && sourceType === 'VARCHAR';
    return {
      // A failing expression isn't null: it is unknown, without a value.
      isNull: row[`n${i}`] === true,
      sourceType,
      isTextLiteral: isTextLiteral(request) || isParameterText,
      ...(value === null ? {} : { value: icebergValue(request.type, value) }),
      ...(order === null ? {} : { order: Number(order) as -1 | 0 | 1 }),
    };
  });
}

/** Undefined when DuckDB refuses the statement; other failures go on. */
async function unlessRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InterruptedError || !(error instanceof LakebookError)) throw error;
    return undefined;
  }
}

function isTextLiteral({ expression, type }: ConstantRequest): boolean {
  return type.kind !== 'string' && expression.class === 'CONSTANT' && literalOf(expression)?.id === 'VARCHAR';
}

interface Literal {
  readonly id: string;
  readonly value: unknown;
}

function literalOf(expression: Expression): Literal | undefined {
  const { value } = expression;
  if (expression.class !== 'CONSTANT' || !isNode(value) || !isNode(value.type)) return undefined;
  return value.is_null === true ? undefined : { id: String(value.type.id), value: value.value };
}

/** Whole numbers and texts as written need no evaluation for columns of such types. */
function plainConstant({ expression, type }: ConstantRequest): Constant | undefined {
  const literal = literalOf(expression);
  if (literal === undefined) return undefined;
  const { id, value } = literal;
  if (type.kind === 'string' && id === 'VARCHAR' && typeof value === 'string') {
    return { isNull: false, sourceType: id, isTextLiteral: true, value, order: 0 };
  }
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || (id !== 'INTEGER' && id !== 'BIGINT')) {
    return undefined;
  }
  const plain = { isNull: false, sourceType: id, isTextLiteral: false, order: 0 } as const;
  if (type.kind === 'long') return { ...plain, value: BigInt(value) };
  if (type.kind === 'int' && value === (value | 0)) return { ...plain, value };
  return undefined;
}

/** SQL for the commonest constants, without asking DuckDB for it. */
function plainText(expression: Expression): string | undefined {
  const literal = literalOf(expression);
  if (literal !== undefined) {
    const { id, value } = literal;
    if (id === 'VARCHAR' && typeof value === 'string') return quoteString(value);
    if (id === 'INTEGER' && typeof value === 'number') return String(value);
    return undefined;
  }
  if (expression.class === 'PARAMETER' && typeof expression.identifier === 'string') {
    return `$${expression.identifier}`;
  }
  const { child, cast_type: castType } = expression;
  if (expression.class !== 'CAST' || expression.try_cast === true || !isNode(child) || !isNode(castType)) {
    return undefined;
  }
  const target = String(castType.id);
  if (
    castType.type_info !== undefined ||
    !/^(DATE|TIME|TIMESTAMP( WITH TIME ZONE)?|BOOLEAN|UUID)$/.test(target)
  ) {
    return undefined;
  }
  const text = plainText(child as Expression);
  return text === undefined ? undefined : `CAST(${text} AS ${target})`;
}

/** A value that DuckDB's client gives for a column of the type, in Iceberg's in-memory form. */
export function icebergValue(type: Type, value: Exclude<DuckDBValue, null>): Value {
  const object = value as unknown as Readonly<Record<string, never>>;
  switch (type.kind) {
    case 'date':
      return object.days!;
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return object.micros!;
    case 'timestamp_ns':
      return object.nanos!;
    case 'timestamptz_ns':
      return BigInt(object.micros!) * 1000n;
    case 'decimal':
      return object.value!;
    case 'uuid':
      return String(value);
    case 'binary':
    case 'fixed':
      return object.bytes!;
    default:
      return value as Value;
  }
}
