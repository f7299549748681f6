import { quoteIdentifier, quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { duckDbType } from '../../engine/types.ts';
import { type Schema, typeToString } from '../../iceberg/schema.ts';
import type { Type } from '../../iceberg/types.ts';
import type { FileOptions } from '../requests.ts';
import type { CsvHead } from './csv-head.ts';
import { type CsvGroup, readCsvSql } from './csv-reader.ts';
import type { RowsOptions } from './source.ts';

/*
 * Types of the columns of a file of text, so that nothing of the text is lost: 007 and numbers of more than 18
 * digits stay strings, numbers with two to four decimals each (19.90) are decimals, others are doubles, dates and
 * timestamps are ISO 8601 (or what `date format` says). A column is what all of its values are, not the first ones.
 */

/** What the texts of a column are; counted in SQL by the same expressions that JavaScript looks at samples with. */
const shapes = {
  whole: '^-?(0|[1-9][0-9]{0,17})$',
  number: '^-?(0|[1-9][0-9]*)(POINT[0-9]+)?$',
  float: '^-?(0|[1-9][0-9]*)(POINT[0-9]+)?([eE][-+]?[0-9]{1,3})?$',
  boolean: '^([Tt]rue|[Ff]alse|TRUE|FALSE)$',
  date: '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$',
  timestamp: '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)?$',
  timestamptz:
    '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$',
  time: '^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)?$',
} as const;
type Shape = keyof typeof shapes;

/** Digits that a double tells apart. */
const doubleDigits = 15;
const decimalPrecision = 18;

/** What is known of a column's values. */
interface Evidence {
  readonly values: number;
  readonly of: Readonly<Record<Shape, number>>;
  readonly fewestDecimals: number;
  readonly mostDecimals: number;
  readonly mostDigits: number;
  /** Values that are dates in the format that was given. */
  readonly formattedDates: number;
  readonly formattedTimestamps: number;
  /** Values that fit DuckDB's type of the shape (2024-02-30 has the shape of a date, and is none). */
  readonly casts: Readonly<Record<'date' | 'timestamp' | 'timestamptz' | 'time', number>>;
}

function typeOf(seen: Evidence): Type {
  const { values, of, casts } = seen;
  const all = (shape: Shape) => of[shape] === values;
  if (values === 0) return { kind: 'string' };
  if (seen.formattedDates === values) return { kind: 'date' };
  if (seen.formattedTimestamps === values) return { kind: 'timestamp' };
  if (all('whole')) return { kind: 'long' };
  if (all('number')) {
    const { fewestDecimals: fewest, mostDecimals: most, mostDigits } = seen;
    if (fewest === most && most >= 2 && most <= 4 && mostDigits <= decimalPrecision) {
      return { kind: 'decimal', precision: decimalPrecision, scale: most };
    }
    return { kind: most > 0 && mostDigits <= doubleDigits ? 'double' : 'string' };
  }
  if (all('float') && seen.mostDigits <= doubleDigits) return { kind: 'double' };
  if (all('boolean')) return { kind: 'boolean' };
  for (const shape of ['date', 'timestamp', 'timestamptz', 'time'] as const) {
    if (all(shape) && casts[shape] === values) return { kind: shape };
  }
  // Dates among timestamps are timestamps at midnight.
  if (of.date + of.timestamp === values && casts.timestamp === values) return { kind: 'timestamp' };
  return { kind: 'string' };
}

/** The type that the first values of a column suggest, for a proposal to the user. */
export function likelyType(head: CsvHead, index: number, options: FileOptions): string {
  const values = head.sample.map(record => record[index] ?? '').filter(value => value !== '');
  const point = options.decimalSeparator === ',' ? ',' : '.';
  const count = (shape: Shape) => {
    const pattern = new RegExp(shapeSource(shape, options));
    return values.filter(value => pattern.test(value)).length;
  };
  const decimals = values.map(value => (value.includes(point) ? value.length - value.indexOf(point) - 1 : 0));
  const of = Object.fromEntries(
    (Object.keys(shapes) as Shape[]).map(shape => [shape, count(shape)]),
  ) as Record<Shape, number>;
  return typeToString(
    typeOf({
      values: values.length,
      of,
      fewestDecimals: Math.min(...decimals),
      mostDecimals: Math.max(...decimals),
      mostDigits: Math.max(...values.map(value => value.replace(/\D/g, '').length)),
      formattedDates: -1,
      formattedTimestamps: -1,
      casts: of,
    }),
  );
}

function shapeSource(shape: Shape, options: FileOptions): string {
  return shapes[shape].replace('POINT', options.decimalSeparator === ',' ? ',' : '\\.');
}

/** Records that are looked at closely first. */
const sampleSize = 50_000;

/** @throws SqlError for lines that can't be read, unless they are left out */
export async function inferCsvSchema(
  session: EngineSession,
  groups: readonly CsvGroup[],
  columns: readonly string[],
  options: FileOptions,
  run: RowsOptions,
): Promise<Schema> {
  const relation = groups
    .map(
      group =>
        `SELECT * FROM ${readCsvSql({ group, options, ignoreErrors: run.onError !== undefined && run.onError !== 'abort' })}`,
    )
    .join(' UNION ALL BY NAME ');
  const sampled = await typesOf(session, `(FROM (${relation}) LIMIT ${sampleSize})`, columns, options, run);
  const doubtful = await unfitColumns(session, relation, sampled, options, run);
  const whole = doubtful.length === 0 ? [] : await typesOf(session, `(${relation})`, doubtful, options, run);
  const types = new Map([...sampled, ...whole]);
  return {
    schemaId: 0,
    fields: columns.map((name, index) => ({ id: index + 1, name, required: false, type: types.get(name)! })),
    identifierFieldIds: [],
  };
}

async function typesOf(
  session: EngineSession,
  relation: string,
  columns: readonly string[],
  options: FileOptions,
  run: RowsOptions,
): Promise<[string, Type][]> {
  const point = quoteString(options.decimalSeparator === ',' ? ',' : '.');
  const list = columns.flatMap((name, index) => {
    const x = quoteIdentifier(name);
    const decimals = `CASE WHEN contains(${x}, ${point}) THEN length(${x}) - instr(${x}, ${point}) ELSE 0 END`;
    return [
      `count(${x}) AS n${index}`,
      ...(Object.keys(shapes) as Shape[]).map(
        shape =>
          `count(*) FILTER (WHERE regexp_matches(${x}, ${quoteString(shapeSource(shape, options))})) AS ${shape}${index}`,
      ),
      `min(${decimals}) AS fewest${index}`,
      `max(${decimals}) AS most${index}`,
      `max(length(regexp_replace(${x}, '[^0-9]', '', 'g'))) AS digits${index}`,
      `count(TRY_CAST(${x} AS DATE)) AS castdate${index}`,
      `count(TRY_CAST(${x} AS TIMESTAMP)) AS casttimestamp${index}`,
      `count(TRY_CAST(${x} AS TIMESTAMP WITH TIME ZONE)) AS casttimestamptz${index}`,
      `count(TRY_CAST(${x} AS TIME)) AS casttime${index}`,
      options.dateFormat === undefined
        ? `-1 AS dates${index}`
        : `count(try_strptime(${x}, ${quoteString(options.dateFormat)})) AS dates${index}`,
      options.timestampFormat === undefined
        ? `-1 AS moments${index}`
        : `count(try_strptime(${x}, ${quoteString(options.timestampFormat)})) AS moments${index}`,
    ];
  });
  const row = await one(session, `SELECT ${list.join(', ')} FROM ${relation}`, run);
  const number = (name: string) => Number(row[name] ?? 0);
  return columns.map((name, index) => [
    name,
    typeOf({
      values: number(`n${index}`),
      of: Object.fromEntries(
        (Object.keys(shapes) as Shape[]).map(shape => [shape, number(`${shape}${index}`)]),
      ) as Record<Shape, number>,
      fewestDecimals: number(`fewest${index}`),
      mostDecimals: number(`most${index}`),
      mostDigits: number(`digits${index}`),
      formattedDates: number(`dates${index}`),
      formattedTimestamps: number(`moments${index}`),
      casts: {
        date: number(`castdate${index}`),
        timestamp: number(`casttimestamp${index}`),
        timestamptz: number(`casttimestamptz${index}`),
        time: number(`casttime${index}`),
      },
    }),
  ]);
}

/** Columns in which a value beyond the sample isn't what the sample said. */
async function unfitColumns(
  session: EngineSession,
  relation: string,
  sampled: readonly (readonly [string, Type])[],
  options: FileOptions,
  run: RowsOptions,
): Promise<string[]> {
  const doubts = sampled.flatMap(([name, type], index) => {
    const condition = unfit(quoteIdentifier(name), type, options);
    return condition === undefined
      ? []
      : [{ name, sql: `count(*) FILTER (WHERE ${condition}) AS c${index}`, index }];
  });
  if (doubts.length === 0) return [];
  const row = await one(
    session,
    `SELECT ${doubts.map(doubt => doubt.sql).join(', ')} FROM (${relation})`,
    run,
  );
  return doubts.filter(({ index }) => Number(row[`c${index}`]) > 0).map(({ name }) => name);
}

/** SQL, cheaper than regular expressions, that is true for every value that isn't of a type, and for few others. */
function unfit(x: string, type: Type, options: FileOptions): string | undefined {
  const decimalComma = options.decimalSeparator === ',';
  const text = decimalComma ? `replace(${x}, ',', '.')` : x;
  const point = quoteString(decimalComma ? ',' : '.');
  const cast = (sqlText: string) =>
    `(${x} IS NOT NULL AND TRY_CAST(${sqlText} AS ${duckDbType(type)}) IS NULL)`;
  // 007, and what only a lenient cast takes for a number: spaces, underscores, plus signs.
  const strange = `(length(${x}) > 1 AND ((${x}[1] = '0' AND ${x}[2] <> ${point}) OR ${x}[1] NOT BETWEEN '-' AND '9' OR ${x}[-1] = ' ' OR contains(${x}, '_') OR (${x}[1] = '-' AND ${x}[2] = '0' AND length(${x}) > 2 AND ${x}[3] <> ${point})))`;
  switch (type.kind) {
    case 'long':
      return `${cast(x)} OR ${strange} OR contains(${x}, '.') OR contains(lower(${x}), 'e') OR length(${x}) > 19`;
    case 'decimal':
      return `${cast(text)} OR ${strange} OR length(${x}) - instr(${x}, ${point}) <> ${type.scale} OR length(${x}) > ${decimalPrecision + 1}`;
    case 'double':
      return `${cast(text)} OR ${strange} OR length(${x}) > ${doubleDigits + 1} OR contains(lower(${x}), 'n')`;
    case 'boolean':
      return `${cast(x)} OR length(${x}) < 4`;
    case 'date':
      if (options.dateFormat !== undefined) {
        return `(${x} IS NOT NULL AND try_strptime(${x}, ${quoteString(options.dateFormat)}) IS NULL)`;
      }
      return `${cast(x)} OR length(${x}) <> 10 OR contains(lower(${x}), 'n')`;
    case 'timestamp':
      if (options.timestampFormat !== undefined) {
        return `(${x} IS NOT NULL AND try_strptime(${x}, ${quoteString(options.timestampFormat)}) IS NULL)`;
      }
      return `${cast(x)} OR length(${x}) > 26 OR ${x}[-1] NOT BETWEEN '0' AND '9' OR contains(${x}, '+') OR contains(lower(${x}), 'n') OR (length(${x}) > 11 AND contains(${x}[12:], '-'))`;
    case 'timestamptz':
      return `${cast(x)} OR length(${x}) > 33 OR NOT (${x}[-1] = 'Z' OR contains(${x}[12:], '+') OR contains(${x}[12:], '-'))`;
    case 'time':
      return `${cast(x)} OR length(${x}) > 15`;
    default:
      return undefined;
  }
}

async function one(session: EngineSession, sql: string, run: RowsOptions): Promise<Record<string, unknown>> {
  const { signal, onProgress } = run;
  const [row] = await session.duckdb.rows(sql, { signal, onProgress, phase: 'looking for types' });
  return row!;
}
