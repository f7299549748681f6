import { randomBytes } from 'node:crypto';
import type { ChartRequest, ColumnSummary, ResultView } from '../../../renderers/messages.ts';
import { arrowStream } from '../../engine/arrow.ts';
import type { ColumnDescription } from '../../engine/duckdb.ts';
import { jsonRows } from '../../engine/json-rows.ts';
import type { ResultColumn, ResultSet, RowSlice } from '../../engine/result-set.ts';
import { resultDatabase } from '../../engine/result-store.ts';
import type { EngineSession } from '../../engine/session.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import { IdleWork } from './idle-work.ts';
import { sideArrow, sideColumns, sideRows } from './side-query.ts';
import { summarize } from './summary.ts';
import { chartSql, columnOf, isWhole, maxChartPoints, viewSql } from './view-sql.ts';

/** Results kept at most; beyond it the oldest ones go. */
const maxResults = 200;
/** Sorted or filtered copies kept for each result. */
const maxViews = 2;
/** What is found out about results of more rows gives way to cells. */
const quickRows = 1_000_000;
/** Rows of one window at most. */
const maxWindowRows = 10_000;

interface Entry {
  readonly id: string;
  readonly cellId: string;
  readonly result: ResultSet;
  readonly views: Map<string, Promise<View>>;
}

/** A view's rows, kept as a table of the result store and read by row number. */
interface View {
  readonly table: string;
  readonly columns: readonly ColumnDescription[];
  readonly rowCount: number;
}

/** Where a window's rows come from. */
type Read =
  | { readonly kind: 'whole'; readonly result: ResultSet }
  | {
      readonly kind: 'view';
      readonly columns: readonly ColumnDescription[];
      readonly slices: readonly RowSlice[];
      readonly rowCount: number;
    };

/** The results that the kernel keeps for paging, by id. */
export class ResultRegistry {
  /** Waits while a cell runs. */
  readonly idle = new IdleWork();
  readonly #session: EngineSession;
  readonly #entries = new Map<string, Entry>();
  readonly #names = new Map<string, string>();
  /** A grid may outlive its kernel: the next one must not know the id as another result's. */
  readonly #prefix = randomBytes(4).toString('hex');
  #next = 1;
  #nextView = 1;

  constructor(session: EngineSession) {
    this.#session = session;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Keeps a result. @returns its id */
  add(cellId: string, result: ResultSet): string {
    const id = `${this.#prefix}-${this.#next++}`;
    this.#entries.set(id, { id, cellId, result, views: new Map() });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxResults) break;
      void this.release(oldest);
    }
    return id;
  }

  /** Makes a result a table in later statements, under this name. */
  name(name: string, id: string): void {
    this.#session.nameResult(name, this.#get(id).result);
    this.#names.set(name.toLowerCase(), id);
  }

  /** Names that results have in SQL, in lower case. */
  names(): string[] {
    return [...this.#names.keys()];
  }

  /** Columns of the result that has a name in SQL. */
  columnsNamed(name: string): readonly ResultColumn[] | undefined {
    const id = this.#names.get(name.toLowerCase());
    return id === undefined ? undefined : this.#entries.get(id)?.result.columns;
  }

  idsOfCell(cellId: string): string[] {
    return [...this.#entries.values()].filter(entry => entry.cellId === cellId).map(entry => entry.id);
  }

  /** Frees a result; unknown ids are fine. */
  async release(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    for (const [name, named] of this.#names) {
      if (named === id) this.#names.delete(name);
    }
    for (const view of entry.views.values()) await this.#dropView(view);
    await entry.result.close();
  }

  async close(): Promise<void> {
    this.idle.close();
    for (const id of [...this.#entries.keys()]) await this.release(id);
  }

  /** Rows of a result or a view of it as an Arrow IPC stream. @throws ValidationError (RESULT_GONE) */
  async window(
    id: string,
    view: ResultView | undefined,
    offset: number,
    limit: number,
  ): Promise<{ rowCount: number; bytes: Uint8Array }> {
    const read = await this.#read(id, view, offset, limit);
    if (read.kind === 'view')
      return { bytes: arrowStream(read.columns, read.slices), rowCount: read.rowCount };
    const bytes = await read.result.window(offset, limit);
    return { bytes, rowCount: read.result.rowCount };
  }

  /** Rows of a result or a view of it as values that JSON holds exactly. @throws ValidationError (RESULT_GONE) */
  async rows(
    id: string,
    view: ResultView | undefined,
    offset: number,
    limit: number,
  ): Promise<{ rowCount: number; rows: unknown[][] }> {
    const read = await this.#read(id, view, offset, limit);
    if (read.kind === 'view') return { rows: jsonRows(read.columns, read.slices), rowCount: read.rowCount };
    const rows = await read.result.rows(offset, limit);
    return { rows, rowCount: read.result.rowCount };
  }

  async summary(id: string, column: string): Promise<ColumnSummary> {
    const rows = await this.#get(id).result.finished();
    const work = async (signal?: AbortSignal) => {
      const { result } = this.#get(id);
      const relation = await result.relation();
      return summarize(this.#session, relation, columnOf(column, result.columns), rows, signal);
    };
    return rows > quickRows ? this.idle.run(work) : work();
  }

  async chart(
    id: string,
    view: ResultView | undefined,
    chart: ChartRequest,
  ): Promise<{ bytes: Uint8Array; truncated: boolean }> {
    const { result } = this.#get(id);
    const sql = chartSql(`(${await this.relation(id, view)})`, result.columns, chart);
    const { rows, bytes } = await sideArrow(this.#session, sql);
    if (rows <= maxChartPoints) return { bytes, truncated: false };
    return {
      ...(await sideArrow(this.#session, `SELECT * FROM (${sql}) LIMIT ${maxChartPoints}`)),
      truncated: true,
    };
  }

  /** A query that gives the rows of a result or a view of it. */
  async relation(id: string, view?: ResultView): Promise<string> {
    const { result } = this.#get(id);
    const relation = await result.relation();
    return isWhole(view) ? `SELECT * FROM ${relation}` : viewSql(relation, result.columns, view!);
  }

  #get(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return entry;
    throw new ValidationError(
      'The result is not kept any more.',
      { hint: 'Run the cell again.' },
      'RESULT_GONE',
    );
  }

  async #read(id: string, view: ResultView | undefined, offset: number, limit: number): Promise<Read> {
    const entry = this.#get(id);
    const start = natural(offset, 'offset');
    const count = natural(limit, 'limit');
    if (count > maxWindowRows) throw new ValidationError(`A window has at most ${maxWindowRows} rows.`);
    if (isWhole(view)) return { kind: 'whole', result: entry.result };
    const { table, columns, rowCount } = await this.#view(entry, view!);
    const chunks = await this.#session.results.query(
      `SELECT * FROM ${table} WHERE rowid >= ${start} AND rowid < ${start + count} ORDER BY rowid`,
    );
    const slices = chunks.map(chunk => ({ chunk, start: 0, end: chunk.rowCount }));
    return { kind: 'view', columns, rowCount, slices };
  }

  async #view(entry: Entry, view: ResultView): Promise<View> {
    const key = JSON.stringify(view);
    let made = entry.views.get(key);
    if (made === undefined) {
      made = this.#makeView(entry, view);
      entry.views.set(key, made);
      made.catch(() => entry.views.delete(key));
      const [oldestKey, oldest] = entry.views.entries().next().value!;
      if (entry.views.size > maxViews) {
        entry.views.delete(oldestKey);
        void this.#dropView(oldest);
      }
    }
    return made;
  }

  async #makeView(entry: Entry, view: ResultView): Promise<View> {
    const sql = viewSql(await entry.result.relation(), entry.result.columns, view);
    const table = `${resultDatabase}.main.view_${this.#nextView++}`;
    await sideRows(this.#session, `CREATE TABLE ${table} AS ${sql}`);
    const columns = await sideColumns(this.#session, `SELECT * FROM ${table}`);
    const [row] = await sideRows(this.#session, `SELECT CAST(count(*) AS DOUBLE) AS n FROM ${table}`);
    // The table's names are unique; the result's may not be.
    const named = columns.map((column, index) => ({ ...column, name: entry.result.columns[index]!.name }));
    return { table, columns: named, rowCount: Number(row!.n) };
  }

  async #dropView(view: Promise<View>): Promise<void> {
    const made = await view.catch(() => undefined);
    if (made !== undefined)
      await sideRows(this.#session, `DROP TABLE IF EXISTS ${made.table}`).catch(() => undefined);
  }
}

function natural(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new ValidationError(`A window's ${what} must be a whole number from 0, not ${value}.`);
}
