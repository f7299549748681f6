// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the lake language writes its parameters like this
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LakebookError } from '../../src/iceberg/errors.ts';
import { verbs } from '../../src/notebook/lake-language/grammar.ts';
import { helpText, usageLines } from '../../src/notebook/lake-language/help.ts';
import { parseLake } from '../../src/notebook/lake-language/parser.ts';
import type { Parameters } from '../../src/notebook/parameters.ts';

const calls = (source: string, parameters?: Parameters) =>
  parseLake(source, parameters).map(statement => statement.call);
const request = (source: string, parameters?: Parameters) => {
  const found = calls(source, parameters);
  expect(found).toHaveLength(1);
  return found[0]!.request;
};
function failure(source: string, parameters?: Parameters): LakebookError {
  try {
    parseLake(source, parameters);
  } catch (error) {
    if (error instanceof LakebookError) return error;
    throw error;
  }
  throw new Error(`no error: ${source}`);
}

describe('verbs', () => {
  test('create', () => {
    expect(
      request(
        '%lake create sales (id long not null, amount decimal(10,2), sold_at date) partitioned by (month(sold_at)) key (id)',
      ),
    ).toEqual({
      table: 'sales',
      columns: [
        { name: 'id', type: 'long', required: true },
        { name: 'amount', type: 'decimal(10,2)' },
        { name: 'sold_at', type: 'date' },
      ],
      partitionedBy: ['month(sold_at)'],
      key: ['id'],
    });
    expect(
      request(
        `create or replace "my ns".t if not exists ("odd name" struct<a: int, b: list<string>> comment 'it''s') sorted by (id desc nulls last, bucket(4, id)) comment 'x' properties ('write.format.default' = 'parquet', a = 1) location 'file:///x'`,
      ),
    ).toEqual({
      table: '"my ns".t',
      replace: true,
      ifNotExists: true,
      columns: [{ name: 'odd name', type: 'struct<a: int, b: list<string>>', comment: "it's" }],
      sortedBy: ['id desc nulls last', 'bucket(4, id)'],
      comment: 'x',
      properties: { 'write.format.default': 'parquet', a: '1' },
      location: 'file:///x',
    });
  });

  test.each([
    ["ingest sales from 'a.csv'", { source: { kind: 'files', paths: ['a.csv'] } }],
    ['ingest sales data.csv', { source: { kind: 'files', paths: ['data.csv'] } }],
    ['ingest sales from data/*.csv', { source: { kind: 'files', paths: ['data/*.csv'] } }],
    [
      "ingest sales from 'a.csv', 'b.csv' create",
      { source: { kind: 'files', paths: ['a.csv', 'b.csv'] }, create: true },
    ],
    [
      'ingest sales from (select 1, 2) mode overwrite',
      { source: { kind: 'query', sql: 'select 1, 2' }, mode: 'overwrite' },
    ],
    [
      'ingest sales from select key, mode from t',
      { source: { kind: 'query', sql: 'select key, mode from t' } },
    ],
    ['ingest sales from ns.staged', { source: { kind: 'query', sql: 'SELECT * FROM ns.staged' } }],
    [
      "ingest sales from 'a.csv' mode replace-partitions on error quarantine",
      { source: { kind: 'files', paths: ['a.csv'] }, mode: 'replace-partitions', onError: 'quarantine' },
    ],
    [
      "ingest sales from 'a.txt' format csv delimiter ';' no header null text 'NA' decimal separator ','",
      {
        source: {
          kind: 'files',
          paths: ['a.txt'],
          options: { format: 'csv', delimiter: ';', header: false, nullText: 'NA', decimalSeparator: ',' },
        },
      },
    ],
  ])('%s', (source, expected) => {
    expect(request(source)).toEqual({ table: 'sales', ...expected });
  });

  test('upsert', () => {
    const source = { kind: 'files', paths: ['c.csv'] };
    expect(request("upsert sales from 'c.csv' on id, region")).toEqual({
      table: 'sales',
      source,
      on: ['id', 'region'],
    });
    expect(request("upsert sales on (id) from 'c.csv'")).toEqual({ table: 'sales', source, on: ['id'] });
    expect(
      request("upsert sales from 'c.csv' on id when matched and source.amount is null then delete"),
    ).toEqual({
      table: 'sales',
      source,
      on: ['id'],
      whenMatchedDelete: 'source.amount is null',
    });
    // The ON of the join stays in the query.
    expect(request('upsert sales from select * from a join b on a.x = b.x on id')).toEqual({
      table: 'sales',
      source: { kind: 'query', sql: 'select * from a join b on a.x = b.x' },
      on: ['id'],
    });
  });

  test('evolve: one change, several, every kind', () => {
    const changes = (text: string) => (request(`evolve sales ${text}`) as { changes: unknown[] }).changes;
    expect(changes('add discount double after amount')).toEqual([
      { kind: 'add', column: 'discount', type: 'double', place: { kind: 'after', column: 'amount' } },
    ]);
    expect(changes('rename a to b | drop x | widen id to long')).toEqual([
      { kind: 'rename', column: 'a', to: 'b' },
      { kind: 'drop', column: 'x' },
      { kind: 'widen', column: 'id', type: 'long' },
    ]);
    expect(changes('partition by day(sold_at), bucket(4, id), move a first, key (a, b), optional c')).toEqual(
      [
        { kind: 'partition-by', fields: ['day(sold_at)', 'bucket(4, id)'] },
        { kind: 'move', column: 'a', place: { kind: 'first' } },
        { kind: 'key', columns: ['a', 'b'] },
        { kind: 'optional', column: 'c' },
      ],
    );
    expect(changes("add a.b map<string, int> comment 'x', set p.q = 1, unset r, rename table to t2")).toEqual(
      [
        { kind: 'add', column: 'a.b', type: 'map<string, int>', comment: 'x' },
        { kind: 'set', properties: { 'p.q': '1' } },
        { kind: 'unset', keys: ['r'] },
        { kind: 'rename-table', to: 't2' },
      ],
    );
    expect(
      changes('add partition month(d), drop partition id_bucket, partition by (), sort by a desc'),
    ).toEqual([
      { kind: 'add-partition-field', field: 'month(d)' },
      { kind: 'drop-partition-field', field: 'id_bucket' },
      { kind: 'partition-by', fields: [] },
      { kind: 'sort-by', fields: ['a desc'] },
    ]);
  });

  test.each([
    ['8271123456789012345', { kind: 'snapshot', id: 8271123456789012345n }],
    ['snapshot:42', { kind: 'snapshot', id: 42n }],
    ["'2026-01-31'", { kind: 'timestamp', text: '2026-01-31' }],
    ['2026-01-31', { kind: 'timestamp', text: '2026-01-31' }],
    ['2026-01-31T10:30:00Z', { kind: 'timestamp', text: '2026-01-31T10:30:00Z' }],
    ['tag:v1.0-rc', { kind: 'tag', name: 'v1.0-rc' }],
    ["branch:'my branch'", { kind: 'branch', name: 'my branch' }],
    ['main', { kind: 'ref', name: 'main' }],
    ["'q1'", { kind: 'ref', name: 'q1' }],
    ['previous 2', { kind: 'previous', steps: 2 }],
    ['current', { kind: 'previous', steps: 0 }],
  ])('version %s', (text, to) => {
    expect(request(`rollback sales to ${text}`)).toEqual({ table: 'sales', to });
    expect(request(`travel sales to ${text} as old`)).toEqual({ table: 'sales', to, as: 'old' });
    expect(request(`diff sales from ${text} to main`)).toEqual({
      table: 'sales',
      from: to,
      to: { kind: 'ref', name: 'main' },
    });
  });

  test('branches and tags', () => {
    expect(request("branch sales dev at tag:q1 keep for '30 days' keep 5 snapshots")).toEqual({
      table: 'sales',
      type: 'branch',
      name: 'dev',
      at: { kind: 'tag', name: 'q1' },
      maxRefAgeMs: 30 * 86_400_000,
      minSnapshotsToKeep: 5,
    });
    expect(request('tag sales q1 replace')).toEqual({
      table: 'sales',
      type: 'tag',
      name: 'q1',
      action: 'replace',
    });
    expect(request('tag sales drop q1 if exists')).toEqual({
      table: 'sales',
      type: 'tag',
      name: 'q1',
      action: 'drop',
      ifExists: true,
    });
    // Not a tag called drop.
    expect(failure('tag sales drop').code).toBe('SYNTAX');
  });

  test('every example in the grammar parses as its own verb', () => {
    for (const verb of verbs) {
      expect(verb.examples.length).toBeGreaterThan(0);
      for (const example of verb.examples) expect(calls(example)[0]!.verb).toBe(verb.name);
    }
  });
});

describe('lines', () => {
  test('one verb a line, with prefixes, comments and semicolons', () => {
    const found = calls(
      '%%lake\n# all of it\n%lake tables\nhistory sales -- why\n\ndescribe sales; files sales',
    );
    expect(found.map(call => call.verb)).toEqual(['tables', 'history', 'describe', 'files']);
  });

  test('open parentheses, commas, indentation and clause words continue a line', () => {
    const found = calls(
      [
        'create sales (',
        '  id long, -- the key',
        '  amount double',
        ')',
        'partitioned by (month(d))',
        'ingest sales',
        "  from 'a.csv'",
        '  create',
        'evolve sales add a int,',
        'drop b',
        'drop sales',
      ].join('\n'),
    );
    expect(found.map(call => call.verb)).toEqual(['create', 'ingest', 'evolve', 'drop']);
    expect(found[0]!.request).toMatchObject({ partitionedBy: ['month(d)'] });
    expect(found[1]!.request).toMatchObject({ create: true });
  });

  test('a hash in a string or before a digit is no comment', () => {
    expect(request("delete sales where a = ' # x' and b = #1")).toEqual({
      table: 'sales',
      where: "a = ' # x' and b = #1",
    });
  });
});

describe('parameters', () => {
  test('in quoted strings and in SQL, as values and never as text', () => {
    expect(request("ingest sales from 'data-${day}.csv'", { day: '2026' })).toMatchObject({
      source: { paths: ['data-2026.csv'] },
    });
    expect(
      request("delete sales where name = $name and n < $n and s = 'a ${name}'", {
        name: "x' or 1=1 --",
        n: 5,
      }),
    ).toEqual({
      table: 'sales',
      where: "name = 'x'' or 1=1 --' and n < 5 and s = 'a x'' or 1=1 --'",
    });
  });

  test('an unknown one is told with its place', () => {
    const error = failure("tables\ningest sales from '${nope}'", { day: 1 });
    expect(error).toMatchObject({ code: 'PARAMETER_NOT_FOUND', position: { line: 2, column: 19 } });
    expect(error.hint).toContain('day');
  });
});

describe('errors', () => {
  test.each([
    ['igest sales', 'UNKNOWN_VERB', { line: 1, column: 1, length: 5 }, /Did you mean ingest/],
    ["tables\n  %lake ingest sales form 'x.csv'", 'SYNTAX', { line: 2, column: 22, length: 4 }, /from/],
    ['evolve sales add d double aftr amount', 'SYNTAX', { line: 1, column: 27, length: 4 }, /after/],
    ['ingest sales from a.csv mode apend', 'SYNTAX', { line: 1, column: 30, length: 5 }, /append/],
    ['create t (id long', 'SYNTAX', { line: 1, column: 10, length: 1 }, /Usage: create/],
    ["ingest sales from 'x.csv", 'SYNTAX', { line: 1, column: 19, length: 1 }, /Close it/],
    ['ingest sales', 'SYNTAX', { line: 1, column: 13, length: 1 }, /Usage: ingest/],
    ["tag sales q1 keep for '7 dais'", 'SYNTAX', { line: 1, column: 23, length: 8 }, /7 days/],
  ])('%s', (source, code, position, hint) => {
    const error = failure(source);
    expect(error).toMatchObject({ code, position });
    expect(error.hint).toMatch(hint);
  });

  test('any text gives statements or a LakebookError with a place inside of the text', () => {
    const word = fc.constantFrom(
      ...[
        'ingest',
        'create',
        'evolve',
        'sales',
        'from',
        "'a.csv'",
        '(',
        ')',
        ',',
        'on',
        'id',
        'long',
        'tag:x',
        '%lake',
      ],
      ...[
        '--',
        '#',
        '\n',
        '"',
        "'",
        'select',
        'where',
        'a = 1',
        '$p',
        '${p}',
        'add',
        'by',
        '|',
        ';',
        '*/',
        '/*',
        '7',
      ],
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 14 }), words => {
        const source = words.join(' ');
        try {
          parseLake(source, { p: 1 });
        } catch (error) {
          expect(error).toBeInstanceOf(LakebookError);
          const { position } = error as LakebookError;
          expect(position).toBeDefined();
          const line = source.split('\n')[position!.line - 1];
          expect(line).toBeDefined();
          expect(position!.column).toBeLessThanOrEqual(line!.length + 1);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test('the help names every verb that runs, and a verb in full', () => {
  for (const verb of verbs) {
    expect(helpText()).toContain(`  ${verb.name} `);
    for (const line of usageLines(verb)) expect(helpText(verb.name)).toContain(line);
  }
  expect(() => helpText('ingst')).toThrow(
    expect.objectContaining({ code: 'VERB_NOT_FOUND', hint: 'Did you mean ingest?' }),
  );
});

test('the editor highlights every verb', () => {
  const file = new URL('../../syntaxes/lake.tmLanguage.json', import.meta.url);
  const { match } = JSON.parse(readFileSync(file, 'utf8')).repository.verb as { match: string };
  const pattern = new RegExp(match.replace('(?i)', ''), 'i');
  for (const verb of verbs) expect(pattern.exec(`%lake ${verb.name}`)?.[1]).toBe(verb.name.split(' ')[0]);
});
