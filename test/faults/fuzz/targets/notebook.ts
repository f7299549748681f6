import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { scan } from '../../../../src/engine/sql/tokenizer.ts';
import {
  tableMentions,
  tokensWhileTyping,
  withoutAtClauses,
} from '../../../../src/notebook/assist-context.ts';
import { type CellPart, languageAt, parseCell } from '../../../../src/notebook/cell.ts';
import { expectationsAt } from '../../../../src/notebook/lake-language/expectations.ts';
import { verbs } from '../../../../src/notebook/lake-language/grammar.ts';
import { parseLake } from '../../../../src/notebook/lake-language/parser.ts';
import { parseNotebook, serializeNotebook } from '../../../../src/notebook/lakebook-file.ts';
import { parseParametersCell } from '../../../../src/notebook/parameters.ts';
import { jsonText, mutateJson } from '../mutate-json.ts';
import { mutateText } from '../mutate-text.ts';
import type { Random } from '../random.ts';
import { agree, disagree, type OpenTarget } from '../target.ts';

const samples = path.join(import.meta.dirname, '../../../../samples');

/** A small notebook with every kind of cell and output. */
const notebook = {
  cells: [
    {
      cell_type: 'markdown',
      id: 'a1',
      metadata: {},
      source: ['# Title\n', 'text'],
      attachments: { 'x.png': {} },
    },
    { cell_type: 'raw', id: 'b2', metadata: {}, source: 'raw' },
    {
      cell_type: 'code',
      id: 'c3',
      execution_count: 1,
      metadata: { vscode: { languageId: 'lake' }, tags: ['parameters'] },
      source: '%lake tables',
      outputs: [
        {
          output_type: 'execute_result',
          execution_count: 1,
          data: { 'text/plain': ['a\n'], 'text/html': '<table></table>' },
          metadata: {},
        },
        { output_type: 'stream', name: 'stdout', text: 'x' },
        { output_type: 'error', ename: 'E', evalue: 'v', traceback: [] },
      ],
    },
    { cell_type: 'code', metadata: {}, source: ['SELECT 1'], outputs: [], execution_count: null },
  ],
  metadata: { kernelspec: { name: 'lakebook' }, language_info: { name: 'sql' }, x: { y: 1 } },
  nbformat: 4,
  nbformat_minor: 5,
};

/** `.lakebook` files: what is read is written, and read and written again to the same text. */
export async function openNotebook(): Promise<OpenTarget> {
  const files = readdirSync(samples)
    // `npm start` makes a lake beside them: the folder .lakebook.
    .filter(name => /.\.lakebook$/.test(name))
    .map(name => readFileSync(path.join(samples, name), 'utf8'));
  const small = jsonText(notebook);
  const texts = [...files.filter(file => file.length < 50_000), small];
  return {
    input(random: Random) {
      if (random.oneIn(4))
        return mutateText(random, random.oneIn(10) ? texts : [small], ['<<<<<<< HEAD\n', '"cells"']);
      return jsonText(mutateJson(random, notebook, ['code', 'markdown', 'raw', 'stream', 'lake', [], '\n']));
    },
    run(input) {
      const read = parseNotebook(input as string, 'x.lakebook');
      const text = serializeNotebook(read);
      agree('notebook written and read again', serializeNotebook(parseNotebook(text)), text);
    },
  };
}

const lakeLines = [
  '%lake create sales (id long not null, amount decimal(10,2), sold_at date) partitioned by (month(sold_at), bucket(16, id)) key (id)',
  "%lake ingest sales from 'data/sales.csv' mode append on error quarantine",
  "%lake upsert sales from 'data/*.csv' on id when matched and amount > 1 delete",
  "%lake delete sales where id = 1 and note = 'a--b'",
  '%lake evolve sales add discount double after amount | rename a to b | drop x | widen id to long | partition by day(sold_at)',
  "%lake travel sales to '2026-01-31' as sales_q1",
  '%lake rollback sales to 8271',
  '%lake diff sales from tag:q1 to branch:dev',
  '%lake compact sales where id > 5 sort by sold_at desc, id',
  "%lake expire sales older than '7 days' keep 5",
  "%%lake\ntables\ndescribe sales\n  -- comment\nfiles sales\nimport sales from 's3://b/t/metadata.json'\nhelp ingest",
  "SELECT 1;\n%lake tables\nSELECT * FROM sales AT (VERSION => 'dev')",
  "-- name: x\n-- engine: duckdb\nSELECT ';' -- ;\n; SELECT 2",
  "-- parameters\nregion = 'EU'\nyear = 2026\nSET flag = true;",
];

/** Cells: the lake language and the splitting of SQL, also while somebody is still typing. */
export async function openLakeLanguage(): Promise<OpenTarget> {
  const words = [
    ...verbs.map(verb => verb.name),
    ...verbs.flatMap(verb => verb.about.split(' ').slice(0, 2)),
    `'$${'{x}'}'`,
    '$x',
    'partitioned by',
    'on error',
    '(VERSION => 1)',
    '%lake ',
    '%%lake\n',
    '|',
  ];
  return {
    input: random => (random.oneIn(2) ? 'l' : 's') + mutateText(random, lakeLines, words),
    run(input) {
      const source = (input as string).slice(1);
      const language = (input as string)[0] === 'l' ? 'lake' : 'sql';
      typing(source, language);
      tryParsing(() => parseParametersCell(source));
      const cell = parseCell(source, language);
      for (const part of cell.parts) checkPart(source, part);
      const statements = parseLake(source, { x: 1 });
      for (const { span, argumentSpans } of statements) {
        for (const each of [span, ...Object.values(argumentSpans)]) {
          if (!(each.start >= 0 && each.start <= each.end && each.end <= source.length)) {
            disagree(`a place from ${each.start} to ${each.end} in ${source.length} characters`);
          }
        }
      }
    },
  };
}

function tryParsing(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'string' && 'hint' in error))
      throw error;
  }
}

function checkPart(source: string, part: CellPart): void {
  const { start, end } = part.span;
  if (!(start >= 0 && start < end && end <= source.length)) disagree(`a part from ${start} to ${end}`);
  if (part.kind === 'sql' && part.sql.slice(start, end) !== source.slice(start, end)) {
    disagree('a statement whose places are not those of the cell');
  }
}

/** What completion and diagnostics ask, at some places of the text. They never fail. */
function typing(source: string, language: 'sql' | 'lake'): void {
  const { tokens } = tokensWhileTyping(source);
  for (const mention of tableMentions(tokens)) {
    if (!(mention.start < mention.nameEnd && mention.nameEnd <= source.length))
      disagree('a table mentioned nowhere');
  }
  if (withoutAtClauses(source, scan(source).tokens).length !== source.length)
    disagree('AT clauses moved the text');
  if (source.length > 5000) return;
  for (const offset of [0, source.length >> 1, source.length]) {
    const range = languageAt(source, language, offset);
    if (range.language === 'lake') expectationsAt(source, range.span, offset);
  }
}
