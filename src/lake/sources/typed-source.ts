import type { ColumnDescription } from '../../engine/duckdb.ts';
import { quoteIdentifier, quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { displayType, duckDbType, schemaOfColumns } from '../../engine/types.ts';
import { LakebookError, ValidationError } from '../../iceberg/errors.ts';
import { type Schema, typeToString } from '../../iceberg/schema.ts';
import { castKind, misfitSql } from './casts.ts';
import { type ColumnMatch, matchColumns, type SourcePlace, type TargetColumns } from './columns.ts';
import { RejectTable } from './reject-table.ts';
import type { OpenedSource, RowsOptions, SourceRows } from './source.ts';

/** A relation whose columns have types of their own: Parquet files, a query. */
export interface TypedRelation {
  readonly name: string;
  /** A SELECT of the columns. */
  readonly sql: string;
  readonly columns: readonly ColumnDescription[];
  /** Where a row is: SQL expressions of the relation `from`, whose columns hold the source's. */
  readonly place?: { readonly from: string; readonly file: string; readonly row: string };
  /** Texts are parsed as the column's type, as INSERT does it. */
  readonly parsesText: boolean;
  readonly explain?: (error: unknown) => Promise<unknown>;
}

interface TypedColumn extends ColumnMatch {
  readonly type: ColumnDescription['type'];
  /** SQL that is true for a row whose value doesn't fit; absent when all do. */
  readonly misfit?: string;
}

export class TypedSource implements OpenedSource {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isEmpty = false;
  readonly #session: EngineSession;
  readonly #relation: TypedRelation;

  constructor(session: EngineSession, relation: TypedRelation) {
    this.#session = session;
    this.#relation = relation;
    this.name = relation.name;
    this.columns = relation.columns.map(column => column.name);
  }

  async inferSchema(): Promise<Schema> {
    const seen = new Set<string>();
    for (const name of this.columns) {
      if (seen.has(name.toLowerCase())) {
        throw new ValidationError(
          `${this.name} gives two columns named "${name}".`,
          { hint: 'Give each a name of its own: SELECT a AS first, b AS second ...' },
          'DUPLICATE_COLUMN',
        );
      }
      seen.add(name.toLowerCase());
    }
    return schemaOfColumns(this.#relation.columns);
  }

  async rows(target: TargetColumns, options: RowsOptions): Promise<SourceRows> {
    const place: SourcePlace = { name: this.name };
    const types = new Map(this.#relation.columns.map(column => [column.name, column]));
    const suggest = (name: string) => {
      const [field] = schemaOfColumns([types.get(name)!]).fields;
      return typeToString(field!.type);
    };
    const matches = matchColumns(this.columns, target, place, suggest).map(match =>
      this.#typed(match, types.get(match.source)!),
    );
    const columns = matches.map(match => match.field.name);
    const explain = async (error: unknown) =>
      asMisfit(error, this.name) ?? (await this.#relation.explain?.(error)) ?? error;
    if ((options.onError ?? 'abort') === 'abort') {
      const values = matches.map(match => `${this.#checked(match)} AS ${quoteIdentifier(match.field.name)}`);
      const sql = `SELECT ${values.join(', ')} FROM (${this.#relation.sql}\n) AS source`;
      return { sql, columns, explain, close: async () => undefined };
    }
    return this.#fitting(matches, columns, options, explain);
  }

  #typed(match: ColumnMatch, column: ColumnDescription): TypedColumn {
    const { field } = match;
    const kind = castKind(column.type, field.type);
    const value = quoteIdentifier(match.source);
    if (kind === 'none' || (kind === 'text' && !this.#relation.parsesText)) {
      throw new ValidationError(
        `${this.name}: the column "${match.source}" is ${displayType(column.type)}, which doesn't fit the table's ${typeToString(field.type)}.`,
        {
          hint: `Convert it in a query: ingest ... from (SELECT ..., CAST(${match.source} AS ${duckDbType(field.type)}) AS ${match.source} FROM ...).`,
        },
        'TYPE_MISMATCH',
      );
    }
    const misfit =
      kind === 'checked'
        ? misfitSql(value, column.type, field.type)
        : kind === 'text'
          ? `(${value} IS NOT NULL AND TRY_CAST(${value} AS ${duckDbType(field.type)}) IS NULL)`
          : undefined;
    return { ...match, type: column.type, misfit };
  }

  /** The value cast to the table's type, or an error that tells it. */
  #checked({ source, field, misfit }: TypedColumn): string {
    const value = quoteIdentifier(source);
    const cast = `CAST(${value} AS ${duckDbType(field.type)})`;
    if (misfit === undefined) return cast;
    const message = `concat(${quoteString(misfitMark)}, ${quoteString('the value ')}, ${value}::VARCHAR, ${quoteString(` of the column "${source}" doesn't fit the table's ${typeToString(field.type)}.`)})`;
    return `CASE WHEN ${misfit} THEN error(${message}) ELSE ${cast} END`;
  }

  async #fitting(
    matches: readonly TypedColumn[],
    columns: readonly string[],
    { signal }: RowsOptions,
    explain: SourceRows['explain'],
  ): Promise<SourceRows> {
    const { place, sql } = this.#relation;
    const faults = matches.flatMap(({ source, field, misfit }) => {
      const value = quoteIdentifier(source);
      const wrong =
        misfit === undefined
          ? []
          : [
              {
                condition: misfit,
                field,
                reason: `concat(${quoteString(`column "${field.name}": '`)}, ${value}::VARCHAR, ${quoteString(`' doesn't fit ${typeToString(field.type)}`)})`,
              },
            ];
      const missing = field.required
        ? [
            {
              condition: `${value} IS NULL`,
              field,
              reason: quoteString(`column "${field.name}" is empty, but required`),
            },
          ]
        : [];
      return [...wrong, ...missing];
    });
    const values = matches.map(
      ({ source, field }) =>
        `CAST(${quoteIdentifier(source)} AS ${duckDbType(field.type)}) AS ${quoteIdentifier(field.name)}`,
    );
    const bad = faults.map(fault => fault.condition).join(' OR ');
    const good = `SELECT ${values.join(', ')} FROM (${sql}\n) AS source${faults.length === 0 ? '' : ` WHERE NOT coalesce(${bad}, false)`}`;
    if (faults.length === 0) return { sql: good, columns, explain, close: async () => undefined };
    const table = await RejectTable.create(this.#session);
    try {
      const from = place?.from ?? `(SELECT *, row_number() OVER () AS lakebook_row FROM (${sql}\n))`;
      const row = place?.row ?? 'lakebook_row';
      const file = place?.file ?? quoteString(this.name);
      const raw = `to_json(struct_pack(${this.columns.map(name => `${quoteIdentifier(name)} := ${quoteIdentifier(name)}`).join(', ')}))::VARCHAR`;
      for (const { condition, field, reason } of faults) {
        await table.addQuery(
          `SELECT ${file}, ${row}, ${row}, ${raw}, ${quoteString(field.name)}, ${reason} FROM ${from} WHERE ${condition}`,
          signal,
        );
      }
      return { sql: good, columns, rejects: await table.rejects(), explain, close: () => table.drop() };
    } catch (error) {
      await table.drop();
      throw await explain(error);
    }
  }
}

/** How the error that a value raises by itself is told from others. */
const misfitMark = 'lakebook misfit: ';

function asMisfit(error: unknown, name: string): ValidationError | undefined {
  if (!(error instanceof LakebookError)) return undefined;
  const start = error.message.indexOf(misfitMark);
  if (start < 0) return undefined;
  return new ValidationError(
    `${name}: ${error.message.slice(start + misfitMark.length)} Nothing was loaded.`,
    {
      hint: 'Round or convert the value in a query, or load the other rows with `on error skip` or `on error quarantine`.',
      cause: error,
    },
    'BAD_ROWS',
  );
}
