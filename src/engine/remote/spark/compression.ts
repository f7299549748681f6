import * as zlib from 'node:zlib';
import { CompressionType, compressionRegistry } from 'apache-arrow';
import type { SparkSession } from './session.ts';

export const codecOption = 'spark.sql.execution.arrow.compression.codec';

/** Node's own, which it has from version 22.15 on. */
const zstd = (zlib as Partial<typeof zlib>).zstdDecompressSync;
if (zstd !== undefined) compressionRegistry.set(CompressionType.ZSTD, { decode: data => zstd(data) });

/**
 * A server may be set to compress rows. Codecs that can't be read are turned off for the session.
 * @returns when the session sends rows that can be read
 */
export async function chooseCompression(session: SparkSession): Promise<void> {
  const codec = (await session.options(codecOption)).get(codecOption)?.toLowerCase() ?? 'none';
  if (codec === 'none' || (codec === 'zstd' && zstd !== undefined)) return;
  await session.setOptions({ [codecOption]: 'none' });
}
