import { fileList } from '../../engine/parquet-layout.ts';
import { quoteIdentifier, quoteString } from '../../engine/quote.ts';
import type { FileOptions } from '../requests.ts';
import type { CsvHead } from './csv-head.ts';

/** CSV files that are written the same way and have the same columns, so that one read_csv reads them all. */
export interface CsvGroup {
  readonly heads: readonly CsvHead[];
  /** The columns as the header names them; `column1`, ... or the table's for files without one. */
  readonly columns: readonly string[];
}

/** Puts files together that one read_csv can read. */
export function groupFiles(
  heads: readonly CsvHead[],
  columnsOf: (head: CsvHead) => readonly string[],
): CsvGroup[] {
  const groups = new Map<string, { heads: CsvHead[]; columns: readonly string[] }>();
  for (const head of heads) {
    const columns = columnsOf(head);
    const { dialect, encoding, compression, skip, mixedNewlines } = head;
    const key = JSON.stringify([columns, dialect, encoding, compression, skip, mixedNewlines]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { heads: [head], columns });
    else group.heads.push(head);
  }
  return [...groups.values()];
}

export interface ReadCsv {
  readonly group: CsvGroup;
  readonly options: FileOptions;
  /** The DuckDB type to read a column as; VARCHAR for all when absent. */
  readonly typeOf?: (column: string) => string;
  /** Lines that don't fit are left out. */
  readonly ignoreErrors?: boolean;
  /** Lines that don't fit go to tables of these names. */
  readonly rejects?: { readonly errors: string; readonly scans: string };
}

/**
 * What a thread reads at once. DuckDB's own 32 MB don't fit into a small memory limit; a buffer must hold the longest
 * line (2 MB).
 */
const bufferBytes = 2 << 20;

/** A call of read_csv. Nothing is left for it to find out, so that it reads what the header of the files says. */
export function readCsvSql({ group, options, typeOf, ignoreErrors, rejects }: ReadCsv): string {
  const [head] = group.heads;
  const { dialect, encoding, skip, mixedNewlines } = head!;
  const columns = group.columns.map(
    name => `${quoteString(name)}: ${quoteString(typeOf?.(name) ?? 'VARCHAR')}`,
  );
  const nulls = [
    '',
    ...(options.nullText === undefined || options.nullText === '' ? [] : [options.nullText]),
  ];
  const args = [
    fileList(group.heads.map(each => each.file.path)),
    'auto_detect = false',
    `delim = ${quoteString(dialect.delimiter)}`,
    `quote = ${quoteString(dialect.quote)}`,
    `escape = ${quoteString(dialect.escape)}`,
    `header = ${head!.header !== undefined}`,
    `columns = {${columns.join(', ')}}`,
    `nullstr = [${nulls.map(quoteString).join(', ')}]`,
    `strict_mode = ${!mixedNewlines}`,
    `buffer_size = ${bufferBytes}`,
    ...(skip > 0 ? [`skip = ${skip}`] : []),
    ...(encoding === 'utf-8' ? [] : [`encoding = ${quoteString(encoding)}`]),
    ...(options.dateFormat === undefined ? [] : [`dateformat = ${quoteString(options.dateFormat)}`]),
    ...(options.timestampFormat === undefined
      ? []
      : [`timestampformat = ${quoteString(options.timestampFormat)}`]),
    ...(options.decimalSeparator === undefined
      ? []
      : [`decimal_separator = ${quoteString(options.decimalSeparator)}`]),
    ...(ignoreErrors === true ? ['ignore_errors = true'] : []),
    ...(rejects === undefined
      ? []
      : [
          'store_rejects = true',
          'rejects_limit = 0',
          `rejects_table = ${quoteString(rejects.errors)}`,
          `rejects_scan = ${quoteString(rejects.scans)}`,
        ]),
  ];
  return `read_csv(${args.join(', ')})`;
}

/** A query that makes DuckDB read every value of every column, and answers the number of lines that fit. */
export function readThroughSql(relation: string, columns: readonly string[]): string {
  const counts = columns.map((name, index) => `count(${quoteIdentifier(name)}) AS c${index}`);
  return `SELECT count(*) AS n, ${counts.join(', ')} FROM ${relation}`;
}
