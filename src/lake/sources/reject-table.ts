import { quoteIdentifier, quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { type Reject, type Rejects, temporaryName } from './source.ts';

/** Rows of one INSERT, and of one look at what was inserted. */
export const rejectBatch = 2000;
/** Length of an INSERT's text beyond which no more rows join it. */
const longestInsert = 1 << 20;
const shownRejects = 3;

/** Collects refused lines in a temporary table: several faults of one line become one row. */
export class RejectTable {
  readonly #session: EngineSession;
  readonly #table: string;
  #waiting: (Omit<Reject, 'raw'> & { readonly raw?: string })[] = [];
  #waitingLength = 0;
  #last: Reject | undefined;

  private constructor(session: EngineSession, table: string) {
    this.#session = session;
    this.#table = table;
  }

  static async create(session: EngineSession): Promise<RejectTable> {
    const table = quoteIdentifier(temporaryName('rejects'));
    await session.duckdb.run(
      `CREATE TEMP TABLE ${table} (file VARCHAR, pos BIGINT, line BIGINT, raw VARCHAR, column_name VARCHAR, reason VARCHAR)`,
    );
    return new RejectTable(session, table);
  }

  async add(reject: Reject): Promise<void> {
    const last = this.#last;
    this.#last = reject;
    // A long line may have a fault in each of thousands of columns: its text is kept once.
    const isSameLine = last !== undefined && last.file === reject.file && last.at === reject.at;
    this.#waiting.push(isSameLine ? { ...reject, raw: undefined } : reject);
    this.#waitingLength += isSameLine ? 0 : reject.raw.length;
    if (this.#waiting.length >= rejectBatch || this.#waitingLength >= longestInsert) await this.flush();
  }

  /** Adds the rows of a query with the table's columns. */
  async addQuery(sql: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#session.duckdb.run(`INSERT INTO ${this.#table} ${sql}`, { signal });
  }

  async flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#waitingLength = 0;
    if (batch.length === 0) return;
    const text = (value: string | undefined) => (value === undefined ? 'NULL' : quoteString(value));
    const values = batch.map(
      ({ file, at, line, raw, column, reason }) =>
        `(${text(file)}, ${at}, ${line}, ${text(raw)}, ${text(column)}, ${text(reason)})`,
    );
    await this.#session.duckdb.run(`INSERT INTO ${this.#table} VALUES ${values.join(', ')}`);
  }

  /** What was collected, in the order of files and lines; undefined when there is nothing. */
  async rejects(): Promise<Rejects | undefined> {
    await this.flush();
    const sql = `SELECT file, min(line) AS line, any_value(raw) AS raw, first(column_name ORDER BY rowid) AS column_name,
        string_agg(DISTINCT reason, '; ' ORDER BY reason) AS reason
      FROM ${this.#table} GROUP BY file, pos ORDER BY file, min(line), pos`;
    const { duckdb } = this.#session;
    const [count] = await duckdb.rows(
      `SELECT count(*) AS n FROM (SELECT DISTINCT file, pos FROM ${this.#table})`,
    );
    const total = Number(count!.n);
    if (total === 0) return undefined;
    const first = await duckdb.rows(`${sql} LIMIT ${shownRejects}`);
    return {
      count: total,
      sql,
      first: first.map(row => `${String(row.file)}, line ${row.line}: ${String(row.reason)}`),
    };
  }

  async drop(): Promise<void> {
    await this.#session.duckdb.run(`DROP TABLE IF EXISTS ${this.#table}`);
  }
}
