import type { EngineSession } from '../engine/session.ts';
import { alwaysTrue } from '../iceberg/expression.ts';
import { specById, type TableMetadata } from '../iceberg/metadata.ts';
import { planScan } from '../iceberg/scan.ts';
import { findField } from '../iceberg/schema.ts';
import { transformHuman } from '../iceberg/transform.ts';
import type { Value } from '../iceberg/types.ts';
import { bytesText, count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { FilesRequest } from './requests.ts';
import { requireTable, shownName } from './targets.ts';
import { findVersion } from './versions.ts';

const columns = [
  { name: 'partition', type: 'VARCHAR' },
  { name: 'rows', type: 'BIGINT' },
  { name: 'bytes', type: 'BIGINT' },
  { name: 'format', type: 'VARCHAR' },
  { name: 'delete_files', type: 'BIGINT' },
  { name: 'file', type: 'VARCHAR' },
];

/** A version's data files, by partition. @throws NotFoundError for versions that aren't there */
export async function files(
  session: EngineSession,
  request: FilesRequest,
  { signal }: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const { metadata } = table;
  const version = findVersion(session, table, request.at ?? { kind: 'previous', steps: 0 });
  const name = shownName(session, table);
  if (version.snapshot === undefined) return { text: `${name} has no files yet.`, columns, rows: [] };
  const { tasks } = await planScan({
    metadata,
    snapshotId: version.snapshot.snapshotId,
    filter: alwaysTrue,
    io: session.lake.storage,
    signal,
  });
  const base = `${metadata.location}/`;
  const rows = tasks
    .map(({ dataFile, deletes }) => [
      partitionText(metadata, dataFile.specId, dataFile.partition),
      dataFile.recordCount,
      dataFile.fileSizeInBytes,
      dataFile.fileFormat.toLowerCase(),
      deletes.length,
      dataFile.filePath.startsWith(base) ? dataFile.filePath.slice(base.length) : dataFile.filePath,
    ])
    .sort((a, b) => compare(a[0], b[0]) || compare(a[5], b[5]));
  const bytes = tasks.reduce((sum, { dataFile }) => sum + dataFile.fileSizeInBytes, 0);
  const at = request.at === undefined ? '' : ` at ${version.label}`;
  return {
    text: `${name}${at} has ${count(rows.length, 'data file')}, ${bytesText(bytes)}, below ${metadata.location}.`,
    columns,
    rows,
  };
}

function compare(a: unknown, b: unknown): number {
  const [left, right] = [String(a ?? ''), String(b ?? '')];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** `sold_at_month=2026-01`; null for an unpartitioned file. */
function partitionText(
  metadata: TableMetadata,
  specId: number,
  values: readonly (Value | null)[],
): string | null {
  const { fields } = specById(metadata, specId);
  if (fields.length === 0) return null;
  return fields
    .map((field, index) => {
      const value = values[index] ?? null;
      // The source column may have been dropped since.
      const source = metadata.schemas.map(schema => findField(schema, field.sourceId)).find(found => found);
      const text = source === undefined ? String(value) : transformHuman(field.transform, source.type, value);
      return `${field.name}=${text}`;
    })
    .join(', ');
}
