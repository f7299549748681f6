import { randomBytes } from 'node:crypto';
import { crc32, deflateRawSync, inflateRawSync, zstdDecompressSync } from 'node:zlib';
import { AvroFormatError, AvroReader, AvroWriter } from './avro-binary.ts';
import { compileDecoder, type Decoder, minSize, type Shape } from './avro-decode.ts';
import { type AvroNode, parseAvroSchema } from './avro-schema.ts';
import { CorruptFileError, LakebookError, UnsupportedError } from './errors.ts';
import { snappyDecompress } from './snappy.ts';

/**
 * Avro object container files (Avro 1.11 specification, "Object Container Files"), as Iceberg's manifests and
 * manifest lists are. The codec is our own and not avsc's: it keeps field ids, reads by field id, leaves what
 * isn't needed undecoded, and bounds memory on damaged files. avsc is the tests' second opinion.
 */

const MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_SIZE = 16;
/** Encoded bytes per block; Avro's own default, so that a reader needs little memory. */
const BLOCK_SIZE = 64 * 1024;
/** No block of a manifest is larger, and a compressed one that grows beyond this is hostile. */
const MAX_BLOCK_SIZE = 256 * 1024 * 1024;
/** What a file of n bytes may grow to: well beyond what metadata compresses to. */
const maxExpansion = (fileSize: number): number => 64 * 1024 * 1024 + fileSize * 100;

/** What the header of a container file says. */
export interface AvroHeader {
  readonly schema: AvroNode;
  /** Key-value metadata as text; `avro.schema` and `avro.codec` are left out. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface AvroFile<T> extends AvroHeader {
  readonly records: T[];
  /** Bytes of all blocks after decompression, a measure of what the records may hold on to. */
  readonly decodedBytes: number;
}

/**
 * Decodes a container file. `shape` says what to read (it may depend on the header), `map` makes a record from
 * the decoded slots (undefined drops it). @throws CorruptFileError, UnsupportedError (codec)
 */
export function decodeAvroFile<T>(
  location: string,
  bytes: Uint8Array,
  shape: (header: AvroHeader) => Shape,
  map: (decoded: never, header: AvroHeader) => T | undefined,
): AvroFile<T> {
  return explained(location, () => decode(bytes, shape, map));
}

/** Runs what decodes a file, and says of which file an error is. @throws CorruptFileError, UnsupportedError */
function explained<T>(location: string, decoding: () => T): T {
  try {
    return decoding();
  } catch (error) {
    if (error instanceof UnsupportedError) {
      throw new UnsupportedError(`${location}: ${error.message}`, { hint: error.hint, cause: error });
    }
    if (error instanceof LakebookError) throw error;
    if (error instanceof AvroFormatError || isZlibError(error)) {
      throw new CorruptFileError(location, `not a readable Avro file: ${(error as Error).message}.`, {
        cause: error,
        hint: 'Restore this file from a backup, or roll the table back to a snapshot that does not use it.',
      });
    }
    throw error;
  }
}

function decode<T>(
  bytes: Uint8Array,
  shapeOf: (header: AvroHeader) => Shape,
  map: (decoded: never, header: AvroHeader) => T | undefined,
): AvroFile<T> {
  const reader = new AvroReader(bytes);
  const opened = readHeader(reader);
  const { header } = opened;
  const decodeRecord = decoderFor(header.schema, shapeOf(header));
  const records: T[] = [];
  let decodedBytes = 0;
  for (const { count, block } of blocksOf(reader, opened)) {
    decodedBytes += block.bytes.length;
    for (let i = 0; i < count; i++) {
      const record = map(decodeRecord(block) as never, header);
      if (record !== undefined) records.push(record);
    }
  }
  return { ...header, records, decodedBytes };
}

/**
 * Reads a container file a block at a time, for files of many records. `plan` makes of the header what reads one
 * record; what it answers for the records of a block is handed out together.
 * @throws CorruptFileError, UnsupportedError (codec, and what `plan` throws)
 */
export function* avroBlocks<T>(
  location: string,
  bytes: Uint8Array,
  plan: (header: AvroHeader) => (reader: AvroReader) => T,
): Generator<T[]> {
  const reader = new AvroReader(bytes);
  const { opened, read } = explained(location, () => {
    const found = readHeader(reader);
    return { opened: found, read: plan(found.header) };
  });
  const blocks = blocksOf(reader, opened);
  for (;;) {
    const records = explained(location, () => {
      const next = blocks.next();
      if (next.done === true) return undefined;
      const { count, block } = next.value;
      return Array.from({ length: count }, () => read(block));
    });
    if (records === undefined) return;
    yield records;
  }
}

/** The blocks behind a header, checked; who takes one reads its records before asking for the next. */
function* blocksOf(
  reader: AvroReader,
  { header, codec, sync }: OpenedFile,
): Generator<{ readonly count: number; readonly block: AvroReader }, undefined> {
  const least = Math.max(minSize(header.schema), 1);
  let budget = maxExpansion(reader.bytes.length);
  while (reader.remaining > 0) {
    const count = reader.readLong();
    const packed = reader.readBytes();
    if (!reader.readFixed(SYNC_SIZE).equals(sync)) throw new AvroFormatError('a sync marker is damaged');
    const block = new AvroReader(decompress(packed, codec, Math.min(MAX_BLOCK_SIZE, budget)));
    budget -= block.bytes.length;
    if (count < 0 || count * least > block.bytes.length) {
      throw new AvroFormatError(`a block claims ${count} records, more than its bytes can hold`);
    }
    yield { count, block };
    if (block.remaining !== 0) throw new AvroFormatError('a block has bytes left after its last record');
  }
}

interface OpenedFile {
  readonly header: AvroHeader;
  readonly codec: string;
  readonly sync: Buffer;
}

function readHeader(reader: AvroReader): OpenedFile {
  if (reader.remaining < MAGIC.length || !reader.readFixed(MAGIC.length).equals(MAGIC)) {
    throw new AvroFormatError('the file does not start with Avro\'s magic bytes "Obj\\x01"');
  }
  const metadata = new Map<string, string>();
  for (let count = reader.readBlockCount(2); count > 0; count = reader.readBlockCount(2)) {
    for (let i = 0; i < count; i++) metadata.set(reader.readString(), reader.readBytes().toString('utf8'));
  }
  const sync = reader.readFixed(SYNC_SIZE);
  const schemaText = metadata.get('avro.schema');
  if (schemaText === undefined) throw new AvroFormatError('the header has no avro.schema');
  const codec = metadata.get('avro.codec') ?? 'null';
  metadata.delete('avro.schema');
  metadata.delete('avro.codec');
  return { header: { schema: parsedSchema(schemaText), metadata }, codec, sync };
}

/** A table's manifests have few different schemas: the latest are kept, and the decoders made for them. */
const parsedSchemas = new Map<string, AvroNode>();
const MAX_PARSED_SCHEMAS = 32;
const decoders = new WeakMap<AvroNode, WeakMap<object, Decoder>>();

function parsedSchema(text: string): AvroNode {
  const known = parsedSchemas.get(text);
  if (known !== undefined) return known;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new AvroFormatError('avro.schema in the header is not JSON');
  }
  const schema = parseAvroSchema(json);
  for (const oldest of parsedSchemas.keys()) {
    if (parsedSchemas.size < MAX_PARSED_SCHEMAS) break;
    parsedSchemas.delete(oldest);
  }
  parsedSchemas.set(text, schema);
  return schema;
}

function decoderFor(schema: AvroNode, shape: Shape): Decoder {
  if (typeof shape === 'string') return compileDecoder(schema, shape);
  let byShape = decoders.get(schema);
  if (byShape === undefined) {
    byShape = new WeakMap();
    decoders.set(schema, byShape);
  }
  let decoder = byShape.get(shape);
  if (decoder === undefined) {
    decoder = compileDecoder(schema, shape);
    byShape.set(shape, decoder);
  }
  return decoder;
}

/** Reads only the key-value metadata. @throws CorruptFileError */
export function decodeAvroMetadata(location: string, bytes: Uint8Array): ReadonlyMap<string, string> {
  try {
    return readHeader(new AvroReader(bytes)).header.metadata;
  } catch (error) {
    if (!(error instanceof AvroFormatError)) throw error;
    throw new CorruptFileError(location, `not a readable Avro file: ${error.message}.`, { cause: error });
  }
}

function decompress(packed: Buffer, codec: string, maxOutputLength: number): Uint8Array {
  if (maxOutputLength <= 0) throw new AvroFormatError('the blocks grow beyond any plausible size');
  switch (codec) {
    case 'null':
      return packed;
    case 'deflate':
      return compact(inflateRawSync(packed, { maxOutputLength }));
    case 'zstandard':
      return compact(zstdDecompressSync(packed, { maxOutputLength }));
    case 'snappy': {
      if (packed.length < 4) throw new AvroFormatError('a Snappy block is malformed');
      const output = snappyDecompress(packed.subarray(0, -4), maxOutputLength);
      // Avro puts a big-endian CRC-32 of the uncompressed bytes behind each Snappy block.
      if (crc32(output) !== packed.readUInt32BE(packed.length - 4)) {
        throw new AvroFormatError('the checksum of a Snappy block does not match');
      }
      return output;
    }
    default:
      throw new UnsupportedError(`The Avro codec ${codec} is not supported.`, {
        hint: 'Rewrite the metadata with gzip: set write.avro.compression-codec to gzip in the writing engine.',
      });
  }
}

/** Node answers with views of chunks of 16 kB and more: what is kept of a small block must not keep a whole one. */
function compact(bytes: Buffer): Uint8Array {
  return bytes.buffer.byteLength > 2 * bytes.length ? new Uint8Array(bytes) : bytes;
}

function isZlibError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^(Z_|ZSTD_|ERR_(BUFFER_TOO_LARGE|ZLIB|ZSTD|OUT_OF_RANGE))/.test(code);
}

/**
 * Encodes a container file. `schema` is written into the header as it is, with Iceberg's properties, and
 * `encode` writes one record in that schema.
 */
export function encodeAvroFile<T>(request: {
  readonly schema: object;
  readonly metadata: Readonly<Record<string, string>>;
  readonly codec?: 'deflate' | 'null';
  readonly records: Iterable<T>;
  readonly encode: (writer: AvroWriter, record: T) => void;
}): Buffer {
  const codec = request.codec ?? 'deflate';
  const sync = randomBytes(SYNC_SIZE);
  const file = new AvroWriter(16 * 1024);
  const metadata = {
    'avro.schema': JSON.stringify(request.schema),
    'avro.codec': codec,
    ...request.metadata,
  };
  file.writeFixed(MAGIC);
  file.writeLong(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    file.writeString(key);
    file.writeString(value);
  }
  file.writeLong(0);
  file.writeFixed(sync);
  const block = new AvroWriter(BLOCK_SIZE + 4096);
  let count = 0;
  const flush = () => {
    if (count === 0) return;
    file.writeLong(count);
    file.writeBytes(codec === 'deflate' ? deflateRawSync(block.view()) : block.view());
    file.writeFixed(sync);
    block.reset();
    count = 0;
  };
  for (const record of request.records) {
    request.encode(block, record);
    count++;
    if (block.length >= BLOCK_SIZE) flush();
  }
  flush();
  return file.view();
}
