import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import {
  brotliCompressSync,
  brotliDecompressSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import { CorruptFileError } from '../iceberg/errors.ts';
import { thriftTypes } from '../storage/thrift-types.ts';
import {
  ThriftFormatError,
  type ThriftList,
  ThriftReader,
  type ThriftStruct,
  thriftBytes,
} from './thrift-compact.ts';

/*
 * DuckDB has no type for byte strings of a fixed length: it writes them as BYTE_ARRAY, while Iceberg wants
 * FIXED_LEN_BYTE_ARRAY (spec: Appendix A, Parquet), and other readers refuse anything else. The two differ in the
 * schema element and in a length before each value in dictionary pages and plain data pages, so a written file can be
 * turned over page by page. All structures are those of parquet.thrift.
 */

/** parquet.thrift: Type. */
const byteArray = 6n;
const fixedLenByteArray = 7n;

/** parquet.thrift: PageType. */
const pageTypes = { data: 0, dictionary: 2, dataV2: 3 } as const;
/** parquet.thrift: Encoding.PLAIN. */
const plain = 0;

interface Codec {
  compress(bytes: Uint8Array): Uint8Array;
  decompress(bytes: Uint8Array): Uint8Array;
}

/** parquet.thrift: CompressionCodec, those that can be turned over. */
const codecs: Readonly<Record<number, Codec>> = {
  0: { compress: bytes => bytes, decompress: bytes => bytes },
  2: { compress: gzipSync, decompress: gunzipSync },
  4: { compress: brotliCompressSync, decompress: brotliDecompressSync },
  6: { compress: zstdCompressSync, decompress: zstdDecompressSync },
};

/** Names of the codecs that `fixLengths` can handle, as DuckDB calls them. */
export const fixableCodecs: readonly string[] = ['uncompressed', 'gzip', 'brotli', 'zstd'];

export interface FixedFile {
  /** Size of the file now. */
  readonly bytes: number;
  /** Compressed size of each turned column now, by field id. */
  readonly columnSizes: ReadonlyMap<number, number>;
}

/** Rewrites a Parquet file so that the given columns (field id to length) are FIXED_LEN_BYTE_ARRAYs. */
export async function fixLengths(file: string, lengths: ReadonlyMap<number, number>): Promise<FixedFile> {
  const target = `${file}.fixed`;
  const source = await open(file, 'r');
  try {
    const sink = await open(target, 'wx');
    try {
      const result = await new Rewriter(file, source, sink, lengths).run();
      await sink.close();
      await rename(target, file);
      return result;
    } catch (error) {
      await sink.close();
      await rm(target, { force: true });
      if (!(error instanceof ThriftFormatError)) throw error;
      throw new CorruptFileError(file, `its Parquet structures have ${error.message}.`, { cause: error });
    }
  } finally {
    await source.close();
  }
}

interface FixedLeaf {
  readonly fieldId: number;
  readonly length: number;
  readonly maxDefinition: number;
  readonly maxRepetition: number;
}

class Rewriter {
  readonly #name: string;
  readonly #source: FileHandle;
  readonly #sink: FileHandle;
  readonly #lengths: ReadonlyMap<number, number>;
  /** Bytes written so far. */
  #at = 0;
  readonly #sizes = new Map<number, number>();

  constructor(name: string, source: FileHandle, sink: FileHandle, lengths: ReadonlyMap<number, number>) {
    this.#name = name;
    this.#source = source;
    this.#sink = sink;
    this.#lengths = lengths;
  }

  async run(): Promise<FixedFile> {
    const { size } = await this.#source.stat();
    const tail = await this.#read(size - 8, 8);
    const footerLength = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
    const footerStart = size - 8 - footerLength;
    const footer = new ThriftReader(await this.#read(footerStart, footerLength)).struct();
    const leaves = this.#fixSchema(list(footer, 2));
    await this.#write(await this.#read(0, 4));
    let end = 4;
    for (const group of list(footer, 4).items as ThriftStruct[]) {
      const groupStart = this.#at;
      let compressed = 0;
      let uncompressed = 0;
      for (const [index, chunk] of (list(group, 1).items as ThriftStruct[]).entries()) {
        end = Math.max(end, await this.#column(chunk, leaves[index]));
        const meta = struct(chunk, 3);
        compressed += number(meta, 7);
        uncompressed += number(meta, 6);
      }
      set(group, 2, uncompressed);
      set(group, 6, compressed);
      set(group, 5, groupStart);
    }
    // What lies between the columns and the footer (bloom filters) keeps its place relative to them.
    const shift = this.#at - end;
    await this.#write(await this.#read(end, footerStart - end));
    for (const group of list(footer, 4).items as ThriftStruct[]) {
      for (const chunk of list(group, 1).items as ThriftStruct[]) {
        shiftField(struct(chunk, 3), 14, shift);
        shiftField(chunk, 4, shift);
        shiftField(chunk, 6, shift);
      }
    }
    const bytes = thriftBytes(footer);
    await this.#write(bytes);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    await this.#write(length);
    await this.#write(tail.subarray(4));
    await this.#sink.sync();
    return { bytes: this.#at, columnSizes: this.#sizes };
  }

  /** Changes the schema elements; answers for each leaf, in order, whether it is one to turn. */
  #fixSchema(schema: ThriftList): (FixedLeaf | undefined)[] {
    const leaves: (FixedLeaf | undefined)[] = [];
    const elements = schema.items as ThriftStruct[];
    let at = 1;
    const visit = (definition: number, repetition: number): void => {
      const element = elements[at++]!;
      const repetitionType = number(element, 3);
      const maxDefinition = definition + (repetitionType === 0 ? 0 : 1);
      const maxRepetition = repetition + (repetitionType === 2 ? 1 : 0);
      const children = element.has(5) ? number(element, 5) : 0;
      if (children > 0) {
        for (let child = 0; child < children; child++) visit(maxDefinition, maxRepetition);
        return;
      }
      const fieldId = element.has(9) ? number(element, 9) : -1;
      const length = this.#lengths.get(fieldId);
      if (length === undefined || element.get(1)?.value !== byteArray) {
        leaves.push(undefined);
        return;
      }
      set(element, 1, Number(fixedLenByteArray), thriftTypes.i32);
      set(element, 2, length, thriftTypes.i32);
      leaves.push({ fieldId, length, maxDefinition, maxRepetition });
    };
    const columns = number(elements[0]!, 5);
    for (let column = 0; column < columns; column++) visit(0, 0);
    return leaves;
  }

  /** Copies or turns a column chunk. @returns where it ended in the source */
  async #column(chunk: ThriftStruct, leaf: FixedLeaf | undefined): Promise<number> {
    const meta = struct(chunk, 3);
    const dictionary = meta.has(11) ? number(meta, 11) : 0;
    const data = number(meta, 9);
    const start = dictionary > 0 ? Math.min(dictionary, data) : data;
    const length = number(meta, 7);
    const bytes = await this.#read(start, length);
    const newStart = this.#at;
    if (leaf === undefined) {
      await this.#write(bytes);
      for (const field of [9, 10, 11]) shiftField(meta, field, newStart - start);
    } else {
      await this.#pages(bytes, meta, leaf);
      this.#sizes.set(leaf.fieldId, (this.#sizes.get(leaf.fieldId) ?? 0) + this.#at - newStart);
    }
    if (chunk.has(2) && number(chunk, 2) > 0) set(chunk, 2, newStart);
    return start + length;
  }

  async #pages(bytes: Uint8Array, meta: ThriftStruct, leaf: FixedLeaf): Promise<void> {
    const codec = codecs[number(meta, 4)];
    if (codec === undefined) throw new CorruptFileError(this.#name, `unexpected codec ${number(meta, 4)}`);
    const start = this.#at;
    let uncompressed = 0;
    let firstData: number | undefined;
    for (let at = 0; at < bytes.length; ) {
      const reader = new ThriftReader(bytes, at);
      const header = reader.struct();
      const size = number(header, 3);
      const body = bytes.subarray(reader.at, reader.at + size);
      at = reader.at + size;
      if (number(header, 1) === pageTypes.dictionary) set(meta, 11, this.#at);
      else firstData ??= this.#at;
      const turned = this.#page(header, body, codec, leaf);
      const head = thriftBytes(header);
      await this.#write(head);
      await this.#write(turned);
      uncompressed += head.length + number(header, 2);
    }
    set(meta, 9, firstData ?? start);
    set(meta, 1, Number(fixedLenByteArray), thriftTypes.i32);
    set(meta, 6, uncompressed);
    set(meta, 7, this.#at - start);
    // Size statistics count the bytes of byte arrays only.
    if (meta.has(16)) struct(meta, 16).delete(1);
  }

  /** The page's new body; sizes in its header are set. */
  #page(header: ThriftStruct, body: Uint8Array, codec: Codec, leaf: FixedLeaf): Uint8Array {
    const type = number(header, 1);
    if (type === pageTypes.dictionary) {
      return resized(header, codec, this.#values(codec.decompress(body), 0, leaf));
    }
    if (type === pageTypes.data) {
      if (number(struct(header, 5), 2) !== plain) return body;
      const page = codec.decompress(body);
      return resized(header, codec, this.#values(page, levelsLength(page, leaf), leaf));
    }
    throw new CorruptFileError(this.#name, `unexpected page type ${type}`);
  }

  /** Takes the length prefixes out of a page's values, which start at `from`. */
  #values(page: Uint8Array, from: number, leaf: FixedLeaf): Uint8Array {
    const count = (page.length - from) / (leaf.length + 4);
    if (!Number.isInteger(count)) throw new CorruptFileError(this.#name, 'values of unexpected length');
    const target = new Uint8Array(from + count * leaf.length);
    target.set(page.subarray(0, from));
    for (let index = 0; index < count; index++) {
      const at = from + index * (leaf.length + 4) + 4;
      target.set(page.subarray(at, at + leaf.length), from + index * leaf.length);
    }
    return target;
  }

  async #read(start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#source.read(bytes, done, length - done, start + done);
      if (bytesRead === 0) throw new CorruptFileError(this.#name, 'unexpected end of file');
      done += bytesRead;
    }
    return bytes;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#sink.write(bytes, done)).bytesWritten;
    }
    this.#at += bytes.length;
  }
}

/** Length of the repetition and definition levels at the start of a version 1 data page. */
function levelsLength(page: Uint8Array, leaf: FixedLeaf): number {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  let at = 0;
  if (leaf.maxRepetition > 0) at += 4 + view.getUint32(at, true);
  if (leaf.maxDefinition > 0) at += 4 + view.getUint32(at, true);
  return at;
}

function resized(header: ThriftStruct, codec: Codec, page: Uint8Array): Uint8Array {
  const body = codec.compress(page);
  set(header, 2, page.length, thriftTypes.i32);
  set(header, 3, body.length, thriftTypes.i32);
  // The checksum is optional, and of the old bytes.
  header.delete(4);
  return body;
}

function list(fields: ThriftStruct, id: number): ThriftList {
  return fields.get(id)!.value as ThriftList;
}

function struct(fields: ThriftStruct, id: number): ThriftStruct {
  return fields.get(id)!.value as ThriftStruct;
}

function number(fields: ThriftStruct, id: number): number {
  return Number(fields.get(id)!.value);
}

function set(fields: ThriftStruct, id: number, value: number, type: number = thriftTypes.i64): void {
  fields.set(id, { type: fields.get(id)?.type ?? type, value: BigInt(value) });
}

function shiftField(fields: ThriftStruct, id: number, by: number): void {
  if (fields.has(id) && number(fields, id) > 0) set(fields, id, number(fields, id) + by);
}
