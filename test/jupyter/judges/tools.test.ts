import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JupyterEnvironment, root } from './environment.ts';

interface Cell {
  readonly metadata: { readonly tags?: readonly string[] };
  readonly source: string | readonly string[];
  readonly outputs: readonly {
    readonly output_type: string;
    readonly text?: readonly string[];
    readonly data?: Readonly<Record<string, readonly string[]>>;
  }[];
}

let jupyter: JupyterEnvironment;
beforeAll(async () => {
  jupyter = new JupyterEnvironment();
  const { code, output } = await jupyter.runLakebook(['jupyter', 'install', '--sys-prefix']);
  expect(code, output).toBe(0);
});
afterAll(() => jupyter.close());

/** A notebook of SQL and lake cells as VS Code saves it. */
function write(file: string, cells: readonly { source: string; language?: string; tags?: string[] }[]): void {
  const json = {
    cells: cells.map(({ source, language = 'sql', tags }, index) => ({
      cell_type: 'code',
      execution_count: null,
      id: `c${index}`,
      metadata: { vscode: { languageId: language }, ...(tags === undefined ? {} : { tags }) },
      outputs: [],
      source,
    })),
    metadata: {
      kernelspec: { display_name: 'Lakebook', language: 'sql', name: 'lakebook' },
      language_info: { name: 'sql' },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
  writeFileSync(file, JSON.stringify(json));
}

function read(file: string): readonly Cell[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { cells: Cell[] }).cells;
}

/** What a cell shows as text. */
function shown({ outputs }: Cell): string {
  return outputs.map(({ text, data }) => (text ?? data?.['text/plain'] ?? []).concat().join('')).join('\n');
}

test('nbconvert executes the tour and makes HTML of it', async () => {
  const folder = jupyter.work();
  cpSync(path.join(root, 'samples'), folder, {
    recursive: true,
    filter: file => path.basename(file) !== '.lakebook',
  });
  const { code, output } = await jupyter.runPython(
    ['-m', 'nbconvert', '--to', 'html', '--execute', 'tour.lakebook', '--output', 'tour.html'],
    folder,
  );
  expect(code, output).toBe(0);
  const html = readFileSync(path.join(folder, 'tour.html'), 'utf8');
  expect(html.split('<table>').length - 1).toBeGreaterThanOrEqual(12);
  expect(html).toContain('Seattle');
  expect(html).toContain('sunny_days');
});

test('nbconvert stops at a cell that fails and tells where', async () => {
  const folder = jupyter.work();
  write(path.join(folder, 'bad.lakebook'), [{ source: 'SELECT 1' }, { source: 'SELECT no_such_column' }]);
  const { code, output } = await jupyter.runPython(
    ['-m', 'nbconvert', '--to', 'notebook', '--execute', 'bad.lakebook', '--output', 'out.ipynb'],
    folder,
  );
  expect(code).not.toBe(0);
  expect(output).toMatch(/no_such_column[\s\S]*line 1, column 8/);
});

describe('papermill', () => {
  const cells = [
    { source: "-- the region\nregion = 'US' -- where\nn = 1", tags: ['parameters'] },
    { source: 'SELECT $region AS region, $n AS n' },
    // A lake cell without a mark, as VS Code has them.

    { source: 'create late (id long)\ntables', language: 'lake' },
  ];

  async function papermill(folder: string, args: readonly string[]) {
    write(path.join(folder, 'in.lakebook'), cells);
    return jupyter.runPython(['-m', 'papermill', 'in.lakebook', 'out.ipynb', ...args], folder);
  }

  test("passes parameters, which take the place of the notebook's own", async () => {
    const folder = jupyter.work();
    const { code, output } = await papermill(folder, ['-p', 'region', 'EU', '-p', 'n', '42']);
    expect(code, output).toBe(0);
    const [declared, injected, query, lake] = read(path.join(folder, 'out.ipynb'));
    expect(shown(declared!)).toContain("region = 'US'");
    expect(injected!.metadata.tags).toEqual(['injected-parameters']);
    expect([injected!.source].flat().join('')).toBe("-- Parameters\nregion = 'EU'\nn = 42\n");
    expect(shown(query!)).toMatch(/│ EU +│ 42 │/);
    expect(shown(lake!)).toContain('1 table in the lake.');
  });

  test("texts arrive as they are, and the notebook's help lists its parameters", async () => {
    const folder = jupyter.work();
    const text = 'it\'s "€" \\n\n$x -- 😀; y = 1';
    writeFileSync(path.join(folder, 'parameters.yaml'), JSON.stringify({ region: text, n: 1.5 }));
    write(path.join(folder, 'in.lakebook'), [
      cells[0]!,
      { source: 'SELECT md5($region) AS text, $n = 1.5 AS same' },
    ]);
    const run = (args: string[]) => jupyter.runPython(['-m', 'papermill', ...args], folder);
    const { code, output } = await run(['in.lakebook', 'out.ipynb', '-f', 'parameters.yaml']);
    expect(code, output).toBe(0);
    const hash = createHash('md5').update(text).digest('hex');
    expect(shown(read(path.join(folder, 'out.ipynb')).at(-1)!)).toContain(`│ ${hash} │ true │`);
    expect((await run(['--help-notebook', 'in.lakebook'])).output).toMatch(
      /region: str \(default 'US'\)\s+where\s+n: int \(default 1\)/,
    );
  });

  test('without the translator, in the words of Python', async () => {
    const removed = path.join(jupyter.folder, 'removed');
    mkdirSync(removed);
    const ours = readdirSync(jupyter.packages).filter(name => name.startsWith('lakebook_papermill'));
    for (const name of ours) {
      cpSync(path.join(jupyter.packages, name), path.join(removed, name), { recursive: true });
      rmSync(path.join(jupyter.packages, name), { recursive: true });
    }
    const folder = jupyter.work();
    const parameters = ['-p', 'region', 'EU', '-p', 'n', '42'];
    const refused = await papermill(folder, parameters);
    const ran = await papermill(folder, [...parameters, '--language', 'python']);
    for (const name of ours)
      cpSync(path.join(removed, name), path.join(jupyter.packages, name), { recursive: true });
    expect(ours.length).toBe(2);
    // Should papermill know SQL one day, the translator can go.
    expect(refused.output).toContain('No parameter translator functions specified');
    expect(ran.code, ran.output).toBe(0);
    const [, injected, query] = read(path.join(folder, 'out.ipynb'));
    expect([injected!.source].flat().join('')).toBe('# Parameters\nregion = "EU"\nn = 42\n');
    expect(shown(query!)).toMatch(/│ EU +│ 42 │/);
  });
});

describe('lakebook jupyter', () => {
  test('installs for a user, in a folder and under another name, and removes what it installed', async () => {
    const kernels = async () => {
      const { output } = await jupyter.runPython(
        ['-m', 'jupyter_client.kernelspecapp', 'list', '--json'],
        jupyter.folder,
      );
      return Object.keys(
        (JSON.parse(output.slice(output.indexOf('{'))) as { kernelspecs: object }).kernelspecs,
      );
    };
    const lakebook = async (...args: string[]) => {
      const ran = await jupyter.runLakebook(['jupyter', ...args]);
      expect(ran.code, ran.output).toBe(0);
      return ran.output;
    };
    expect(await kernels()).toContain('lakebook');
    await lakebook('install', '--user', '--name', 'mine');
    await lakebook('install', '--prefix', jupyter.prefix, '--name', 'there');
    expect(await kernels()).toEqual(expect.arrayContaining(['lakebook', 'mine', 'there']));
    await lakebook('uninstall', '--user', '--name', 'mine');
    await lakebook('uninstall', '--prefix', jupyter.prefix, '--name', 'there');
    const left = await kernels();
    expect(left).toContain('lakebook');
    expect(left.filter(name => ['mine', 'there'].includes(name))).toEqual([]);
    const more = [
      path.join(jupyter.packages, 'lakebook_papermill.py'),
      path.join(jupyter.prefix, 'share', 'jupyter', 'labextensions', 'lakebook', 'package.json'),
    ];
    // What comes with kernels goes with the last one.
    expect(more.map(file => existsSync(file))).toEqual([true, true]);
    await lakebook('uninstall', '--sys-prefix');
    expect(more.map(file => existsSync(file))).toEqual([false, false]);
    await lakebook('install', '--sys-prefix');
    expect(more.map(file => existsSync(file))).toEqual([true, true]);
  });

  test("leaves another program's kernel alone", async () => {
    const folder = path.join(jupyter.prefix, 'share', 'jupyter', 'kernels', 'taken');
    mkdirSync(folder, { recursive: true });
    const spec = JSON.stringify({ argv: ['x'], display_name: 'Taken', language: 'python' });
    writeFileSync(path.join(folder, 'kernel.json'), spec);
    for (const action of ['install', 'uninstall']) {
      const { code, output } = await jupyter.runLakebook([
        'jupyter',
        action,
        '--sys-prefix',
        '--name',
        'taken',
      ]);
      expect(code).toBe(1);
      expect(output).toContain('another program');
    }
    expect(readFileSync(path.join(folder, 'kernel.json'), 'utf8')).toBe(spec);
  });

  test.each([
    [['jupyter'], 2, /install\|uninstall\|kernel/],
    [['jupyter', 'instal'], 2, /no "instal"/],
    [['jupyter', 'install', '--user', '--sys-prefix'], 2, /different places/],
    [['jupyter', 'install', '--name', '../x'], 1, /can't be named/],
    [['jupyter', 'uninstall', '--name', 'nowhere'], 1, /no kernel nowhere/],
    [['jupyter', 'kernel'], 2, /connection file/],
    [['jupyter', 'kernel', '-f', 'missing.json'], 1, /can't be read/],
  ] as const)('%j: exit code %i', async (args, status, message) => {
    const { code, output } = await jupyter.runLakebook(args);
    expect(output).toMatch(message);
    expect(code).toBe(status);
  });
});
