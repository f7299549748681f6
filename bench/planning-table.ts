// A synthetic table of manifests only, for bench/planning.ts: nobody reads the data files that they list.
// usage: planning-table.ts DIR MANIFESTS FILES_A_MANIFEST; prints the metadata file's address.
// One manifest is one day; its files follow each other in `id`. Ten columns have metrics.

import type { DataFile } from '../src/iceberg/datafile.ts';
import { writeManifest } from '../src/iceberg/manifest.ts';
import { type ManifestFile, writeManifestList } from '../src/iceberg/manifest-list.ts';
import { encodeTableMetadata } from '../src/iceberg/metadata-json.ts';
import { newTableMetadata } from '../src/iceberg/new-table.ts';
import type { NestedField, Type, Value } from '../src/iceberg/types.ts';
import { valueToBytes } from '../src/iceberg/value.ts';
import { LocalStorage } from '../src/storage/local.ts';

const [folder, manifests, files] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const rows = 1_000_000;
const io = new LocalStorage();
const location = `file://${folder}`;
const field = (id: number, name: string, kind: string): NestedField => ({
  id,
  name,
  required: false,
  type: { kind } as Type,
});
const columns = [
  field(1, 'id', 'long'),
  field(2, 'sold_at', 'timestamp'),
  field(3, 'category', 'string'),
  ...Array.from({ length: 7 }, (_, i) => field(4 + i, `amount_${i}`, 'double')),
];
const empty = newTableMetadata({
  schema: { schemaId: 0, fields: columns, identifierFieldIds: [] },
  spec: { specId: 0, fields: [{ sourceId: 2, fieldId: 1000, name: 'day', transform: { kind: 'day' } }] },
  location,
});
const schema = empty.schemas[0]!;
const spec = empty.partitionSpecs[0]!;
const day = 86_400_000_000n;
const firstDay = 18_262; // 2020-01-01

function bounds(values: readonly Value[]): Map<number, Uint8Array> {
  return new Map(columns.map((column, i) => [column.id, valueToBytes(column.type, values[i]!)]));
}

function dataFile(manifest: number, index: number): DataFile {
  const first = BigInt(manifest * files + index) * BigInt(rows);
  const start = BigInt(firstDay + manifest) * day;
  const each = (value: number) => new Map(columns.map(column => [column.id, value]));
  const doubles = (value: number) => Array.from({ length: 7 }, (_, i) => value + i);
  return {
    content: 0,
    filePath: `${location}/data/day=${manifest}/${String(index).padStart(5, '0')}-4f1b7c4e-7a3d-4a51-9d3f.parquet`,
    fileFormat: 'PARQUET',
    specId: spec.specId,
    partition: [firstDay + manifest],
    recordCount: rows,
    fileSizeInBytes: 64 * 1024 * 1024 + index,
    columnSizes: each(6_000_000),
    valueCounts: each(rows),
    nullValueCounts: each(0),
    nanValueCounts: new Map(columns.slice(3).map(column => [column.id, 0])),
    lowerBounds: bounds([first, start, `c${index}`, ...doubles(0)]),
    upperBounds: bounds([first + BigInt(rows - 1), start + day - 1n, `c${index}z`, ...doubles(1000)]),
    splitOffsets: [4],
    sortOrderId: 0,
  };
}

const snapshotId = 1n;
const list: ManifestFile[] = [];
for (let m = 0; m < manifests; m++) {
  const entries = Array.from({ length: files }, (_, i) => ({
    status: 1 as const,
    snapshotId,
    dataFile: dataFile(m, i),
  }));
  const address = `${location}/metadata/m${m}.avro`;
  list.push(
    await writeManifest(io, address, { entries, spec, schema, formatVersion: 2, content: 0, snapshotId }),
  );
}
const manifestList = `${location}/metadata/snap-1.avro`;
await writeManifestList(io, manifestList, {
  formatVersion: 2,
  snapshotId,
  parentSnapshotId: undefined,
  sequenceNumber: 1,
  manifests: list,
});
const timestampMs = Date.now();
const metadata = {
  ...empty,
  lastSequenceNumber: 1,
  currentSnapshotId: snapshotId,
  snapshots: [
    {
      snapshotId,
      sequenceNumber: 1,
      timestampMs,
      manifestList,
      operation: 'append',
      summary: {},
      schemaId: 0,
    } as const,
  ],
  refs: { main: { snapshotId, type: 'branch' } as const },
};
const address = `${location}/metadata/00001-planning.metadata.json`;
await io.create(address, encodeTableMetadata(metadata, address));
console.log(address);
