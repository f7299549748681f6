import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { bindQuery } from '../../engine/bind/index.ts';
import { quoteString } from '../../engine/quote.ts';
import { StatementTables } from '../../engine/resolve.ts';
import type { ResultSet } from '../../engine/result-set.ts';
import { type EngineSession, usedParameters } from '../../engine/session.ts';
import { SqlText } from '../../engine/sql/sql-text.ts';
import type { DefaultVersion, ExecuteOptions } from '../../engine/statement-result.ts';
import { GatewayError } from '../http/problems.ts';
import type { GatewayLimits } from '../limits.ts';
import { type GuardedQuery, requireLakeQuery } from '../security/sql-guard.ts';

export interface QueryRequest {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Rows that are given at most. */
  readonly maxRows: number;
  readonly version?: DefaultVersion;
}

/**
 * Runs a query whose whole result is there when it answers: small, or in the session's temporary files.
 * @throws as `requireLakeQuery`; SqlError; InterruptedError
 */
export async function runQuery(
  session: EngineSession,
  request: QueryRequest,
  limits: GatewayLimits,
  signal: AbortSignal,
): Promise<{ readonly result: ResultSet; readonly guarded: GuardedQuery }> {
  const guarded = await requireLakeQuery(session, request.sql, limits, signal);
  const { parameters, maxRows, version } = request;
  const [outcome] = await session.execute(request.sql, { signal, parameters, maxRows, version });
  if (outcome?.kind !== 'rows') throw new Error('A query answered no rows.');
  return { result: outcome.result, guarded };
}

/**
 * Writes a query's rows to a Parquet file, which goes away when the stream ends; Snappy is what every reader knows.
 * @throws as `runQuery`
 */
export async function parquetAnswer(
  session: EngineSession,
  folder: string,
  request: QueryRequest,
  limits: GatewayLimits,
  signal: AbortSignal,
): Promise<{ readonly stream: Readable; readonly bytes: number }> {
  await requireLakeQuery(session, request.sql, limits, signal);
  const { parameters, maxRows, version } = request;
  const options: ExecuteOptions = { signal, parameters, version };
  const written = SqlText.written(request.sql.replace(/[;\s]+$/, ''));
  const bound = await bindQuery(session, written, request.sql, new StatementTables(session), options);
  const file = path.join(folder, `${randomUUID()}.parquet`);
  const query = `SELECT * FROM (${bound.sql.text}\n) LIMIT ${maxRows}`;
  const used = usedParameters(query, parameters);
  try {
    await session.duckdb.run(`COPY (${query}) TO ${quoteString(file)} (FORMAT parquet, COMPRESSION snappy)`, {
      signal,
      ...(used === undefined ? {} : { parameters: used }),
    });
    const { size } = await stat(file);
    const stream = createReadStream(file);
    stream.once('close', () => void rm(file, { force: true }));
    return { stream, bytes: size };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

export interface JsonPage {
  readonly text: string;
  readonly rows: number;
}

/** JSON is made in memory, so it has its limit, in UTF-16 units. */
const mostJson = 64 * 2 ** 20;

/** Rows [offset, offset + limit) as the members `rows` or `columns` of a JSON object. */
export async function jsonPage(
  result: ResultSet,
  offset: number,
  limit: number,
  layout: 'rows' | 'columns',
): Promise<JsonPage> {
  const columns = result.columns.map(({ name, type }) => ({ name, type }));
  const rows: string[] = [];
  const values: string[][] = columns.map(() => []);
  let length = 0;
  let count = 0;
  for (let step = 64; count < limit; step = Math.min(step * 4, 4096)) {
    const part = await result.rows(offset + count, Math.min(step, limit - count));
    if (part.length === 0) break;
    for (const row of part) {
      if (layout === 'rows') {
        const text = JSON.stringify(row);
        rows.push(text);
        length += text.length;
      } else {
        for (const [index, value] of row.entries()) {
          const text = JSON.stringify(value);
          values[index]!.push(text);
          length += text.length;
        }
      }
      if (length > mostJson) {
        throw new GatewayError(413, 'RESULT_TOO_LARGE', 'The rows are too large for one JSON answer.', {
          hint: 'Ask for fewer rows with `limit`, or for application/x-ndjson, which is streamed.',
        });
      }
    }
    count += part.length;
  }
  const head =
    layout === 'rows'
      ? `"columns":${JSON.stringify(columns)},"rows":[${rows.join(',')}]`
      : `"columns":[${columns
          .map(
            (column, index) =>
              `${JSON.stringify(column).slice(0, -1)},"values":[${values[index]!.join(',')}]}`,
          )
          .join(',')}]`;
  return { text: head, rows: count };
}
