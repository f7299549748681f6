import { type Data, Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow';
import type { RemoteColumn } from '../remote-engine.ts';
import type { ColumnBuilder } from './column-builder.ts';
import { type JsonReader, openBracket } from './json-reader.ts';
import { type ColumnCodec, columnCodec, type TypeSignature } from './types.ts';

/** A column as the protocol tells it. */
export interface ProtocolColumn {
  readonly name: string;
  readonly typeSignature: TypeSignature;
}

/** Turns JSON arrays of rows into record batches of a statement's columns. */
export class RowDecoder {
  readonly columns: readonly RemoteColumn[];
  readonly #codecs: readonly ColumnCodec[];
  readonly #builders: readonly ColumnBuilder[];
  readonly #schema: Schema;

  /** @throws UnsupportedError for a column whose values the protocol doesn't tell exactly */
  constructor(columns: readonly ProtocolColumn[]) {
    this.#codecs = columns.map(column => columnCodec(column.typeSignature, column.name));
    this.columns = columns.map(({ name }, index) => ({ name, type: this.#codecs[index]!.type }));
    this.#builders = this.#codecs.map(codec => codec.builder());
    this.#schema = new Schema(
      columns.map(({ name }, index) => new Field(name, this.#builders[index]!.type, true)),
    );
  }

  /** Reads `[[row], [row], ...]` at which the reader stands. @returns undefined when it has no rows */
  read(reader: JsonReader): RecordBatch | undefined {
    let rows = 0;
    if (reader.enter(openBracket)) {
      do {
        this.#row(reader);
        rows++;
      } while (reader.more());
    }
    if (rows === 0) return undefined;
    const children: Data[] = this.#builders.map(builder => builder.finish());
    return new RecordBatch(
      this.#schema,
      makeData({ type: new Struct(this.#schema.fields), length: rows, nullCount: 0, children }),
    );
  }

  #row(reader: JsonReader): void {
    let more = reader.enter(openBracket);
    for (const builder of this.#builders) {
      if (!more) throw reader.fault();
      builder.append(reader);
      more = reader.more();
    }
    if (more) throw reader.fault();
  }
}
