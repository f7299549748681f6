import type { DataFile, ManifestEntry } from './datafile.ts';
import { decodeBounds } from './evaluate.ts';
import { isPartitioned, type PartitionSpec } from './partition.ts';
import { partitionKey } from './partition-key.ts';
import { findField, type Schema } from './schema.ts';
import { isFloating, isPrimitive, type Value } from './types.ts';
import { compareForFilter } from './value.ts';

/** Reserved field id of `file_path` in position delete files (spec: "Reserved Field IDs"). */
const FILE_PATH_ID = 2147483546;

/** Whether a delete file is a deletion vector (a blob in a Puffin file). */
export function isDeletionVector(file: DataFile): boolean {
  return file.content === 1 && file.fileFormat === 'PUFFIN';
}

/**
 * Finds the delete files that must be applied to a data file (spec: "Scan Planning"). Built once per scan from
 * the live entries of the snapshot's delete manifests.
 */
export class DeleteIndex {
  readonly #schema: Schema;
  /** Equality deletes of an unpartitioned spec apply to every older file. */
  readonly #global = new BySequence();
  readonly #equality = new Map<string, BySequence>();
  readonly #position = new Map<string, BySequence>();
  readonly #positionByPath = new Map<string, BySequence>();
  readonly #vectors = new Map<string, BySequence>();

  constructor(entries: Iterable<ManifestEntry>, schema: Schema, specs: readonly PartitionSpec[]) {
    this.#schema = schema;
    const unpartitioned = new Set(specs.filter(spec => !isPartitioned(spec)).map(spec => spec.specId));
    for (const entry of entries) {
      const { dataFile } = entry;
      const partition = partitionKey(dataFile.specId, dataFile.partition);
      if (dataFile.content === 2) {
        if (unpartitioned.has(dataFile.specId)) this.#global.add(entry);
        else bucket(this.#equality, partition).add(entry);
        continue;
      }
      const path = referencedPath(dataFile);
      if (path === undefined) bucket(this.#position, partition).add(entry);
      else
        bucket(isDeletionVector(dataFile) ? this.#vectors : this.#positionByPath, `${partition} ${path}`).add(
          entry,
        );
    }
  }

  /** Equality deletes first, then the deletion vector, or else the position deletes. */
  forFile(entry: ManifestEntry): DataFile[] {
    const { dataFile, sequenceNumber } = entry;
    const partition = partitionKey(dataFile.specId, dataFile.partition);
    const path = `${partition} ${dataFile.filePath}`;
    const deletes: DataFile[] = [];
    for (const equality of [this.#global, this.#equality.get(partition)]) {
      for (const file of equality?.from(sequenceNumber + 1) ?? []) {
        if (this.#mayShareRows(dataFile, file)) deletes.push(file);
      }
    }
    const vector = this.#vectors.get(path)?.from(sequenceNumber).at(-1);
    if (vector !== undefined) return [...deletes, vector];
    for (const file of this.#position.get(partition)?.from(sequenceNumber) ?? []) {
      if (mayReference(file, dataFile.filePath)) deletes.push(file);
    }
    deletes.push(...(this.#positionByPath.get(path)?.from(sequenceNumber) ?? []));
    return deletes;
  }

  /** False when the bounds of an equality column show that no row of the data file can equal a deleted row. */
  #mayShareRows(data: DataFile, deletes: DataFile): boolean {
    return (deletes.equalityIds ?? []).every(id => {
      const type = findField(this.#schema, id)?.type;
      if (type === undefined || !isPrimitive(type)) return true;
      // Null equals null here, so files that both have nulls may share rows whatever the bounds say.
      if (this.#mayHaveNull(data, id) && this.#mayHaveNull(deletes, id)) return true;
      // So does NaN, which bounds leave out.
      if (isFloating(type) && mayHaveNan(data, id) && mayHaveNan(deletes, id)) return true;
      const ours = decodeBounds(type, data.lowerBounds?.get(id), data.upperBounds?.get(id));
      const theirs = decodeBounds(type, deletes.lowerBounds?.get(id), deletes.upperBounds?.get(id));
      return !isBelow(ours.upper, theirs.lower) && !isBelow(theirs.upper, ours.lower);
    });
  }

  /** A struct that is null makes the fields in it null, which not every writer counts. */
  #mayHaveNull(file: DataFile, id: number): boolean {
    return file.nullValueCounts?.get(id) !== 0 || !this.#schema.fields.some(field => field.id === id);
  }
}

function mayHaveNan(file: DataFile, id: number): boolean {
  return file.nanValueCounts?.get(id) !== 0;
}

function isBelow(upper: Value | undefined, lower: Value | undefined): boolean {
  return upper !== undefined && lower !== undefined && compareForFilter(upper, lower) < 0;
}

/** Delete files in the order of their data sequence numbers. */
class BySequence {
  readonly #entries: ManifestEntry[] = [];
  #sorted = true;

  add(entry: ManifestEntry): void {
    this.#entries.push(entry);
    this.#sorted = false;
  }

  /** The files whose data sequence number is at least `least`. */
  from(least: number): DataFile[] {
    if (!this.#sorted) {
      this.#entries.sort((a, b) => a.sequenceNumber - b.sequenceNumber);
      this.#sorted = true;
    }
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.sequenceNumber < least) low = middle + 1;
      else high = middle;
    }
    return this.#entries.slice(low).map(entry => entry.dataFile);
  }
}

function bucket(map: Map<string, BySequence>, key: string): BySequence {
  let found = map.get(key);
  if (found === undefined) {
    found = new BySequence();
    map.set(key, found);
  }
  return found;
}

/** The one data file a position delete file is about, if its metadata says so. */
function referencedPath(file: DataFile): string | undefined {
  if (file.referencedDataFile !== undefined) return file.referencedDataFile;
  const lower = file.lowerBounds?.get(FILE_PATH_ID);
  const upper = file.upperBounds?.get(FILE_PATH_ID);
  // Equal bounds are not truncated ones: a truncated upper bound is always larger.
  if (lower === undefined || upper === undefined || Buffer.compare(lower, upper) !== 0) return undefined;
  return Buffer.from(lower).toString('utf8');
}

function mayReference(deletes: DataFile, path: string): boolean {
  const lower = deletes.lowerBounds?.get(FILE_PATH_ID);
  const upper = deletes.upperBounds?.get(FILE_PATH_ID);
  const bytes = Buffer.from(path, 'utf8');
  if (lower !== undefined && Buffer.compare(bytes, lower) < 0) return false;
  return upper === undefined || Buffer.compare(bytes, upper) <= 0;
}
