import { SqlError } from '../../engine/errors.ts';
import { quoteIdentifier, quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { duckDbType } from '../../engine/types.ts';
import { LakebookError, ValidationError } from '../../iceberg/errors.ts';
import type { Schema } from '../../iceberg/schema.ts';
import type { NestedField } from '../../iceberg/types.ts';
import type { FileOptions } from '../requests.ts';
import { type ColumnMatch, matchColumns, type TargetColumns } from './columns.ts';
import { type CsvHead, readCsvHead } from './csv-head.ts';
import { inferCsvSchema, likelyType } from './csv-infer.ts';
import { type CsvGroup, groupFiles, readCsvSql } from './csv-reader.ts';
import { type ColumnCheck, collectInexact, collectReaderRejects } from './csv-rejects.ts';
import { exactnessRule, inexactSql } from './exactness.ts';
import type { SourceFile } from './files.ts';
import { RejectTable } from './reject-table.ts';
import type { OpenedSource, RowsOptions, SourceRows } from './source.ts';

/** Files of comma-, tab- or otherwise separated values. */
export async function openCsv(
  session: EngineSession,
  name: string,
  files: readonly SourceFile[],
  options: FileOptions,
  expected: readonly string[],
): Promise<OpenedSource> {
  const heads: CsvHead[] = [];
  for (const file of files) {
    const head = await readCsvHead(file, options, expected);
    if (head !== undefined) heads.push(head);
  }
  return new CsvSource(session, name, heads, options, expected);
}

/** The error by which a value ends a query that would lose something in its cast. */
const inexactMark = 'lakebook: an inexact value';

/** Codes of errors about values, which may be somewhere in the files. */
const aboutValues = new Set(['CONVERSION', 'NULL_IN_REQUIRED_COLUMN', 'NULL_KEY']);

/** A group with where its columns go. */
interface MatchedGroup {
  readonly group: CsvGroup;
  readonly matches: readonly ColumnMatch[];
  readonly checks: readonly ColumnCheck[];
}

/** What a group has of lines that can be read, and hold inexact values or NULL where it isn't allowed. */
interface Inexact {
  /** The source's columns that have them. */
  readonly columns: ReadonlySet<string>;
  readonly lines: number;
}

class CsvSource implements OpenedSource {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isEmpty: boolean;
  readonly #session: EngineSession;
  readonly #options: FileOptions;
  readonly #groups: readonly CsvGroup[];

  constructor(
    session: EngineSession,
    name: string,
    heads: readonly CsvHead[],
    options: FileOptions,
    expected: readonly string[],
  ) {
    this.#session = session;
    this.#options = options;
    this.name = name;
    this.isEmpty = heads.length === 0;
    this.#groups = groupFiles(heads, head => head.header ?? namesWithoutHeader(head, expected));
    const byLower = new Map<string, string>();
    for (const column of this.#groups.flatMap(group => group.columns)) {
      if (!byLower.has(column.toLowerCase())) byLower.set(column.toLowerCase(), column);
    }
    this.columns = [...byLower.values()];
  }

  async inferSchema(options: RowsOptions): Promise<Schema> {
    try {
      return await inferCsvSchema(this.#session, this.#groups, this.columns, this.#options, options);
    } catch (error) {
      throw await this.#explain(error, this.#groups.map(textColumns), options);
    }
  }

  async rows(target: TargetColumns, options: RowsOptions): Promise<SourceRows> {
    const groups = this.#groups.map(group => this.#match(group, target));
    const columns = [...new Set(groups.flatMap(({ matches }) => matches.map(match => match.field.name)))];
    if ((options.onError ?? 'abort') === 'abort') {
      return {
        sql: this.#union(groups.map(each => this.#checkedSql(each))),
        columns,
        explain: error => this.#explain(error, groups, options),
        close: async () => undefined,
      };
    }
    const table = await RejectTable.create(this.#session);
    try {
      const found = await this.#inexactColumns(groups, options);
      for (const [index, each] of groups.entries()) await this.#collect(each, found[index]!, table, options);
      return {
        sql: this.#union(groups.map((each, index) => this.#fittingSql(each, found[index]!))),
        columns,
        rejects: await table.rejects(),
        explain: async error => error,
        close: () => table.drop(),
      };
    } catch (error) {
      await table.drop();
      throw badFormat(error) ?? error;
    }
  }

  #match(group: CsvGroup, target: TargetColumns): MatchedGroup {
    const [head] = group.heads;
    const line = head!.skip + 1;
    const isHeader = head!.header !== undefined;
    const place = {
      name: isHeader ? `${head!.file.name}, line ${line}` : head!.file.name,
      ...(isHeader ? { file: head!.file.name, position: { line, column: 1 } } : {}),
    };
    const matches = matchColumns(group.columns, target, place, column =>
      likelyType(head!, group.columns.indexOf(column), this.#options),
    );
    const checks = matches
      .map(match => ({
        match,
        rule: exactnessRule(match.field.type, this.#options),
        required: match.field.required,
      }))
      .filter(check => check.rule !== undefined || check.required);
    return { group, matches, checks };
  }

  /** For each group, how many lines have values that the reader takes and the table doesn't. */
  async #inexactColumns(
    groups: readonly MatchedGroup[],
    { signal, onProgress }: RowsOptions,
  ): Promise<Inexact[]> {
    const found: Inexact[] = [];
    for (const { group, checks } of groups) {
      if (checks.length === 0) {
        found.push({ columns: new Set(), lines: 0 });
        continue;
      }
      const faults = checks.map(({ match, rule, required }) => {
        const x = quoteIdentifier(match.source);
        const conditions = [
          ...(rule === undefined ? [] : [`coalesce(${inexactSql(rule, x)}, false)`]),
          ...(required ? [`${x} IS NULL`] : []),
        ];
        return conditions.join(' OR ');
      });
      const counts = [...faults, faults.join(' OR ')].map(
        (fault, index) => `count(*) FILTER (WHERE ${fault}) AS c${index}`,
      );
      const relation = readCsvSql({ group, options: this.#options, ignoreErrors: true });
      const [row] = await this.#session.duckdb.rows(`SELECT ${counts.join(', ')} FROM ${relation}`, {
        signal,
        onProgress,
        phase: 'checking',
      });
      const faulty = checks.filter((_, index) => Number(row![`c${index}`]) > 0);
      found.push({
        columns: new Set(faulty.map(check => check.match.source)),
        lines: Number(row![`c${checks.length}`]),
      });
    }
    return found;
  }

  /** The lines that fit, of a group without inexact values. */
  #typedSql({ group, matches }: MatchedGroup): string {
    const types = new Map(matches.map(({ source, field }) => [source, duckDbType(field.type)]));
    const relation = readCsvSql({
      group,
      options: this.#options,
      typeOf: column => types.get(column)!,
      ignoreErrors: true,
    });
    const columns = matches.map(
      ({ source, field }) => `${quoteIdentifier(source)} AS ${quoteIdentifier(field.name)}`,
    );
    return `SELECT ${columns.join(', ')} FROM ${relation}`;
  }

  /**
   * All lines. The reader refuses what can't be cast; columns with a rule are read as text, so that the cast can be
   * refused as well that loses something.
   */
  #checkedSql({ group, matches, checks }: MatchedGroup): string {
    const types = new Map(matches.map(({ source, field }) => [source, duckDbType(field.type)]));
    const rules = new Map(checks.map(check => [check.match.source, check.rule]));
    const relation = readCsvSql({
      group,
      options: this.#options,
      typeOf: column => (rules.get(column) === undefined ? types.get(column)! : 'VARCHAR'),
    });
    const columns = matches.map(({ source, field }) => {
      const x = quoteIdentifier(source);
      const rule = rules.get(source);
      const value =
        rule === undefined
          ? x
          : `CASE WHEN ${inexactSql(rule, x)} THEN error(${quoteString(inexactMark)}) ELSE CAST(${this.#plain(x, field)} AS ${types.get(source)!}) END`;
      return `${value} AS ${quoteIdentifier(field.name)}`;
    });
    return `SELECT ${columns.join(', ')} FROM ${relation}`;
  }

  /** A number's text as SQL casts it. */
  #plain(x: string, { type }: NestedField): string {
    return this.#options.decimalSeparator === ',' && type.kind === 'decimal' ? `replace(${x}, ',', '.')` : x;
  }

  /** As `#typedSql`, without the lines that don't fit. Columns known to hold inexact values are read as text. */
  #fittingSql(each: MatchedGroup, { columns: inexact }: Inexact): string {
    if (inexact.size === 0) return this.#typedSql(each);
    const { group, matches, checks } = each;
    const asText = new Set(
      checks
        .filter(check => check.rule !== undefined && inexact.has(check.match.source))
        .map(c => c.match.source),
    );
    const types = new Map(matches.map(({ source, field }) => [source, duckDbType(field.type)]));
    const relation = readCsvSql({
      group,
      options: this.#options,
      typeOf: column => (asText.has(column) ? 'VARCHAR' : types.get(column)!),
      ignoreErrors: true,
    });
    const conditions: string[] = [];
    const columns = matches.map(({ source, field }) => {
      const x = quoteIdentifier(source);
      const check = checks.find(item => item.match.source === source);
      if (check?.required) conditions.push(`${x} IS NOT NULL`);
      if (!asText.has(source)) return `${x} AS ${quoteIdentifier(field.name)}`;
      const cast = `TRY_CAST(${this.#plain(x, field)} AS ${types.get(source)!})`;
      conditions.push(`(${x} IS NULL OR (${cast} IS NOT NULL AND NOT ${inexactSql(check!.rule!, x)}))`);
      return `${cast} AS ${quoteIdentifier(field.name)}`;
    });
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    return `SELECT ${columns.join(', ')} FROM ${relation}${where}`;
  }

  #union(queries: readonly string[]): string {
    return queries.join('\nUNION ALL BY NAME\n');
  }

  async #collect(
    { group, matches, checks }: MatchedGroup,
    inexact: Inexact,
    table: RejectTable,
    options: RowsOptions,
  ): Promise<void> {
    const types = new Map(matches.map(({ source, field }) => [source, duckDbType(field.type)]));
    const read = { group, options: this.#options, typeOf: (column: string) => types.get(column)! };
    await collectReaderRejects(this.#session, read, matches, table, options);
    const faulty = checks.filter(check => inexact.columns.has(check.match.source));
    if (faulty.length > 0) {
      await collectInexact(group, faulty, this.#options, table, options.signal, inexact.lines);
    }
  }

  /** What reading or writing the rows ended with, told with file, line, column and value. */
  async #explain(error: unknown, groups: readonly MatchedGroup[], options: RowsOptions): Promise<unknown> {
    if (!(error instanceof LakebookError)) return error;
    const format = badFormat(error);
    if (format !== undefined) return format;
    const isReader = error instanceof SqlError && /CSV/.test(error.message);
    if (!isReader && !aboutValues.has(error.code) && !error.message.includes(inexactMark)) return error;
    const inexact = await this.#inexactColumns(groups, options);
    const told = await this.#firstErrors(groups, inexact, options);
    return told ?? (isReader ? unreadableCsv(error, groups) : error);
  }

  /** The first lines that don't fit, as an error. */
  async #firstErrors(
    groups: readonly MatchedGroup[],
    inexact: readonly Inexact[],
    options: RowsOptions,
  ): Promise<LakebookError | undefined> {
    const table = await RejectTable.create(this.#session);
    try {
      for (const [index, each] of groups.entries()) {
        await this.#collect(each, inexact[index]!, table, options);
      }
      const rejects = await table.rejects();
      if (rejects === undefined) return undefined;
      const [row] = await this.#session.duckdb.rows(`${rejects.sql} LIMIT 1`);
      const [first, ...more] = rejects.first;
      const others = rejects.count - 1;
      const rest =
        others === 0
          ? ''
          : ` ${others === 1 ? 'One more line doesn’t' : `${others} more lines don’t`} fit${others > more.length ? ', first' : ''}: ${more.join('. ')}.`;
      return new ValidationError(
        `${first}.${rest} Nothing was loaded.`,
        {
          file: String(row!.file),
          position: { line: Number(row!.line), column: 1 },
          hint: 'Correct the file, or load the other lines with `on error skip` or `on error quarantine`.',
        },
        'BAD_ROWS',
      );
    } finally {
      await table.drop();
    }
  }
}

/** A `date format` or `timestamp format` that DuckDB doesn't know. */
function badFormat(error: unknown): ValidationError | undefined {
  const found =
    error instanceof SqlError ? /Could not parse (DATE|TIMESTAMP)FORMAT: (.*)/i.exec(error.message) : null;
  if (found === null) return undefined;
  return new ValidationError(`The ${found[1]!.toLowerCase()} format can't be understood: ${found[2]}.`, {
    hint: "Use strftime's letters, for example '%d/%m/%Y' or '%Y-%m-%d %H:%M:%S'.",
    cause: error,
  });
}

/** A group whose columns are all read as text. */
function textColumns(group: CsvGroup): MatchedGroup {
  const matches = group.columns.map((source, index): ColumnMatch => {
    return { source, field: { id: index + 1, name: source, required: false, type: { kind: 'string' } } };
  });
  return { group, matches, checks: [] };
}

/** What can't be told by line: the reader gave up on the whole file. */
function unreadableCsv(error: LakebookError, groups: readonly MatchedGroup[]): LakebookError {
  const heads = groups.flatMap(({ group }) => group.heads);
  const file = heads.find(head => error.message.includes(head.file.path)) ?? heads[0]!;
  const message = error.message.split('\n')[0]!;
  return new ValidationError(
    `${file.file.name} can't be read as CSV: ${message}`,
    {
      file: file.file.name,
      hint: /state machine/.test(message)
        ? 'Its line breaks may be mixed (CR LF and LF), or a quote is in a strange place.'
        : 'Check how the file is written: delimiter, quote, escape and encoding can be named.',
      cause: error,
    },
    'CSV_UNREADABLE',
  );
}

/** A file without a header holds the table's columns in their order; without a table they get numbers. */
function namesWithoutHeader(head: CsvHead, expected: readonly string[]): string[] {
  if (expected.length === 0) return Array.from({ length: head.width }, (_, index) => `column${index + 1}`);
  if (head.width !== expected.length) {
    throw new ValidationError(
      `${head.file.name}, line ${head.skip + 1}: the line has ${head.width} values, the table has ${expected.length} columns (${expected.join(', ')}).`,
      {
        file: head.file.name,
        position: { line: head.skip + 1, column: 1 },
        hint: 'A file without a header must have the columns of the table in their order.',
      },
      'COLUMNS_MISMATCH',
    );
  }
  return [...expected];
}
