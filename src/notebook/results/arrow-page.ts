import { RecordBatch, RecordBatchReader, RecordBatchStreamWriter, Schema } from 'apache-arrow';
import { META_NAME, META_RESULT_ID, META_ROW_COUNT, META_TEXT } from '../../../renderers/messages.ts';
import type { ResultSet } from '../../engine/result-set.ts';

/** The most bytes that a cell's first answer holds of a result. */
const maxPageBytes = 1_000_000;
const firstPageRows = 1024;

/**
 * The result's first rows as an Arrow IPC stream of bounded size, with what the renderer has to know of it.
 * @param text a sentence that goes with the rows
 */
export async function firstPage(
  result: ResultSet,
  resultId: string,
  name: string,
  text = '',
): Promise<Uint8Array> {
  const metadata = new Map([
    [META_RESULT_ID, resultId],
    [META_ROW_COUNT, String(result.rowCount)],
    [META_NAME, name],
    ...(text === '' ? [] : [[META_TEXT, text] as const]),
  ]);
  // Never more rows than there are now: asking for them would wait until the query is that far.
  let rows = Math.min(firstPageRows, result.rowCount);
  for (;;) {
    const page = withMetadata(await result.window(0, rows), metadata);
    if (page.byteLength <= maxPageBytes || rows === 0) return page;
    rows = rows === 1 ? 0 : Math.floor((rows * maxPageBytes * 0.9) / page.byteLength) || 1;
  }
}

/** The same stream with metadata added to its schema. */
export function withMetadata(stream: Uint8Array, metadata: ReadonlyMap<string, string>): Uint8Array {
  const reader = RecordBatchReader.from(stream);
  reader.open();
  const schema = new Schema(reader.schema.fields, new Map([...reader.schema.metadata, ...metadata]));
  const writer = new RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  for (const batch of reader) writer.write(new RecordBatch(schema, batch.data));
  writer.finish();
  return writer.toUint8Array(true);
}
