/*
 * Theta sketches (Puffin spec: "apache-datasketches-theta-v1 blob type"), written in the compact, ordered form that the
 * Apache DataSketches libraries read (serial version 3). A sketch keeps the smallest hashes of a column's distinct
 * values: how small they are tells how many there must be. No library that writes them runs here, and this is all there
 * is to it.
 */

/** The seed of hashes that sketches of all engines have in common. */
export const sketchSeed = 9001;
/** The lower 16 bits of the seed's own hash. */
const seedHash = 0x93cc;
/** Hashes that a sketch keeps: 4096 make a standard error of 1.6 %. */
export const sketchSize = 4096;
/** Hashes have 63 bits; a sketch that keeps them all has this threshold. */
const wholeRange = 2n ** 63n - 1n;

const serialVersion = 3;
const compactFamily = 3;
const flags = { readOnly: 2, empty: 4, compact: 8, ordered: 16, singleItem: 32 } as const;

export interface ThetaSketch {
  readonly bytes: Uint8Array;
  /** How many distinct values there are, as the sketch estimates. */
  readonly distinct: number;
}

/**
 * The sketch of a column of whose distinct values these are the smallest hashes, in order: all of them, or one more than
 * `sketchSize`.
 */
export function thetaSketch(hashes: readonly bigint[]): ThetaSketch {
  const isWhole = hashes.length <= sketchSize;
  const theta = isWhole ? wholeRange : hashes[sketchSize]!;
  const kept = isWhole ? hashes : hashes.slice(0, sketchSize);
  return {
    bytes: encode(kept, theta),
    distinct: isWhole ? kept.length : kept.length / (Number(theta) / 2 ** 63),
  };
}

function encode(hashes: readonly bigint[], theta: bigint): Uint8Array {
  const isWhole = theta === wholeRange;
  const preambleWords = !isWhole ? 3 : hashes.length > 1 ? 2 : 1;
  const bytes = Buffer.alloc((preambleWords + hashes.length) * 8);
  bytes[0] = preambleWords;
  bytes[1] = serialVersion;
  bytes[2] = compactFamily;
  const size = hashes.length === 0 ? flags.empty : hashes.length === 1 && isWhole ? flags.singleItem : 0;
  bytes[5] = flags.readOnly | flags.compact | flags.ordered | size;
  bytes.writeUInt16LE(seedHash, 6);
  if (preambleWords > 1) {
    bytes.writeUInt32LE(hashes.length, 8);
    bytes.writeFloatLE(1, 12);
  }
  if (preambleWords > 2) bytes.writeBigUInt64LE(theta, 16);
  for (const [index, hash] of hashes.entries()) bytes.writeBigUInt64LE(hash, (preambleWords + index) * 8);
  return bytes;
}
