import { open } from 'node:fs/promises';
import { CorruptFileError } from '../iceberg/errors.ts';
import { thriftTypes } from '../storage/thrift-types.ts';
import { type ThriftList, ThriftReader, type ThriftStruct, thriftBytes } from './thrift-compact.ts';

/*
 * What DuckDB doesn't say in a Parquet footer that Iceberg wants there (spec: Appendix A, Parquet). It has no
 * nanoseconds with a time zone and writes them as timestamps that aren't adjusted to UTC. And it writes variants with
 * fields of their own for what many values have, which Iceberg's vectorized reader (1.12) refuses: so they are written
 * as the two byte strings that they are, and called variants here.
 */

/** parquet.thrift: SchemaElement, LogicalType, TimestampType and VariantType. */
const element = { fieldId: 9, logicalType: 10 } as const;
const logical = { timestamp: 8, variant: 16 } as const;
const isAdjustedToUtc = 1;
const specificationVersion = 1;

/** Field ids of columns. */
export interface Annotations {
  readonly adjustedToUtc: ReadonlySet<number>;
  readonly variants: ReadonlySet<number>;
}

/** Rewrites a Parquet file's footer. @returns the file's size in bytes */
export async function annotate(file: string, annotations: Annotations): Promise<number> {
  const handle = await open(file, 'r+');
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(8);
    await handle.read(tail, 0, 8, size - 8);
    const length = tail.readUInt32LE(0);
    const start = size - 8 - length;
    const bytes = Buffer.alloc(length);
    await handle.read(bytes, 0, length, start);
    const footer = new ThriftReader(bytes).struct();
    for (const item of (footer.get(2)!.value as ThriftList).items as ThriftStruct[]) {
      annotateElement(file, item, annotations);
    }
    const changed = Buffer.concat([thriftBytes(footer), tail]);
    changed.writeUInt32LE(changed.length - 8, changed.length - 8);
    await handle.write(changed, 0, changed.length, start);
    await handle.truncate(start + changed.length);
    await handle.sync();
    return start + changed.length;
  } finally {
    await handle.close();
  }
}

function annotateElement(file: string, item: ThriftStruct, { adjustedToUtc, variants }: Annotations): void {
  const id = Number(item.get(element.fieldId)?.value ?? -1);
  if (adjustedToUtc.has(id)) {
    const type = item.get(element.logicalType)?.value as ThriftStruct | undefined;
    const timestamp = type?.get(logical.timestamp)?.value as ThriftStruct | undefined;
    const flag = timestamp?.get(isAdjustedToUtc);
    if (flag === undefined) throw new CorruptFileError(file, 'a timestamp column is of another type.');
    flag.value = true;
  }
  if (variants.has(id)) {
    const variant: ThriftStruct = new Map([[specificationVersion, { type: thriftTypes.byte, value: 1 }]]);
    const type: ThriftStruct = new Map([[logical.variant, { type: thriftTypes.struct, value: variant }]]);
    item.set(element.logicalType, { type: thriftTypes.struct, value: type });
  }
}
