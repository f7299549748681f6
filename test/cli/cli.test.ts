import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseNotebook } from '../../src/notebook/lakebook-file.ts';

const root = path.resolve(import.meta.dirname, '../..');
const main = path.join(root, 'src', 'cli', 'main.ts');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lakebook-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function lakebook(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    input: options.input ?? '',
    env: { ...process.env, LAKEBOOK_MEMORY_LIMIT: '1GB', ...options.env },
  });
  return { status, stdout, stderr };
}

type CellSource = string | { source: string; language?: 'lake'; tags?: string[]; markdown?: boolean };

function writeNotebook(name: string, cells: readonly CellSource[]): string {
  const json = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: cells.map((cell, index) => {
      const { source, language, tags, markdown } =
        typeof cell === 'string' ? ({ source: cell } as Exclude<CellSource, string>) : cell;
      const base = {
        id: `c${index}`,
        source,
        metadata: { tags, ...(language ? { vscode: { languageId: language } } : {}) },
      };
      return markdown
        ? { ...base, cell_type: 'markdown' }
        : { ...base, cell_type: 'code', outputs: [], execution_count: null };
    }),
  };
  writeFileSync(path.join(folder, name), JSON.stringify(json));
  return name;
}

describe('the command line', () => {
  test('version and help', () => {
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    expect(lakebook(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n` });
    for (const args of [[], ['help'], ['--help']]) {
      expect(lakebook(args)).toMatchObject({ status: 0, stdout: expect.stringContaining('run NOTEBOOK') });
    }
    expect(lakebook(['run', '--help']).stdout).toContain('--keep-going');
    expect(lakebook(['help', 'verbs']).stdout).toContain('ingest');
  });

  test.each([
    [['sqll'], /There is no command "sqll"[\s\S]*Did you mean sql/],
    [['sql', 'select 1', '--formt', 'json'], /no option --formt[\s\S]*--format/],
    [['sql', 'select 1', '--format', 'jsn'], /--format can't be "jsn"[\s\S]*json/],
    [['sql', 'select 1', '--param', 'x'], /--param x/],
    [['sql', 'select 1', '--max-rows', 'all'], /whole number/],
    [['run'], /Which notebook/],
    [['sql'], /Which statement/],
    [['doctor', 'x'], /no arguments/],
    [['help', 'rnu'], /Did you mean run/],
  ])('%j is refused with code 2', (args, message) => {
    const { status, stdout, stderr } = lakebook(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
  });

  test('a file that is not there', () => {
    expect(lakebook(['run', 'none.lakebook'])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('There is no notebook none.lakebook'),
    });
  });
});

describe('sql', () => {
  test('a table', () => {
    const { status, stdout } = lakebook(['sql', "SELECT 1 AS id, NULL AS n, 'x' AS t"]);
    expect(status).toBe(0);
    expect(stdout).toContain('│ id │    n │ t │\n');
    expect(stdout).toContain('│  1 │ NULL │ x │\n');
  });

  test('JSON has all rows with exact values', () => {
    const { stdout } = lakebook([
      'sql',
      "SELECT 9007199254740993 AS big, 1.10::DECIMAL(5,2) AS d, NULL AS n, 'é\"' AS t, [1] AS l",
      '--format',
      'json',
    ]);
    expect(JSON.parse(stdout)).toEqual({
      columns: [
        { name: 'big', type: 'BIGINT' },
        { name: 'd', type: 'DECIMAL(5,2)' },
        { name: 'n', type: expect.any(String) },
        { name: 't', type: 'VARCHAR' },
        { name: 'l', type: 'INTEGER[]' },
      ],
      rows: [['9007199254740993', '1.10', null, 'é"', [1]]],
      rowCount: 1,
    });
    const many = JSON.parse(
      lakebook(['sql', 'SELECT range AS n FROM range(12345)', '--format', 'json']).stdout,
    );
    expect(many.rows).toHaveLength(12_345);
    expect(many.rows.at(-1)).toEqual([12_344]);
    const two = JSON.parse(lakebook(['sql', 'SELECT 1; SELECT 2', '--format', 'json']).stdout);
    expect(two.outputs.map((output: { rows: unknown }) => output.rows)).toEqual([[[1]], [[2]]]);
  });

  test('CSV on standard output, Parquet and Arrow in files', () => {
    const sql = "SELECT range AS n, 'a,b' AS t FROM range(2)";
    expect(lakebook(['sql', sql, '--format', 'csv']).stdout).toBe('n,t\n0,"a,b"\n1,"a,b"\n');
    expect(lakebook(['sql', sql, '--format', 'arrow', '--out', 'o.arrow']).status).toBe(0);
    expect(tableFromIPC(readFileSync(path.join(folder, 'o.arrow'))).numRows).toBe(2);
    expect(lakebook(['sql', sql, '--format', 'parquet', '--out', 'o.parquet']).status).toBe(0);
    expect(lakebook(['sql', "SELECT count(*) FROM 'o.parquet'", '--format', 'csv']).stdout).toBe(
      'count_star()\n2\n',
    );
    expect(readdirSync(folder).filter(name => name.endsWith('.tmp'))).toEqual([]);
  });

  test('from standard input and from a file, with parameters', () => {
    expect(lakebook(['sql', '--format', 'csv'], { input: 'SELECT 5 AS five' }).stdout).toBe('five\n5\n');
    writeFileSync(path.join(folder, 'q.sql'), 'SELECT $x || $y AS z');
    const { stdout } = lakebook([
      'sql',
      '--file',
      'q.sql',
      '--param',
      "x=it's",
      '--param',
      'y=2',
      '--format',
      'csv',
    ]);
    expect(stdout).toBe("z\nit's2\n");
  });

  test('an error is told with its place, on standard error', () => {
    const { status, stdout, stderr } = lakebook(['sql', 'SELECT\n  nope FROM (SELECT 1 AS a)']);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('line 2, column 3');
    expect(stderr).toContain('  2 |   nope FROM');
    expect(stderr).toMatch(/\n {4}\| {3}\^\^\^\^\n/);
    expect(stderr).not.toMatch(/ {4}at /);
  });

  test('a reader that goes away is no error', async () => {
    const child = spawn(
      process.execPath,
      [main, 'sql', 'SELECT range FROM range(1000000)', '--format', 'csv'],
      { cwd: folder },
    );
    let errors = '';
    child.stderr.on('data', text => {
      errors += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise(resolve => child.once('exit', resolve));
    expect(code).toBe(0);
    expect(errors).toBe('');
  });

  test('Ctrl-C stops the statement', async () => {
    const started = path.join(folder, 'started.csv');
    const sql = `COPY (SELECT 1) TO '${started}'; SELECT count(*) FROM range(10000000000000) t(a) WHERE sin(a) > 2`;
    const child = spawn(process.execPath, [main, 'sql', sql], { cwd: folder });
    let errors = '';
    child.stderr.on('data', text => {
      errors += text;
    });
    const exit = new Promise(resolve => child.once('exit', resolve));
    await vi.waitFor(() => expect(existsSync(started)).toBe(true), { timeout: 60_000 });
    child.kill('SIGINT');
    const code = await exit;
    expect(code).toBe(130);
    expect(errors).toContain('Interrupted');
  });
});

describe('run', () => {
  const cells: CellSource[] = [
    { source: '# Title\n\n<b>not bold</b>', markdown: true },
    { source: '-- parameters\nlow = 1', tags: [] },
    '-- name: nums\nSELECT range AS n FROM range(5) WHERE range >= $low',
    'SELECT sum(n) AS s FROM nums',
    { source: 'help tables', language: 'lake' },
  ];

  test('JSON of a notebook that passes', () => {
    const file = writeNotebook('ok.lakebook', cells);
    const { status, stdout } = lakebook(['run', file, '--format', 'json', '--param', 'low=3']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      cells: [
        { source: '-- parameters\nlow = 1', status: 'ok', outputs: [{ text: 'low = 3' }] },
        {
          source: '-- name: nums\nSELECT range AS n FROM range(5) WHERE range >= $low',
          status: 'ok',
          outputs: [{ columns: [{ name: 'n', type: 'BIGINT' }], rows: [[3], [4]], rowCount: 2 }],
        },
        {
          source: 'SELECT sum(n) AS s FROM nums',
          status: 'ok',
          outputs: [{ columns: [{ name: 's', type: 'HUGEINT' }], rows: [[7]], rowCount: 1 }],
        },
        { source: 'help tables', status: 'ok', outputs: [{ text: expect.stringContaining('tables') }] },
      ],
    });
  });

  test('a cell that fails ends the run, unless --keep-going', () => {
    const file = writeNotebook('bad.lakebook', ['SELECT 1 AS a', 'SELECT 1;\nSELECT nope', 'SELECT 3 AS c']);
    const stop = lakebook(['run', file, '--format', 'json']);
    expect(stop.status).toBe(1);
    const stopped = JSON.parse(stop.stdout).cells;
    expect(stopped.map((cell: { status: string }) => cell.status)).toEqual(['ok', 'error', 'skipped']);
    expect(stopped[1].outputs).toEqual([
      expect.objectContaining({ rows: [[1]] }),
      {
        error: expect.objectContaining({
          name: 'SqlError',
          message: expect.stringContaining('nope'),
          line: 2,
          column: 8,
        }),
      },
    ]);
    const go = lakebook(['run', file, '--format', 'json', '--keep-going']);
    expect(go.status).toBe(1);
    expect(JSON.parse(go.stdout).cells.map((cell: { status: string }) => cell.status)).toEqual([
      'ok',
      'error',
      'ok',
    ]);
    const text = lakebook(['run', file]);
    expect(text.status).toBe(1);
    expect(text.stdout).toContain('at cell 2, line 2, column 8');
    expect(text.stdout).toContain('1 of 3 cells passed, 1 failed, 1 not run');
  });

  test('text', () => {
    const { status, stdout } = lakebook(['run', writeNotebook('text.lakebook', cells)]);
    expect(status).toBe(0);
    expect(stdout).toContain('# Title');
    expect(stdout).toContain(
      '[4] SELECT sum(n) AS s FROM nums\n┌────┐\n│  s │\n├────┤\n│ 10 │\n└────┘\n1 row',
    );
    expect(stdout).toContain('4 of 4 cells passed');
  });

  test('HTML is one page with everything escaped', () => {
    const file = writeNotebook('h.lakebook', [...cells, 'SELECT \'<script>alert(1)</script>\' AS "<b>"']);
    const { status } = lakebook(['run', file, '--format', 'html', '--out', 'out/h.html']);
    expect(status).toBe(0);
    const html = readFileSync(path.join(folder, 'out', 'h.html'), 'utf8');
    expect(html).not.toMatch(/<script|<b>|<link|src=/);
    expect(html).toContain('<h1>Title</h1>');
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  test('ipynb holds the outputs and is a notebook again', () => {
    const file = writeNotebook('n.lakebook', [...cells, 'SELECT nope']);
    const { status, stdout } = lakebook(['run', file, '--format', 'ipynb']);
    expect(status).toBe(1);
    const { cells: written } = parseNotebook(stdout);
    expect(written).toHaveLength(6);
    expect(written[3]).toMatchObject({
      executionCount: 3,
      outputs: [
        {
          output_type: 'execute_result',
          data: { 'text/plain': expect.any(Array), 'text/html': expect.any(Array) },
        },
      ],
    });
    expect(written[5]).toMatchObject({
      outputs: [{ output_type: 'error', evalue: expect.stringContaining('nope') }],
    });
  });

  test('parameters that the notebook does not have or that do not fit', () => {
    const file = writeNotebook('p.lakebook', cells);
    expect(lakebook(['run', file, '--param', 'lwo=3'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Did you mean low?'),
    });
    expect(lakebook(['run', file, '--param', 'low=x'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('low is a number'),
    });
  });

  test('a broken notebook is told with its place, and a file given by --out stays as it was', () => {
    writeFileSync(path.join(folder, 'broken.lakebook'), '{"nbformat": 4,\n "cells": 5}');
    writeFileSync(path.join(folder, 'keep.json'), 'old');
    const { status, stderr } = lakebook(['run', 'broken.lakebook', '--out', 'keep.json', '--format', 'json']);
    expect(status).toBe(1);
    expect(stderr).toContain('broken.lakebook, line 2, column 11');
    expect(readFileSync(path.join(folder, 'keep.json'), 'utf8')).toBe('old');
  });
});

describe('doctor', () => {
  test('everything is there, and looking makes no lake', () => {
    const empty = path.join(folder, 'empty');
    mkdirSync(empty);
    const { status, stdout } = lakebook(['doctor', '--format', 'json', '--lake', 'empty']);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true });
    expect(status).toBe(0);
    expect(JSON.parse(stdout).checks.map((check: { name: string }) => check.name)).toContain('Engine');
    expect(readdirSync(empty)).toEqual([]);
  });

  test('a broken lakebook.json', () => {
    const broken = path.join(folder, 'broken');
    mkdirSync(broken);
    writeFileSync(path.join(broken, 'lakebook.json'), '{"catalog": {\n "typ": "sqlite"}}');
    const { status, stdout } = lakebook(['doctor', '--lake', 'broken']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/FAIL {2}Lake .*line 2/);
    expect(stdout).toContain('checks failed');
  });

  test('a warehouse that is a file', () => {
    const odd = path.join(folder, 'odd');
    mkdirSync(odd);
    writeFileSync(path.join(odd, 'file'), '');
    writeFileSync(path.join(odd, 'lakebook.json'), '{"warehouse": "file/warehouse"}');
    const { status, stdout } = lakebook(['doctor', '--lake', 'odd']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/FAIL {2}Warehouse/);
  });
});

describe('the launcher', () => {
  const launcher = path.join(root, 'bin', 'lakebook');
  const pretend = (file: string) => [
    '-e',
    `Object.defineProperty(process.versions, 'node', { value: '18.20.0' }); process.argv.splice(1, 0, ${JSON.stringify(file)}); require(${JSON.stringify(file)});`,
  ];

  test('runs the command line', () => {
    const { status, stdout } = spawnSync(process.execPath, [launcher, '--version'], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
  });

  test('an older Node starts the one in node_modules', () => {
    if (!existsSync(path.join(root, 'node_modules', 'node', 'bin'))) throw new Error('npm run setup first');
    const { status, stdout } = spawnSync(process.execPath, [...pretend(launcher), '--', '--version'], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
  });

  test('without one it says what to do and loads nothing', () => {
    const lonely = path.join(folder, 'lonely', 'bin');
    mkdirSync(lonely, { recursive: true });
    copyFileSync(launcher, path.join(lonely, 'lakebook'));
    writeFileSync(path.join(lonely, 'package.json'), '{"type":"commonjs"}');
    const { status, stderr } = spawnSync(process.execPath, pretend(path.join(lonely, 'lakebook')), {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('Lakebook needs Node 22 or newer');
    expect(stderr).toContain('Install Node 24');
  });
});
