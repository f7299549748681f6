import { didYouMean } from '../../iceberg/did-you-mean.ts';
import { type TextPosition, ValidationError } from '../../iceberg/errors.ts';
import { findField, type Schema } from '../../iceberg/schema.ts';
import type { NestedField } from '../../iceberg/types.ts';
import { sqlName } from '../table-names.ts';

/** A column of a source and the table's column that it goes to. */
export interface ColumnMatch {
  readonly source: string;
  readonly field: NestedField;
}

/** What names a source in errors. */
export interface SourcePlace {
  /** `data/sales.csv, line 1`, `the query`. */
  readonly name: string;
  readonly file?: string;
  readonly position?: TextPosition;
}

export interface TargetColumns {
  /** The table's name as people write it. */
  readonly table: string;
  readonly schema: Schema;
  /** Columns that the source must have; the table's required ones for an ingest, the key for an upsert. */
  readonly needed: readonly string[];
}

/**
 * Pairs a source's columns with a table's by name, without regard to case. Columns of the table that the source
 * hasn't got are left out.
 * @param suggestType the type to propose for a column that the table hasn't got
 * @throws ValidationError `COLUMNS_MISMATCH` that shows both lists
 */
export function matchColumns(
  columns: readonly string[],
  target: TargetColumns,
  place: SourcePlace,
  suggestType: (column: string) => string = () => 'string',
): ColumnMatch[] {
  const { schema, table } = target;
  const names = schema.fields.map(field => field.name);
  const fail = (message: string, hint: string): never => {
    throw new ValidationError(
      `${message} It has ${list(columns)}; ${table} has ${list(names)}.`,
      { hint, ...(place.file === undefined ? {} : { file: place.file, position: place.position }) },
      'COLUMNS_MISMATCH',
    );
  };
  const matches: ColumnMatch[] = [];
  const unknown: string[] = [];
  for (const source of columns) {
    const field = topLevelField(schema, source);
    if (field === undefined) unknown.push(source);
    else matches.push({ source, field });
    const twice = matches.filter(match => match.field === field);
    if (twice.length > 1) {
      fail(
        `${place.name}: the columns ${twice.map(match => quoted(match.source)).join(' and ')} both go to "${field!.name}".`,
        'Leave one of them out: upper and lower case don’t tell columns apart.',
      );
    }
  }
  if (unknown.length > 0 && matches.length === 0) {
    fail(
      `${place.name}: none of the columns is one of ${table}.`,
      columns.some(looksLikeData)
        ? 'The first line seems to hold data: add `no header` if the file has no header line.'
        : 'Name the columns as the table does; upper and lower case and their order don’t matter.',
    );
  }
  if (unknown.length > 0) {
    const free = names.filter(name => !matches.some(match => match.field.name === name));
    const meant = unknown.map(column => [column, didYouMean(column, free)] as const);
    const guessed = meant.filter(([, close]) => close !== undefined);
    const others = unknown.filter(column => !guessed.some(([name]) => name === column));
    const added = guessed.length === 0 ? unknown : others;
    const additions = added.map(column => `add ${sqlName(column)} ${suggestType(column)}`).join(', ');
    const add = `\`%lake evolve ${table} ${additions}\` adds ${added.length === 1 ? quoted(added[0]!) : 'them'}`;
    const guesses = guessed.map(([column, close]) => `"${close}" for "${column}"`).join(', ');
    fail(
      `${place.name}: ${table} has no column ${unknown.map(quoted).join(', ')}.`,
      guessed.length === 0
        ? `${add}; or leave ${unknown.length === 1 ? 'it' : 'them'} out of the source.`
        : `Did you mean ${guesses}?${added.length === 0 ? '' : ` ${add}.`}`,
    );
  }
  const missing = target.needed.filter(name => !matches.some(match => match.field.name === name));
  if (missing.length > 0) {
    fail(
      `${place.name}: the column${missing.length === 1 ? '' : 's'} ${missing.map(quoted).join(', ')} that ${table} needs ${missing.length === 1 ? 'is' : 'are'} missing.`,
      isKey(schema, missing[0]!)
        ? `It is part of the key: every row needs it.`
        : `Add ${missing.length === 1 ? 'it' : 'them'} to the source, or make ${missing.length === 1 ? 'it' : 'them'} optional: \`%lake evolve ${table} optional ${sqlName(missing[0]!)}\`.`,
    );
  }
  return matches;
}

function isKey(schema: Schema, name: string): boolean {
  return schema.fields.some(field => field.name === name && schema.identifierFieldIds.includes(field.id));
}

/** A column of the table's own, not one inside of a struct. */
function topLevelField(schema: Schema, name: string): NestedField | undefined {
  const exact = schema.fields.find(field => field.name === name);
  if (exact !== undefined) return exact;
  const lower = name.toLowerCase();
  const close = schema.fields.filter(field => field.name.toLowerCase() === lower);
  // Names that differ in case only: findField tells which.
  return close.length > 1 ? findField(schema, name) : close[0];
}

/** Names of required columns without a default. */
export function requiredColumns(schema: Schema): string[] {
  return schema.fields
    .filter(field => field.required && field.writeDefault === undefined)
    .map(field => field.name);
}

function looksLikeData(name: string): boolean {
  return /^[-+]?[\d.,]+$|^\d{4}-\d\d-\d\d/.test(name);
}

function quoted(name: string): string {
  return `"${name}"`;
}

const longestList = 30;

function list(names: readonly string[]): string {
  const shown = names.slice(0, longestList).join(', ');
  return names.length > longestList ? `${shown} and ${names.length - longestList} more` : shown;
}
