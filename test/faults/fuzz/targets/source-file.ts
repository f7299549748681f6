import { rm, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import type { Schema } from '../../../../src/iceberg/schema.ts';
import { SourceOpener } from '../../../../src/lake/sources/open.ts';
import type { Random } from '../random.ts';
import { disagree, type OpenTarget } from '../target.ts';
import { FuzzLake } from './lake-folder.ts';

const target: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: true, type: { kind: 'long' } },
    { id: 2, name: 'amount', required: false, type: { kind: 'decimal', precision: 10, scale: 2 } },
    { id: 3, name: 'sold_at', required: false, type: { kind: 'date' } },
    { id: 4, name: 'note', required: false, type: { kind: 'string' } },
    { id: 5, name: 'at', required: false, type: { kind: 'timestamptz' } },
  ],
  identifierFieldIds: [],
};

/** Opens a file as a source, and reads its rows for a new table (`abort`) or for one that is there. */
export async function readSource(
  lake: FuzzLake,
  file: string,
  onError: 'abort' | 'skip' | 'quarantine',
): Promise<void> {
  await lake.with(async session => {
    const opener = new SourceOpener(session, { kind: 'files', paths: [file] });
    try {
      const names = target.fields.map(field => field.name);
      const opened = await opener.open(names, { onError });
      if (opened.isEmpty) return;
      const schema = onError === 'abort' ? await opened.inferSchema({ onError }) : target;
      const needed = onError === 'abort' ? [] : ['id'];
      const rows = await opened.rows({ table: 't', schema, needed }, { onError });
      try {
        await session.duckdb.rows(`SELECT count(*) AS n, max(r::VARCHAR) AS m FROM (${rows.sql}) r`);
        if (rows.rejects === undefined) return;
        const rejects = await session.duckdb.rows(rows.rejects.sql);
        if (!rejects.every(row => Number(row.line) >= 1)) disagree('a line that was refused, on no line');
      } catch (error) {
        throw await rows.explain(error);
      } finally {
        await rows.close();
      }
    } finally {
      await opener.close();
    }
  });
}

/** A source file of one format, read through the engine with each way to treat what doesn't fit. */
export async function openFileTarget(
  extension: (random: Random) => string,
  make: (random: Random) => Uint8Array,
): Promise<OpenTarget> {
  const lake = await FuzzLake.open();
  return {
    // The extension and what is done with errors stand in front of the file.
    input(random) {
      const head = Buffer.from(`${extension(random)} ${random.pick(['abort', 'skip', 'quarantine'])}\n`);
      return Buffer.concat([head, make(random)]);
    },
    async run(input) {
      const bytes = Buffer.from(input as Uint8Array);
      const newline = bytes.indexOf(10);
      const [type, onError] = bytes.toString('utf8', 0, newline).split(' ');
      const file = lake.newFile(type!);
      const content = bytes.subarray(newline + 1);
      await writeFile(file, type!.endsWith('.gz') ? gzipSync(content) : content);
      try {
        await readSource(lake, file, onError as 'abort');
      } finally {
        await rm(file, { force: true });
      }
    },
    close: () => lake.close(),
  };
}
