import { Readable } from 'node:stream';
import type { ResultColumn, ResultSet } from '../../engine/result-set.ts';

export type QueryFormat = 'json' | 'ndjson' | 'csv' | 'arrow' | 'parquet';

export const mediaTypes: Readonly<Record<QueryFormat, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  arrow: 'application/vnd.apache.arrow.stream',
  parquet: 'application/vnd.apache.parquet',
};

/** About as many bytes are made at once; rows differ in size, so windows find theirs. */
const windowBytes = 1 << 20;
const firstWindowRows = 256;
const mostWindowRows = 16_384;

/** All rows of a result in windows. Each is turned into bytes, whose number says how many rows the next one has. */
async function* windows(
  result: ResultSet,
  make: (
    offset: number,
    limit: number,
  ) => Promise<{ readonly rows: number; readonly bytes: string | Uint8Array }>,
): AsyncGenerator<string | Uint8Array> {
  let limit = firstWindowRows;
  for (let offset = 0; ; ) {
    const { rows, bytes } = await make(offset, limit);
    if (bytes.length > 0) yield bytes;
    if (rows === 0) break;
    offset += rows;
    const wanted = Math.floor((windowBytes / Math.max(bytes.length, 1)) * rows);
    limit = Math.max(1, Math.min(wanted, limit * 4, mostWindowRows));
  }
  // Rows that came before a failure are not all of them.
  await result.finished();
}

/** A JSON object for each row and line. */
export function ndjson(result: ResultSet): Readable {
  const keys = uniqueKeys(result.columns).map(name => JSON.stringify(name));
  return stream(
    windows(result, async (offset, limit) => {
      const rows = await result.rows(offset, limit);
      const lines = rows.map(
        row => `{${row.map((value, index) => `${keys[index]}:${JSON.stringify(value)}`).join(',')}}\n`,
      );
      return { rows: rows.length, bytes: lines.join('') };
    }),
  );
}

/** RFC 4180 with a header line. NULL is the empty field, the empty text `""`. */
export function csv(result: ResultSet): Readable {
  return stream(
    (async function* () {
      yield `${result.columns.map(column => csvField(column.name)).join(',')}\r\n`;
      yield* windows(result, async (offset, limit) => {
        const rows = await result.rows(offset, limit);
        return { rows: rows.length, bytes: rows.map(row => `${row.map(csvField).join(',')}\r\n`).join('') };
      });
    })(),
  );
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One Arrow IPC stream: the windows' own streams, joined. */
export function arrow(result: ResultSet): Readable {
  return stream(
    (async function* () {
      let isFirst = true;
      yield* windows(result, async (offset, limit) => {
        const whole = await result.window(offset, limit);
        const rows = Math.max(0, Math.min(limit, result.rowCount - offset));
        const schemaEnd = 8 + new DataView(whole.buffer, whole.byteOffset).getInt32(4, true);
        const start = isFirst ? 0 : schemaEnd;
        isFirst = false;
        return { rows, bytes: whole.subarray(start, whole.length - endOfStream.length) };
      });
      yield endOfStream;
    })(),
  );
}

/** The mark behind the last message of an IPC stream. */
const endOfStream = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);

/** Names that a JSON object can have beside each other. */
export function uniqueKeys(columns: readonly ResultColumn[]): string[] {
  const taken = new Set<string>();
  return columns.map(({ name }) => {
    let key = name;
    for (let n = 1; taken.has(key); n++) key = `${name}_${n}`;
    taken.add(key);
    return key;
  });
}

function stream(source: AsyncIterable<string | Uint8Array>): Readable {
  return Readable.from(source, { objectMode: false, highWaterMark: 1 << 16 });
}
