import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  atClause,
  compactText,
  createText,
  diffText,
  dropText,
  expireText,
  healthText,
  ingestText,
  nameFault,
  parseColumns,
  quoted,
  refText,
  renameText,
  rollbackText,
  selectSql,
  tableNameFault,
  tableNameOfFile,
  tableNameText,
} from '../../src/extension/lake-text.ts';
import type { LakeCall } from '../../src/notebook/lake-language/grammar.ts';
import { parseStatement } from '../../src/notebook/lake-language/parser.ts';
import { splitStatements } from '../../src/notebook/lake-language/statements.ts';

/** What the lake language understands of a line; it has to be one statement. */
function understood(line: string): LakeCall {
  const statements = splitStatements(line);
  expect(statements).toHaveLength(1);
  return parseStatement(statements[0]!, line, {}).call;
}

/** Names that the questions of commands let through. */
const name = fc
  .stringMatching(/^[A-Za-z_ä][A-Za-z0-9_ü-]{0,20}$/u)
  .filter(text => nameFault(text) === undefined);
const path = fc
  .string({ unit: 'grapheme', minLength: 1 })
  .map(text => `/data/${text}`)
  .filter(text => !/[\n\r]|\$\{/.test(text));

describe('the lake language understands what commands write', () => {
  test('ingest, with any path and name', () => {
    fc.assert(
      fc.property(name, path, fc.boolean(), (table, file, create) => {
        const line = ingestText({ table: tableNameText(table), path: file, mode: 'overwrite', create });
        const { verb, request } = understood(line) as Extract<LakeCall, { verb: 'ingest' }>;
        expect(verb).toBe('ingest');
        expect(request).toMatchObject({ mode: 'overwrite', source: { kind: 'files', paths: [file] } });
        expect(request.create ?? false).toBe(create);
        expect(request.table).toBe(tableNameText(table));
      }),
    );
  });

  test('branches and tags, at any version', () => {
    fc.assert(
      fc.property(
        name,
        fc.constantFrom('branch' as const, 'tag' as const),
        fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
        (ref, type, id) => {
          const snapshot = { kind: 'snapshot', id: String(id) } as const;
          expect(understood(refText(type, 'sales', ref, snapshot))).toEqual({
            verb: type,
            request: { table: 'sales', type, name: ref, at: { kind: 'snapshot', id } },
          });
          expect(understood(rollbackText('sales', { kind: type, name: ref }))).toEqual({
            verb: 'rollback',
            request: { table: 'sales', to: { kind: type, name: ref } },
          });
        },
      ),
    );
  });

  test('create, diff, rename and drop', () => {
    const columns = parseColumns('id long not null, amount decimal(10,2), "order" struct<a: int, b: string>');
    expect(
      understood(createText({ table: 'eu.sales', columns, partitionedBy: 'bucket(4, id)', key: ['id'] })),
    ).toMatchObject({
      verb: 'create',
      request: {
        table: 'eu.sales',
        columns: [
          { name: 'id', type: 'long', required: true },
          { name: 'amount', type: 'decimal(10,2)' },
          { name: 'order', type: 'struct<a: int, b: string>' },
        ],
        partitionedBy: ['bucket(4, id)'],
        key: ['id'],
      },
    });
    expect(
      understood(
        diffText('sales', { kind: 'timestamp', text: '2026-01-31' }, { kind: 'branch', name: 'dev' }),
      ),
    ).toMatchObject({
      verb: 'diff',
      request: { from: { kind: 'timestamp', text: '2026-01-31' }, to: { kind: 'branch', name: 'dev' } },
    });
    expect(understood(renameText('sales', tableNameText('old-sales')))).toMatchObject({ verb: 'evolve' });
    expect(understood(compactText('sales'))).toMatchObject({ verb: 'compact', request: { table: 'sales' } });
    expect(understood(healthText('sales'))).toMatchObject({ verb: 'health', request: { table: 'sales' } });
    expect(understood(expireText('sales', '7 days', 5))).toMatchObject({
      verb: 'expire',
      request: { table: 'sales', olderThanMs: 7 * 24 * 3_600_000, keep: 5 },
    });
    expect(understood(dropText('sales', true))).toMatchObject({ verb: 'drop', request: { purge: true } });
  });

  test('a text that no line can hold is refused, not changed', () => {
    expect(() => quoted('a\nb')).toThrow(/can't hold/);
    expect(() => quoted('a$' + '{x}b')).toThrow(/can't hold/);
    expect(quoted("it's")).toBe("'it''s'");
  });
});

describe('SQL', () => {
  test('names the version and the limit', () => {
    expect(selectSql('sales')).toBe('SELECT *\nFROM sales');
    expect(selectSql('sales', { version: { kind: 'tag', name: "it's" }, limit: 5 })).toBe(
      "SELECT *\nFROM sales AT (VERSION => 'it''s')\nLIMIT 5",
    );
    expect(atClause({ kind: 'timestamp', text: '2026-01-31' })).toBe("AT (TIMESTAMP => '2026-01-31')");
  });
});

describe('names', () => {
  test('what is wrong with one is said', () => {
    expect(nameFault('  ')).toMatch(/Type a name/);
    expect(nameFault('1st')).toMatch(/beginning with a letter/);
    expect(nameFault('a b')).toMatch(/Use letters/);
    expect(nameFault('Loaded', ['loaded'])).toMatch(/there already/);
    expect(nameFault('x'.repeat(256))).toMatch(/255/);
    expect(nameFault('größe_1')).toBeUndefined();
    expect(tableNameFault('eu.sales')).toBeUndefined();
    expect(tableNameFault('eu.sales', ['EU.Sales'])).toMatch(/there already/);
    expect(tableNameFault('eu..sales')).toMatch(/Type a name/);
  });

  test('of a file: every one can be a table', () => {
    expect(tableNameOfFile('/a/Sales 2026.csv')).toBe('sales_2026');
    expect(tableNameOfFile('C:\\data\\2026-01.ndjson.gz')).toBe('t_2026_01');
    expect(tableNameOfFile('!!!.csv')).toBe('t_data');
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        text => tableNameFault(tableNameOfFile(text)) === undefined,
      ),
    );
  });
});

describe('columns as typed', () => {
  test('a part that is no column is told', () => {
    expect(() => parseColumns('id long, note')).toThrow(/"note" is no column/);
    expect(() => parseColumns('')).toThrow(/no column/);
  });

  test('commas inside types part nothing', () => {
    expect(parseColumns('m map<string, decimal(4,2)> NOT NULL , b int null')).toEqual([
      { name: 'm', type: 'map<string, decimal(4,2)>', required: true },
      { name: 'b', type: 'int', required: false },
    ]);
  });
});
