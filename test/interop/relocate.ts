import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { AvroReader, AvroWriter } from '../../src/iceberg/avro-binary.ts';

/*
 * Tables of other projects name their files where they were written. They are copied, and every address in their
 * metadata files, manifest lists and manifests is rewritten to where the copy is, with the lengths of the files; all
 * else stays byte for byte what the other writer made of it (headers, schemas, counts, unknown fields).
 */

type AvroJson = string | AvroJson[] | { [key: string]: unknown };

/** Rewrites the tables in the folder `to`: the keys of `prefixes` at the start of addresses become their values. */
export function relocate(to: string, prefixes: Readonly<Record<string, string>>): void {
  const known = Object.entries(prefixes).sort(([a], [b]) => b.length - a.length);
  const moved = (text: string) => {
    const [prefix, target] = known.find(([p]) => text.startsWith(p)) ?? ['', ''];
    return target + text.slice(prefix.length);
  };
  const files = readdirSync(to, { recursive: true, encoding: 'utf8' }).map(name => path.join(to, name));
  for (const file of files.filter(name => name.endsWith('.metadata.json'))) {
    // Only strings are touched: JSON.parse would round snapshot ids.
    const text = readFileSync(file, 'utf8').replaceAll(/"((?:[^"\\]|\\.)*)"/g, (quoted, inner: string) => {
      const target = moved(inner);
      return target === inner ? quoted : JSON.stringify(target);
    });
    writeFileSync(file, text);
  }
  const avro = files
    .filter(name => name.endsWith('.avro'))
    .map(name => ({ name, bytes: readFileSync(name) }));
  // Manifest lists hold the lengths of manifests, so they come last.
  const isList = (bytes: Uint8Array) => Number(Buffer.from(bytes).includes('"manifest_path"'));
  avro.sort((a, b) => isList(a.bytes) - isList(b.bytes));
  for (const { name, bytes } of avro) writeFileSync(name, relocateAvro(bytes, moved));
}

/** An Avro container file with `moved` applied to every string of its records. */
export function relocateAvro(bytes: Uint8Array, moved: (text: string) => string): Uint8Array {
  const reader = new AvroReader(bytes);
  const file = new AvroWriter();
  file.writeFixed(reader.readFixed(4));
  const header = new Map<string, Buffer>();
  for (let count = reader.readBlockCount(2); count > 0; count = reader.readBlockCount(2)) {
    for (let i = 0; i < count; i++) header.set(reader.readString(), reader.readBytes());
  }
  file.writeLong(header.size);
  for (const [key, value] of header) {
    file.writeString(key);
    file.writeBytes(value);
  }
  file.writeLong(0);
  const sync = reader.readFixed(16);
  file.writeFixed(sync);
  const codec = header.get('avro.codec')?.toString() ?? 'null';
  if (codec !== 'null' && codec !== 'deflate') throw new Error(`codec ${codec} of a fixture`);
  const schema = JSON.parse(header.get('avro.schema')!.toString()) as AvroJson;
  while (reader.remaining > 0) {
    const count = reader.readLong();
    const packed = reader.readBytes();
    reader.skip(16);
    const block = new AvroReader(codec === 'deflate' ? inflateRawSync(packed) : packed);
    const output = new AvroWriter();
    const copy = new Copier(block, output, moved);
    for (let i = 0; i < count; i++) copy.value(schema);
    file.writeLong(count);
    file.writeBytes(codec === 'deflate' ? deflateRawSync(output.view()) : output.view());
    file.writeFixed(sync);
  }
  return file.view();
}

/** Fields that hold the size of the file that their record names. */
const sizes = new Set(['file_size_in_bytes', 'manifest_length']);

function sizeOf(location: string): number | undefined {
  return location.startsWith('file://')
    ? statSync(location.slice(7), { throwIfNoEntry: false })?.size
    : undefined;
}

/** Copies one value after the other, by its schema. */
class Copier {
  readonly #reader: AvroReader;
  readonly #writer: AvroWriter;
  readonly #moved: (text: string) => string;
  readonly #named = new Map<string, { [key: string]: unknown }>();
  #lastText = '';

  constructor(reader: AvroReader, writer: AvroWriter, moved: (text: string) => string) {
    this.#reader = reader;
    this.#writer = writer;
    this.#moved = moved;
  }

  value(schema: AvroJson): void {
    const reader = this.#reader;
    const writer = this.#writer;
    if (Array.isArray(schema)) {
      const branch = reader.readLong();
      writer.writeLong(branch);
      this.value(schema[branch]!);
    } else if (typeof schema === 'string') {
      const named = this.#named.get(schema);
      if (named === undefined) this.#primitive(schema);
      else this.value(named);
    } else {
      if (typeof schema.name === 'string') this.#named.set(schema.name, schema);
      if (schema.type === 'record') this.#record(schema.fields as { name: string; type: AvroJson }[]);
      else if (schema.type === 'array') this.#items(() => this.value(schema.items as AvroJson));
      else if (schema.type === 'fixed') writer.writeFixed(reader.readFixed(schema.size as number));
      else this.value(schema.type as AvroJson);
    }
  }

  #primitive(type: string): void {
    const reader = this.#reader;
    const writer = this.#writer;
    switch (type) {
      case 'null':
        break;
      case 'boolean':
        writer.writeBoolean(reader.readBoolean());
        break;
      case 'int':
      case 'long':
        writer.writeLong(reader.readBigLong());
        break;
      case 'float':
        writer.writeFixed(reader.readFixed(4));
        break;
      case 'double':
        writer.writeFixed(reader.readFixed(8));
        break;
      case 'bytes':
        writer.writeBytes(this.#bound(reader.readBytes()));
        break;
      case 'string':
        this.#lastText = this.#moved(reader.readString());
        writer.writeString(this.#lastText);
        break;
      default:
        throw new Error(`Avro type ${type} in a fixture`);
    }
  }

  #record(fields: { name: string; type: AvroJson }[]): void {
    const location = fields.some(({ name }) => sizes.has(name)) ? this.#locationAhead(fields) : undefined;
    for (const { name, type } of fields) {
      const size = location !== undefined && sizes.has(name) ? sizeOf(location) : undefined;
      if (size === undefined) this.value(type);
      else {
        if (Array.isArray(type)) this.#writer.writeLong(this.#reader.readLong());
        this.#reader.readBigLong();
        this.#writer.writeLong(size);
      }
    }
  }

  /** The address in the record that comes next; some writers put the size before it. */
  #locationAhead(fields: { name: string; type: AvroJson }[]): string {
    const { bytes, remaining } = this.#reader;
    const ahead = new Copier(new AvroReader(bytes, bytes.length - remaining), new AvroWriter(), this.#moved);
    for (const { name, type } of fields) {
      ahead.value(type);
      if (name === 'file_path' || name === 'manifest_path') return ahead.#lastText;
    }
    throw new Error('a size without an address');
  }

  /** The bounds of a delete file's `file_path` are addresses, too. */
  #bound(bytes: Buffer): Uint8Array {
    const text = bytes.toString('utf8');
    // A truncated bound, and above it the same with its last character raised.
    if (text === 's3a://hyperparam') return Buffer.from('file:');
    if (text === 's3a://hyperparan') return Buffer.from('file;');
    const target = this.#moved(text);
    return target === text ? bytes : Buffer.from(target);
  }

  #items(item: () => void): void {
    for (let count = this.#reader.readBlockCount(0); count > 0; count = this.#reader.readBlockCount(0)) {
      this.#writer.writeLong(count);
      for (let i = 0; i < count; i++) item();
    }
    this.#writer.writeLong(0);
  }
}
