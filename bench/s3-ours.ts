// Lakebook's side of bench/s3.ts: TPC-H queries on the lake in DIR, in one process.
// usage: s3-ours.ts DIR QUERIES [NEEDED]; prints {"cold": [seconds], "warm": [seconds], "answers": [rows], "needed":
// [bytes]} as JSON. Cold is a new lake and session with an empty cache for each query, warm the same query again.
// `needed` are the sizes of the column chunks that a query names, for lakes in S3.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadLakeConfig } from '../src/catalog/lake-config.ts';
import { openLake } from '../src/catalog/open-lake.ts';
import { EngineSession } from '../src/engine/index.ts';
import type { ReadRequest, RowRange } from '../src/storage/storage.ts';

const [folder, queriesFile] = process.argv.slice(2) as [string, string];
const queries = JSON.parse(readFileSync(queriesFile, 'utf8')) as string[];
const config = await loadLakeConfig(folder);

async function rowCount(session: EngineSession, sql: string): Promise<number> {
  const outcome = (await session.execute(sql)).at(-1);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  const count = await outcome.result.finished();
  await outcome.result.close();
  return count;
}

/** A file that was asked for, with the rows that were needed of it; absent: all. */
interface Asked {
  readonly request: ReadRequest;
  readonly rows?: readonly RowRange[];
}

/** Bytes of the column chunks (without Bloom filters) that were asked for, of the row groups that were needed. */
async function chunkBytes(session: EngineSession, asked: readonly Asked[]): Promise<number> {
  let bytes = 0;
  for (const [location, parts] of Map.groupBy(asked, ({ request }) => request.location)) {
    const { fileSize } = parts[0]!.request;
    const [local] = await session.lake.storage.localPaths([{ location, fileSize, fieldIds: [] }]);
    const chunks = await session.duckdb.rows(
      `SELECT m.row_group_id::INTEGER AS "group", m.row_group_num_rows::INTEGER AS rows, s.field_id::INTEGER AS "fieldId",
         m.total_compressed_size::DOUBLE AS bytes
       FROM parquet_metadata('${local}') m JOIN parquet_schema('${local}') s ON m.path_in_schema = s.name ORDER BY ALL`,
    );
    const starts = new Map<number, number>();
    let next = 0;
    for (const { group, rows } of chunks) {
      if (starts.has(Number(group))) continue;
      starts.set(Number(group), next);
      next += Number(rows);
    }
    for (const chunk of chunks) {
      const start = starts.get(Number(chunk.group))!;
      const isNeeded = parts.some(({ request: { fieldIds }, rows }) => {
        const isRead = fieldIds === undefined || fieldIds.includes(Number(chunk.fieldId));
        return (
          isRead && (rows === undefined || rows.some(range => range.start <= start && start < range.end))
        );
      });
      if (isNeeded) bytes += Number(chunk.bytes);
    }
  }
  return bytes;
}

const results: { cold: number; warm: number; rows: number; needed: number; fetched: number }[] = [];
const fetchedSoFar = () =>
  new Promise<number>(resolve => {
    if (process.send === undefined) return resolve(0);
    process.once('message', ({ bytes }: { bytes: number }) => resolve(bytes));
    process.send('bytes');
  });
for (const query of queries) {
  const cache = mkdtempSync(path.join(tmpdir(), 'lakebook-bench-cache-'));
  const storage = { ...config.storage, cache: { folder: cache, bytes: 1e11 } };
  const before = await fetchedSoFar();
  const lake = await openLake({ ...config, storage });
  const session = await EngineSession.open({ lake, workingDirectory: folder });
  const asked: Asked[] = [];
  const { storage: ownStorage } = lake;
  const { localPaths, localFiles } = ownStorage;
  ownStorage.localPaths = (files, signal) => {
    asked.push(...files.map(request => ({ request })));
    return localPaths.call(ownStorage, files, signal);
  };
  ownStorage.localFiles = async (files, signal) => {
    const found = await localFiles!.call(ownStorage, files, signal);
    asked.push(...files.map((request, index) => ({ request, rows: found[index]!.rows })));
    return found;
  };
  const start = performance.now();
  const rows = await rowCount(session, query);
  const middle = performance.now();
  const fetched = (await fetchedSoFar()) - before;
  const again = performance.now();
  await rowCount(session, query);
  const end = performance.now();
  Object.assign(ownStorage, { localPaths, localFiles });
  const needed = await chunkBytes(session, asked);
  results.push({ cold: middle - start, warm: end - again, rows, needed, fetched });
  await session.close();
  await lake.close();
  rmSync(cache, { recursive: true, force: true });
}
console.log(
  JSON.stringify({
    cold: results.map(({ cold }) => cold / 1000),
    warm: results.map(({ warm }) => warm / 1000),
    answers: results.map(({ rows }) => rows),
    needed: results.map(({ needed }) => needed),
    fetched: results.map(({ fetched }) => fetched),
  }),
);
process.disconnect?.();
