import { csvRecords, splitFields } from '../../../../src/lake/sources/csv-records.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateText } from '../mutate-text.ts';
import type { Random } from '../random.ts';
import { agree, disagree, type OpenTarget } from '../target.ts';
import { openFileTarget } from './source-file.ts';

const csvTexts = [
  'id,amount,sold_at,note\n1,19.90,2026-01-03,"two\nlines"\n2,5.00,2026-01-04,b\n',
  'id;amount;sold_at;note\r\n1;19,90;03.01.2026;"a;b"\r\n2;5,00;04.01.2026;\r\n',
  'id\tnote\n1\ta\n2\tb\n3\t"c""d"\n',
  '\ufeffid|note\n1|ü\n2|😀\n',
  'id,note\n007,true\n008,false\n',
  'id,at\n1,2026-01-03 10:00:00\n2,2026-01-03T10:00:00.123456+02:00\n',
  'id,note\n' + Array.from({ length: 50 }, (_, i) => `${i},"row ${i}"`).join('\n'),
  '\n\nid,note\n\n1,a\n\n2,b',
];

const csvWords = [
  '""',
  '"\n',
  '\r',
  ',,',
  ';;',
  '\n\n',
  '1e999',
  '2026-02-30',
  'NaN',
  'inf',
  '\\N',
  'NULL',
  "'",
];

function csvBytes(random: Random): Uint8Array {
  const text = mutateText(random, csvTexts, csvWords);
  switch (random.below(8)) {
    case 0:
      return mutateBytes(random, [Buffer.from(text)]);
    case 1:
      return Buffer.from(`\ufeff${text}`, 'utf16le');
    case 2:
      return Buffer.from(text, 'latin1');
    default:
      return Buffer.from(text);
  }
}

/** The records of CSV text: the same however the bytes come in pieces. */
export async function openCsvRecords(): Promise<OpenTarget> {
  return {
    input: csvBytes,
    async run(input) {
      const bytes = input as Uint8Array;
      const dialect = { delimiter: ',', quote: '"', escape: bytes.length % 3 === 0 ? '\\' : '"' };
      const whole: string[] = [];
      for await (const record of csvRecords([bytes], dialect)) {
        const text = record.bytes.toString('latin1');
        whole.push(`${record.offset} ${record.line} ${text}`);
        if (!splitFields(text, dialect).every(field => typeof field === 'string'))
          disagree('a field that is no text');
      }
      const cut = bytes.length >> 1;
      const pieces: string[] = [];
      // Which of CR and LF ends lines is told by the first piece alone, so that one must hold a line.
      if (!bytes.subarray(0, cut).includes(10)) return;
      for await (const record of csvRecords([bytes.subarray(0, cut), bytes.subarray(cut)], dialect)) {
        pieces.push(`${record.offset} ${record.line} ${record.bytes.toString('latin1')}`);
      }
      agree('records of two pieces', pieces, whole);
    },
  };
}

/** CSV files, read through the engine. */
export function openCsvIngest(): Promise<OpenTarget> {
  return openFileTarget(random => random.pick(['csv', 'csv', 'csv', 'tsv', 'csv.gz']), csvBytes);
}
