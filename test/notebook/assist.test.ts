import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DuckDb } from '../../src/engine/duckdb.ts';
import { Engines } from '../../src/engine/remote/engines.ts';
import type { EngineSession } from '../../src/engine/session.ts';
import type { AssistContext } from '../../src/notebook/assist-context.ts';
import { complete } from '../../src/notebook/complete.ts';
import { diagnose } from '../../src/notebook/diagnose.ts';
import type { Explorer } from '../../src/notebook/explorer.ts';
import { inspect } from '../../src/notebook/inspect.ts';
import type { CellLanguage } from '../../src/notebook/lakebook-file.ts';
import type { ColumnDetails, TableDetails } from '../../src/notebook/protocol.ts';
import type { ResultRegistry } from '../../src/notebook/results/registry.ts';
import { temporaryFolder } from './support.ts';

function column(id: number, name: string, type: string, more: Partial<ColumnDetails> = {}): ColumnDetails {
  return { id, name, type, required: false, isKey: false, children: [], ...more };
}

const sales: TableDetails = {
  name: 'sales',
  namespace: ['default'],
  table: 'sales',
  location: 'file:///w/sales',
  metadataLocation: 'file:///w/sales/metadata/1.json',
  formatVersion: 2,
  columns: [
    column(1, 'id', 'long', { required: true, isKey: true }),
    column(2, 'amount', 'decimal(10,2)', { comment: 'in <b>euros</b>' }),
    column(3, 'order', 'struct<a: int>', { children: [column(4, 'order.a', 'int')] }),
  ],
  partitionedBy: ['month(sold_at)'],
  sortedBy: [],
  snapshots: [
    { id: '42', timestampMs: 0, operation: 'append', summary: {}, isCurrent: true, refs: ['main', 'q1'] },
  ],
  refs: [
    { name: 'main', type: 'branch', snapshotId: '42' },
    { name: 'q1', type: 'tag', snapshotId: '42' },
  ],
  properties: {},
  currentSnapshotId: '42',
  rows: 12,
  files: 1,
  bytes: 1000,
  lastUpdatedMs: 0,
};
const events: TableDetails = {
  ...sales,
  name: 'eu.events',
  namespace: ['eu'],
  table: 'events',
  columns: [column(1, 'at', 'timestamp')],
};
const known: Readonly<Record<string, TableDetails>> = { sales, 'default.sales': sales, 'eu.events': events };

let context: AssistContext;
let duckdb: DuckDb;
beforeAll(async () => {
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, 'data'));
  for (const file of ['data/sales.csv', 'data/notes.md', 'data/x.parquet', 'top.json'])
    writeFileSync(path.join(folder, file), '');
  duckdb = await DuckDb.open({ tempDirectory: path.join(folder, 'tmp'), threads: 1 });
  const explorer = {
    allTables: async () => [sales, events],
    knownTable: async (name: string) => known[name],
  } as unknown as Explorer;
  const results = {
    names: () => ['_', 'totals'],
    columnsNamed: (name: string) =>
      name === 'totals' ? [{ name: 'grand total', type: 'HUGEINT' }] : undefined,
  } as unknown as ResultRegistry;
  context = {
    session: { duckdb, workingDirectory: folder, engines } as unknown as EngineSession,
    explorer,
    results,
    parameters: { region: 'EU' },
  };
});
afterAll(() => duckdb.close());

const engines = new Engines({
  hintBytes: 1,
  trino: { uri: 'http://localhost:8080', catalog: 'lake', user: 'ann', session: {} },
});

/** Completes at the `^` of a text. */
async function at(marked: string, language: CellLanguage = 'sql') {
  const offset = marked.indexOf('^');
  const source = marked.slice(0, offset) + marked.slice(offset + 1);
  const { start, items } = await complete(context, source, language, offset);
  return { typed: source.slice(start, offset), items, labels: items.map(item => item.label) };
}

describe('completion of SQL', () => {
  test('directives, and the engines that there are', async () => {
    expect((await at('-- e^')).labels).toEqual(['engine: ']);
    expect((await at('-- name: x\n-- ^\nSELECT 1')).labels).toEqual(['engine: ', 'name: ', 'parameters']);
    expect((await at('-- engine: t^')).items).toEqual([{ label: 'trino', kind: 'value', detail: 'Trino' }]);
    expect((await at('-- engine: ^')).items.map(({ label, detail }) => [label, detail])).toEqual([
      ['duckdb', 'DuckDB'],
      ['trino', 'Trino'],
      ['spark', 'not configured'],
    ]);
    expect((await at('SELECT 1 -- engine: ^')).labels).toEqual([]);
  });

  test('tables behind FROM: the lake, results, common table expressions', async () => {
    const { labels } = await at('WITH mine AS (SELECT 1) SELECT * FROM ^');
    expect(labels).toEqual(expect.arrayContaining(['mine', 'sales', 'eu.events', 'totals', 'eu']));
    expect((await at('SELECT * FROM sa^ WHERE id = 1')).labels).toContain('sales');
    expect((await at('SELECT * FROM eu.^')).labels).toEqual(['events']);
    expect((await at('SELECT * FROM sales$sn^')).labels).toEqual(['sales$snapshots']);
  });

  test('columns of the tables in the statement, with types; by alias; of results and structs', async () => {
    const { items } = await at('SELECT am^ FROM sales');
    expect(items[0]).toMatchObject({ label: 'amount', kind: 'column', detail: 'decimal(10,2)' });
    expect((await at('SELECT s.^ FROM sales AS s JOIN eu.events e ON true')).labels).toEqual([
      'id',
      'amount',
      'order',
    ]);
    expect((await at('SELECT * FROM sales s JOIN eu.events e ON e.^')).labels).toEqual(['at']);
    expect((await at('SELECT gr^ FROM totals')).items[0]).toMatchObject({
      label: 'grand total',
      insert: '"grand total"',
    });
    expect((await at('SELECT id FROM sales; SELECT am^ FROM eu.events')).labels).not.toContain('amount');
    // A column whose name is a word of SQL goes in quoted.
    expect((await at('SELECT ord^ FROM sales')).items.find(item => item.kind === 'column')).toMatchObject({
      insert: '"order"',
    });
    expect((await at('SELECT "order".^ FROM sales')).labels).toEqual(['a']);
  });

  test('keywords, functions, versions, parameters, file paths', async () => {
    expect((await at('SELECT * FROM sales WHE^')).labels).toContain('WHERE');
    expect((await at('SELECT count_s^ FROM sales')).labels).toContain('count_star');
    expect((await at('SELECT * FROM sales AT (VERSION => ^)')).labels).toEqual(["'main'", "'q1'", '42']);
    expect((await at("SELECT * FROM sales AT (VERSION => 'q^')")).labels).toEqual(['q1']);
    expect((await at('SELECT $re^')).labels).toEqual(['$region']);
    expect((await at("SELECT * FROM '^'")).labels).toEqual(['data/', 'top.json']);
    const inFolder = await at("SELECT * FROM read_csv('data/^')");
    expect(inFolder.labels).toEqual(['sales.csv', 'x.parquet']);
    expect((await at("SELECT * FROM sales WHERE x = 'da^'")).labels).toEqual([]);
    expect((await at('SELECT 1 -- FROM ^')).labels).toEqual([]);
  });
});

describe('completion of the lake language', () => {
  test('verbs at the start of a line', async () => {
    expect((await at('%lake ^')).labels).toEqual(expect.arrayContaining(['ingest', 'create', 'help']));
    expect((await at('tables\nin^', 'lake')).labels).toEqual(['ingest']);
    expect((await at('%lake ^')).labels).toContain('add files');
  });

  test('what the grammar expects', async () => {
    expect((await at('%lake ingest ^')).labels).toEqual(
      expect.arrayContaining(['sales', 'eu.events', 'into']),
    );
    expect((await at("%lake ingest sales from 'data/^'")).labels).toEqual(['sales.csv', 'x.parquet']);
    expect((await at("%lake ingest sales from 'a.csv' mode ^")).labels).toEqual(
      expect.arrayContaining(['append', 'overwrite']),
    );
    expect((await at("%lake ingest sales from 'a.csv' ^")).labels).toEqual(
      expect.arrayContaining(['mode', 'create', 'on']),
    );
    expect((await at('%lake rollback sales to ^')).labels).toEqual(
      expect.arrayContaining(['tag:q1', 'branch:main', '42', 'previous']),
    );
    expect((await at('%lake evolve sales drop ^')).labels).toEqual(expect.arrayContaining(['id', 'amount']));
    expect((await at('%lake evolve sales add x dec^')).labels).toContain('decimal');
    expect((await at('%lake delete sales where ^')).labels).toEqual(expect.arrayContaining(['id', 'amount']));
    expect((await at('%lake delete sales where id = 1 and ^')).labels).toEqual(
      expect.arrayContaining(['id', 'amount']),
    );
    expect((await at('create t (a ^', 'lake')).labels).toContain('long');
    expect((await at('%lake publish sales ^')).labels).toContain('main');
  });
});

describe('hover', () => {
  const hover = async (marked: string, language: CellLanguage = 'sql') => {
    const offset = marked.indexOf('^');
    return (await inspect(context, marked.replace('^', ''), language, offset))?.markdown;
  };

  test('tables, columns, aliases, functions, verbs', async () => {
    const table = await hover('SELECT * FROM sa^les');
    expect(table).toContain('| id | long | not null, key |');
    expect(table).toContain('snapshot 42');
    expect(table).toContain('12 rows in 1 files');
    expect(await hover('SELECT am^ount FROM sales')).toContain('decimal(10,2)');
    expect(await hover('SELECT am^ount FROM sales')).not.toContain('<b>');
    expect(await hover('SELECT s^.id FROM sales s')).toContain('Iceberg table');
    expect(await hover('SELECT coun^t(*)')).toContain('count');
    expect(await hover('%lake inge^st sales')).toContain('%lake ingest');
    expect(await hover('history sal^es', 'lake')).toContain('Iceberg table');
    expect(await hover('SELECT no^thing')).toBeUndefined();
  });
});

describe('diagnostics', () => {
  const marks = async (source: string, language: CellLanguage = 'sql') =>
    (await diagnose(context, source, language)).map(({ start, end, code, fix }) => [
      source.slice(start, end),
      code,
      fix,
    ]);

  test('nothing in what is right', async () => {
    for (const source of [
      'SELECT * FROM sales s JOIN eu.events ON true',
      'WITH x AS (SELECT 1) SELECT * FROM x, totals, _, _1',
      "SELECT * FROM 'data/sales.csv'",
      'SELECT * FROM range(3) t',
      'SELECT a.id FROM sales a JOIN sales b USING (id) WHERE a.id IS NOT DISTINCT FROM b.id',
      'SELECT a FROM sales AT (VERSION => 5) AS old, sales$snapshots',
      'CREATE TABLE fresh (a int); CREATE TEMP VIEW v AS SELECT 1',
      "SELECT extract(year FROM DATE '2026-01-01')",
      "%lake ingest fresh from 'a.csv' create\n%lake create t (a int)",
      '-- parameters\na = 1',
      '',
    ]) {
      expect([source, await marks(source)]).toEqual([source, []]);
    }
  });

  test('SQL of other engines is theirs to check', async () => {
    const source = 'SELECT * FROM slaes FOR VERSION AS OF 5';
    expect(await marks(source)).not.toEqual([]);
    expect(await marks(`-- engine: trino\n${source}`)).toEqual([]);
    engines.choose('trino');
    try {
      expect(await marks(source)).toEqual([]);
      expect(await marks('%lake history slaes')).toEqual([['slaes', 'TABLE_NOT_FOUND', 'sales']]);
      expect(await marks(`-- engine: duckdb\n${source}`)).not.toEqual([]);
    } finally {
      engines.choose('duckdb');
    }
  });

  test('slips are marked, with what mends them', async () => {
    expect(await marks('SELECT * FROM slaes')).toEqual([['slaes', 'TABLE_NOT_FOUND', 'sales']]);
    expect(await marks('SELECT 1;\nSELCT 2')).toEqual([['SELCT', 'SYNTAX', 'SELECT']]);
    expect(await marks('SELECT 1 FORM x')).toEqual([['x', 'SYNTAX', undefined]]);
    expect(await marks('SELECT * FROM sales$snapshot')).toEqual([
      ['sales$snapshot', 'METADATA_TABLE_NOT_FOUND', 'sales$snapshots'],
    ]);
    expect(await marks('%lake ingst sales')).toEqual([['ingst', 'UNKNOWN_VERB', 'ingest']]);
    expect(await marks('%lake history slaes')).toEqual([['slaes', 'TABLE_NOT_FOUND', 'sales']]);
    expect(await marks('tables\nevolve sales ad x int', 'lake')).toEqual([['ad', 'SYNTAX', 'add']]);
    expect(await marks("SELECT 'open")).toEqual([["'", 'SYNTAX', undefined]]);
    expect(await marks('-- engine: trinoo\nSELECT 1')).toEqual([['trinoo', 'ENGINE_NOT_FOUND', 'trino']]);
    expect(await marks('-- parameters\na 1')).toEqual([['a 1', 'SYNTAX', undefined]]);
  });
});
