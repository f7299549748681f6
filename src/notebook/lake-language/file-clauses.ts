import type { FileOptions, Source } from '../../lake/requests.ts';

/** How a source's files are read, for verbs that take files. */
export const fileClauses =
  '{format <format:csv|json|parquet|arrow>}{delimiter <delimiter:text>}{quote <quote:text>}{escape <escape:text>}{@noHeader no header}{@withHeader header}{encoding <encoding:text>}{null text <nullText:text>}{date format <dateFormat:text>}{timestamp format <timestampFormat:text>}{decimal separator <decimalSeparator:text>}';

interface FileClauses extends Omit<FileOptions, 'header'> {
  readonly noHeader?: boolean;
  readonly withHeader?: boolean;
}

/** Moves the file clauses of a parsed line into its source's options. */
export function withFileOptions<T extends { readonly source: Source }>(values: T & FileClauses): T {
  const {
    format,
    delimiter,
    quote,
    escape: escapeCharacter,
    noHeader,
    withHeader,
    encoding,
    nullText,
    dateFormat,
    timestampFormat,
    decimalSeparator,
    ...request
  } = values;
  const header = noHeader ? false : withHeader ? true : undefined;
  const all = {
    format,
    delimiter,
    quote,
    escape: escapeCharacter,
    header,
    encoding,
    nullText,
    dateFormat,
    timestampFormat,
    decimalSeparator,
  };
  const options = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const { source } = values;
  return (
    source.kind === 'files' && Object.keys(options).length > 0
      ? { ...request, source: { ...source, options } }
      : request
  ) as T;
}
