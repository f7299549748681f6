import { SqlError } from '../../engine/errors.ts';
import { fileList } from '../../engine/parquet-layout.ts';
import { quoteIdentifier, quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { duckDbType, schemaOfColumns } from '../../engine/types.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import { type Schema, typeToString } from '../../iceberg/schema.ts';
import { isPrimitive, type NestedField, type Type } from '../../iceberg/types.ts';
import type { FileOptions } from '../requests.ts';
import { type ColumnMatch, matchColumns, type TargetColumns } from './columns.ts';
import { exactnessRule, inexactSql } from './exactness.ts';
import { firstBytes, lastBytes, type SourceFile } from './files.ts';
import { RejectTable } from './reject-table.ts';
import type { OpenedSource, RowsOptions, SourceRows } from './source.ts';

/** One object a line, one array of objects, or objects one after the other. */
type Layout = 'lines' | 'array' | 'objects';

interface JsonFile extends SourceFile {
  readonly layout: Layout;
}

const headBytes = 64 * 1024;

/**
 * JSON files of objects: a key is a column, nested objects and lists are structs and lists by the table's types.
 * Documents are read as text and every value is cast by itself, so that a value that doesn't fit can be told.
 */
export async function openJson(
  session: EngineSession,
  name: string,
  files: readonly SourceFile[],
  options: FileOptions,
  run: RowsOptions,
): Promise<OpenedSource> {
  const found: JsonFile[] = [];
  for (const file of files) {
    const layout = await layoutOf(file);
    if (layout === undefined) continue;
    await refuseCutOff(file, layout);
    found.push({ ...file, layout });
  }
  if (found.length === 0) return new JsonSource(session, name, found, options, {});
  const structure = await structureOf(session, found, run);
  return new JsonSource(session, name, found, options, structure);
}

/** Undefined for an empty file. */
async function layoutOf(file: SourceFile): Promise<Layout | undefined> {
  if (/\.(gz|zst)$/i.test(file.path)) return /\.(ndjson|jsonl)\./i.test(file.path) ? 'lines' : 'array';
  const text = (await firstBytes(file, headBytes))
    .toString()
    .replace(/^\ufeff/, '')
    .trimStart();
  if (text === '') return undefined;
  if (text.startsWith('[')) return 'array';
  if (!text.startsWith('{')) {
    throw new ValidationError(
      `${file.name}, line 1: expected { or [, found "${text.slice(0, 20).split('\n')[0]!}".`,
      {
        file: file.name,
        position: { line: 1, column: 1 },
        hint: 'The file must hold one object a line, or one list of objects.',
      },
      'JSON_MALFORMED',
    );
  }
  const line = text.split('\n')[0]!.trim();
  return line.endsWith('}') || /\.(ndjson|jsonl)$/i.test(file.path) ? 'lines' : 'objects';
}

/** DuckDB takes the objects of a list that is cut off between two of them for the whole list. */
async function refuseCutOff(file: SourceFile, layout: Layout): Promise<void> {
  if (layout === 'lines' || /\.(gz|zst)$/i.test(file.path)) return;
  const end = (await lastBytes(file, headBytes)).toString().trimEnd();
  const closing = layout === 'array' ? ']' : '}';
  if (end.endsWith(closing)) return;
  throw new ValidationError(
    `${file.name} ends with "${end.slice(-20)}", not with ${closing}: it is cut off.`,
    { file: file.name, hint: 'Get the file anew.' },
    'JSON_MALFORMED',
  );
}

/** A SELECT of `file`, `row` (with `numbered`) and `j`, the document's text; NULL for empty lines. */
function documents(files: readonly JsonFile[], numbered: boolean): string {
  return files
    .map(({ path, name, layout }) => {
      const file = `${quoteString(name)} AS file`;
      const row = numbered ? 'row_number() OVER () AS row, ' : '';
      if (layout === 'lines') {
        // Neither quotes nor delimiters mean anything: a column of whole lines.
        return `SELECT ${file}, ${row}j FROM read_csv(${fileList([path])}, columns = {'j': 'VARCHAR'}, delim = chr(1), quote = '',
          escape = '', header = false, auto_detect = false, strict_mode = false)`;
      }
      const format = layout === 'array' ? 'array' : 'unstructured';
      return `SELECT ${file}, ${row}json::VARCHAR AS j FROM read_json_objects(${fileList([path])}, format = '${format}')`;
    })
    .join(' UNION ALL ');
}

const noObject = `(j IS NOT NULL AND trim(j) <> '' AND (NOT json_valid(j) OR json_type(CASE WHEN json_valid(j) THEN j END) <> 'OBJECT'))`;

type Structure = Readonly<Record<string, unknown>>;

/** Every key in the files, at any depth, with the JSON types of its values. */
async function structureOf(
  session: EngineSession,
  files: readonly JsonFile[],
  { signal, onProgress }: RowsOptions,
): Promise<Structure> {
  const sql = `SELECT json_group_structure(CASE WHEN j IS NOT NULL AND trim(j) <> '' AND NOT ${noObject} THEN j::JSON END)::VARCHAR AS s
    FROM (${documents(files, false)})`;
  try {
    const [row] = await session.duckdb.rows(sql, { signal, onProgress, phase: 'looking for columns' });
    const structure = row!.s === null ? {} : (JSON.parse(String(row!.s)) as unknown);
    return typeof structure === 'object' && structure !== null ? (structure as Structure) : {};
  } catch (error) {
    throw malformed(error, files);
  }
}

/** DuckDB's complaint about a file that isn't JSON, with the file as people know it. */
function malformed(error: unknown, files: readonly JsonFile[]): unknown {
  if (!(error instanceof SqlError) || !/JSON/i.test(error.message)) return error;
  const file =
    files.find(each => error.message.includes(each.path)) ?? (files.length === 1 ? files[0] : undefined);
  const message = error.message.split('\n')[0]!.replaceAll(file?.path ?? '\0', file?.name ?? '');
  return new ValidationError(
    message.endsWith('.') ? message : `${message}.`,
    {
      ...(file === undefined ? {} : { file: file.name }),
      hint: 'Correct the file; of files with one object a line `on error skip` loads the other lines.',
      cause: error,
    },
    'JSON_MALFORMED',
  );
}

interface JsonColumn extends ColumnMatch {
  /** SQL of the value: text for primitive types, JSON for others. */
  readonly value: string;
  readonly cast: string;
  /** SQL that is true when the value doesn't fit. */
  readonly misfit: string;
  readonly shown: string;
}

class JsonSource implements OpenedSource {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isEmpty: boolean;
  readonly #session: EngineSession;
  readonly #files: readonly JsonFile[];
  readonly #options: FileOptions;
  readonly #structure: Structure;

  constructor(
    session: EngineSession,
    name: string,
    files: readonly JsonFile[],
    options: FileOptions,
    structure: Structure,
  ) {
    this.#session = session;
    this.#files = files;
    this.#options = options;
    this.#structure = structure;
    this.name = name;
    this.columns = Object.keys(structure);
    this.isEmpty = files.length === 0;
  }

  async inferSchema({ signal, onProgress }: RowsOptions): Promise<Schema> {
    const paths = fileList(this.#files.map(file => file.path));
    const sql = `SELECT * FROM read_json(${paths}, sample_size = -1, union_by_name = true, map_inference_threshold = -1, maximum_depth = -1)`;
    try {
      return schemaOfColumns(await this.#session.duckdb.describe(sql, { signal, onProgress }));
    } catch (error) {
      throw malformed(error, this.#files);
    }
  }

  async rows(target: TargetColumns, options: RowsOptions): Promise<SourceRows> {
    if (this.columns.length === 0) return this.#nothing(target, options);
    const columns = matchColumns(this.columns, target, { name: this.name }, column =>
      suggestedType(this.#structure[column]),
    ).map((match, index) => this.#column(match, index));
    this.#refuseUnknownKeys(columns);
    const keys = `[${columns.map(({ source }) => quoteString(`$.${JSON.stringify(source)}`)).join(', ')}]`;
    const extracted = (numbered: boolean) =>
      `SELECT ${numbered ? 'file, row, ' : ''}j, ${noObject} AS bad, json_extract_string(CASE WHEN json_valid(j) THEN j END, ${keys}) AS t,
         json_extract(CASE WHEN json_valid(j) THEN j END, ${keys}) AS v
       FROM (${documents(this.#files, numbered)}) WHERE j IS NOT NULL AND trim(j) <> ''`;
    const values = columns.map(({ cast, field }) => `${cast} AS ${quoteIdentifier(field.name)}`).join(', ');
    const names = columns.map(column => column.field.name);
    const faults = [
      'bad',
      ...columns.map(column => column.misfit),
      ...columns.filter(column => column.field.required).map(column => `${column.value} IS NULL`),
    ].join(' OR ');
    const table = await RejectTable.create(this.#session);
    try {
      await this.#collect(table, extracted(true), columns, options);
      const rejects = await table.rejects();
      if (rejects !== undefined && (options.onError ?? 'abort') === 'abort') {
        const [row] = await this.#session.duckdb.rows(`${rejects.sql} LIMIT 1`);
        const others = rejects.count - 1;
        throw new ValidationError(
          `${rejects.first[0]!}.${others === 0 ? '' : ` ${others} more ${others === 1 ? 'row doesn’t' : 'rows don’t'} fit.`} Nothing was loaded.`,
          {
            file: String(row!.file),
            position: { line: Number(row!.line), column: 1 },
            hint: 'Correct the file, or load the other rows with `on error skip` or `on error quarantine`.',
          },
          'BAD_ROWS',
        );
      }
      const where = rejects === undefined ? '' : ` WHERE NOT coalesce(${faults}, false)`;
      return {
        sql: `SELECT ${values} FROM (${extracted(false)})${where}`,
        columns: names,
        ...(rejects === undefined ? {} : { rejects }),
        explain: async error => malformed(error, this.#files),
        close: () => table.drop(),
      };
    } catch (error) {
      await table.drop();
      throw malformed(error, this.#files);
    }
  }

  /** Files without a single key have no rows; lines that are no JSON are told or kept all the same. */
  async #nothing({ schema }: TargetColumns, options: RowsOptions): Promise<SourceRows> {
    const table = await RejectTable.create(this.#session);
    await this.#collect(
      table,
      `SELECT file, row, j, ${noObject} AS bad FROM (${documents(this.#files, true)}) WHERE j IS NOT NULL AND trim(j) <> ''`,
      [],
      options,
    );
    const rejects = await table.rejects();
    if (rejects !== undefined && (options.onError ?? 'abort') === 'abort') {
      await table.drop();
      throw new ValidationError(
        `${rejects.first[0]!}. Nothing was loaded.`,
        { hint: 'The file must hold one object a line, or one list of objects.' },
        'JSON_MALFORMED',
      );
    }
    return {
      sql: `SELECT NULL AS ${quoteIdentifier(schema.fields[0]!.name)} WHERE false`,
      columns: [],
      ...(rejects === undefined ? {} : { rejects }),
      explain: async error => error,
      close: () => table.drop(),
    };
  }

  #column(match: ColumnMatch, index: number): JsonColumn {
    const { field } = match;
    const type = duckDbType(field.type);
    if (!isPrimitive(field.type)) {
      const json = `v[${index + 1}]`;
      const value = `CASE WHEN json_type(${json}) <> 'NULL' THEN ${json} END`;
      const misfit = `(${value} IS NOT NULL AND TRY(CAST(${value} AS ${type})) IS NULL)`;
      return {
        ...match,
        value: `(${value})`,
        cast: `CAST(${value} AS ${type})`,
        misfit,
        shown: `${json}::VARCHAR`,
      };
    }
    const value = `t[${index + 1}]`;
    const rule = exactnessRule(field.type, this.#options);
    const { dateFormat, timestampFormat } = this.#options;
    const parsed =
      field.type.kind === 'date' && dateFormat !== undefined
        ? `try_strptime(${value}, ${quoteString(dateFormat)})`
        : field.type.kind === 'timestamp' && timestampFormat !== undefined
          ? `try_strptime(${value}, ${quoteString(timestampFormat)})`
          : value;
    const cast = `TRY_CAST(${parsed} AS ${type})`;
    const inexact = rule === undefined ? '' : ` OR ${inexactSql(rule, value)}`;
    return {
      ...match,
      value,
      cast,
      misfit: `(${value} IS NOT NULL AND (${cast} IS NULL${inexact}))`,
      shown: value,
    };
  }

  /** Keys inside of nested values that the table's struct hasn't got. */
  #refuseUnknownKeys(columns: readonly JsonColumn[]): void {
    for (const { source, field } of columns) {
      const unknown = unknownKey(this.#structure[source], field.type, field.name);
      if (unknown === undefined) continue;
      throw new ValidationError(
        `${this.name}: the table has no field "${unknown}".`,
        { hint: `Add it with \`evolve ... add ${unknown} TYPE\`, or leave it out of the files.` },
        'COLUMNS_MISMATCH',
      );
    }
  }

  async #collect(
    table: RejectTable,
    from: string,
    columns: readonly JsonColumn[],
    { signal }: RowsOptions,
  ): Promise<void> {
    const faults = [
      {
        condition: 'bad',
        column: undefined as NestedField | undefined,
        reason: "CASE WHEN json_valid(j) THEN 'the row is no JSON object' ELSE 'the line is no JSON' END",
      },
      ...columns.map(({ misfit, field, shown }) => ({
        condition: misfit,
        column: field as NestedField | undefined,
        reason: `concat(${quoteString(`column "${field.name}": '`)}, left(${shown}, 80), ${quoteString(`' is no ${typeToString(field.type)}`)})`,
      })),
      ...columns
        .filter(({ field }) => field.required)
        .map(({ value, field }) => ({
          condition: `(NOT bad AND ${value} IS NULL)`,
          column: field as NestedField | undefined,
          reason: quoteString(`column "${field.name}" is empty, but required`),
        })),
    ];
    const [row] = await this.#session.duckdb.rows(
      `SELECT count(*) FILTER (WHERE ${faults.map(fault => fault.condition).join(' OR ')}) AS n FROM (${from.replace('file, row, ', '')})`,
      { signal },
    );
    if (Number(row!.n) === 0) return;
    for (const { condition, column, reason } of faults) {
      await table.addQuery(
        `SELECT file, row, row, j, ${column === undefined ? 'NULL' : quoteString(column.name)}, ${reason} FROM (${from}) WHERE ${condition}`,
        signal,
      );
    }
  }
}

/** The path of a key that a type has no field for. */
function unknownKey(structure: unknown, type: Type, path: string): string | undefined {
  if (type.kind === 'struct' && isKeys(structure)) {
    for (const [key, inner] of Object.entries(structure)) {
      const field = type.fields.find(each => each.name.toLowerCase() === key.toLowerCase());
      if (field === undefined) return `${path}.${key}`;
      const found = unknownKey(inner, field.type, `${path}.${key}`);
      if (found !== undefined) return found;
    }
  }
  if (type.kind === 'list' && Array.isArray(structure))
    return unknownKey(structure[0], type.element, `${path}.element`);
  return undefined;
}

function isKeys(structure: unknown): structure is Record<string, unknown> {
  return typeof structure === 'object' && structure !== null && !Array.isArray(structure);
}

function suggestedType(structure: unknown): string {
  if (Array.isArray(structure)) return `list<${suggestedType(structure[0])}>`;
  if (isKeys(structure)) {
    return `struct<${Object.entries(structure)
      .map(([key, inner]) => `${key}: ${suggestedType(inner)}`)
      .join(', ')}>`;
  }
  switch (structure) {
    case 'BOOLEAN':
      return 'boolean';
    case 'UBIGINT':
    case 'BIGINT':
      return 'long';
    case 'DOUBLE':
      return 'double';
    default:
      return 'string';
  }
}
