import { arrowStream } from '../../engine/arrow.ts';
import type { ColumnDescription } from '../../engine/duckdb.ts';
import { fromDuckDb } from '../../engine/errors.ts';
import type { RowSlice } from '../../engine/result-set.ts';
import { columnsOf, Watch } from '../../engine/running.ts';
import type { EngineSession } from '../../engine/session.ts';

/*
 * Small queries over results, on a connection of their own: they neither wait for the cell that runs nor are
 * they stopped with it.
 */

/** Runs a statement beside the session. @returns rows as plain values; cast what JSON can't hold */
export async function sideRows(
  session: EngineSession,
  sql: string,
  signal?: AbortSignal,
): Promise<Record<string, unknown>[]> {
  return onSide(
    session,
    sql,
    async run => {
      const result = await run(sql);
      return (await result.getRowObjectsJson()) as Record<string, unknown>[];
    },
    signal,
  );
}

/** Runs a query beside the session. @returns its rows as an Arrow IPC stream */
export async function sideArrow(
  session: EngineSession,
  sql: string,
): Promise<{ bytes: Uint8Array; rows: number }> {
  return onSide(session, sql, async run => {
    const result = await run(sql);
    const columns = columnsOf(result);
    const chunks = await result.fetchAllChunks();
    const slices: RowSlice[] = chunks.map(chunk => ({ chunk, start: 0, end: chunk.rowCount }));
    return { bytes: arrowStream(columns, slices), rows: slices.reduce((sum, slice) => sum + slice.end, 0) };
  });
}

/** Names and types of a query's columns, found without running it. */
export async function sideColumns(session: EngineSession, sql: string): Promise<ColumnDescription[]> {
  return onSide(session, sql, async run => columnsOf(await run(`SELECT * FROM (${sql}\n) LIMIT 0`)));
}

type Connection = Awaited<ReturnType<EngineSession['duckdb']['connect']>>;

async function onSide<T>(
  session: EngineSession,
  sql: string,
  work: (run: Connection['run']) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const connection = await session.duckdb.connect();
  const watch = new Watch(connection, { signal });
  try {
    return await work(connection.run.bind(connection));
  } catch (error) {
    throw fromDuckDb(error, sql);
  } finally {
    watch.stop();
    connection.closeSync();
  }
}
