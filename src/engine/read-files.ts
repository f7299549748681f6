import type { DataFile } from '../iceberg/datafile.ts';
import type { LocalFile, ReadRequest } from '../storage/storage.ts';
import { localParquet } from './avro/stand-ins.ts';
import { type ScanFile, type ScanRequest, virtualColumns } from './scan-request.ts';

/** Ranges of rows are read by a SELECT each: up to so many of a file, and of all files. */
const mostRanges = { ofFile: 8, inAll: 64 };

/** Where the files can be read, with what the filter leaves of them. */
export async function localFiles(request: ScanRequest): Promise<LocalFile[]> {
  const { files } = request;
  const isAvro = ({ dataFile }: ScanFile) => dataFile.fileFormat === 'AVRO';
  if (!files.some(isAvro)) return parquetFiles(request);
  const { duckdb, storage, signal } = request;
  const parquet = await parquetFiles({ ...request, files: files.filter(file => !isAvro(file)) });
  const avro = await localParquet(
    duckdb,
    storage,
    files.filter(isAvro).map(({ dataFile }) => dataFile),
    signal,
  );
  return files.map(file => (isAvro(file) ? { path: avro.shift()! } : parquet.shift()!));
}

async function parquetFiles(request: ScanRequest): Promise<LocalFile[]> {
  const { storage, files, filter, signal } = request;
  const requests = files.map(file => readRequest(file, request));
  const isFiltered = filter !== undefined && filter.op !== 'true' && canTellRows(request);
  if (storage.localFiles === undefined || !isFiltered) {
    return (await storage.localPaths(requests, signal)).map(path => ({ path }));
  }
  const { schema } = request;
  const found = await storage.localFiles(
    requests.map((file, index) => {
      const { dataFile, deletes } = files[index]!;
      // Deletes are joined with each range: one is enough then.
      const most = deletes.length > 0 ? 1 : mostRanges.ofFile;
      const withoutNan = [...(dataFile.nanValueCounts ?? [])].flatMap(([id, count]) =>
        count === 0 ? [id] : [],
      );
      return { ...file, filter: { expr: filter, schema, withoutNan, mostRanges: most } };
    }),
    signal,
  );
  const tooMany = rangesBeyond(found, files);
  if (tooMany.length === 0) return found;
  const whole = await storage.localPaths(
    tooMany.map(index => requests[index]!),
    signal,
  );
  for (const [at, index] of tooMany.entries()) found[index] = { path: whole[at]! };
  return found;
}

/** The files, by index, that are read as a whole since there are too many ranges: those with the most rows left. */
function rangesBeyond(found: readonly LocalFile[], files: readonly ScanFile[]): number[] {
  const leftOf = (index: number) => {
    const rows = found[index]!.rows!.reduce((sum, { start, end }) => sum + end - start, 0);
    return rows / Math.max(1, files[index]!.dataFile.recordCount);
  };
  const parts = found.flatMap(({ rows = [] }, index) => (rows.length > 0 ? [index] : []));
  let ranges = 0;
  return parts
    .sort((a, b) => leftOf(a) - leftOf(b))
    .filter(index => {
      ranges += found[index]!.rows!.length;
      return ranges > mostRanges.inAll;
    });
}

/** Whether ranges of rows can be told by DuckDB's virtual column, which a column of that name would hide. */
function canTellRows({ metadata }: ScanRequest): boolean {
  return metadata.schemas.every(({ fields }) =>
    fields.every(({ name }) => !virtualColumns.includes(name.toLowerCase())),
  );
}

function readRequest({ dataFile: file }: ScanFile, { fieldIds, filter }: ScanRequest): ReadRequest {
  return {
    location: file.filePath,
    fileSize: file.fileSizeInBytes,
    ...(fieldIds === undefined ? {} : { fieldIds }),
    ...(fieldIds === undefined && filter === undefined ? {} : { tailBytes: tailBytes(file) }),
  };
}

/** What follows the column chunks, whose sizes the manifest tells: the footer, and Bloom filters. */
function tailBytes({ fileSizeInBytes, columnSizes }: DataFile): number | undefined {
  if (columnSizes === undefined || columnSizes.size === 0) return undefined;
  let rest = fileSizeInBytes;
  for (const size of columnSizes.values()) rest -= size;
  return rest > 0 ? rest : undefined;
}
