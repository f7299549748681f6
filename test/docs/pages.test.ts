import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import { openKernel, run, temporaryFolder } from '../notebook/support.ts';
import { anchorsOf, type Block, blocksOf, linksOf, pages, readPage, root } from './markdown.ts';

/** Languages of blocks that are run or checked; `text` is for what is only looked at. */
const languages = ['lake', 'sql', 'sh', 'json', 'python', 'yaml', 'http', 'text', 'properties', 'mermaid'];
/** The reference's examples name tables and files that aren't there; test/docs/reference.test.ts parses them. */
const generated = ['docs/lake-language.md', 'docs/sql.md', 'docs/command-line.md'];
const scripts = Object.keys(
  (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: object }).scripts,
);

describe.each(pages())('%s', page => {
  const markdown = readPage(page);
  const blocks = blocksOf(markdown);

  test('links lead somewhere', () => {
    for (const { target, line } of linksOf(markdown)) {
      if (/^https:\/\//.test(target)) continue;
      const [file, anchor] = target.split('#') as [string, string | undefined];
      const full = file === '' ? path.join(root, page) : path.resolve(root, path.dirname(page), file);
      expect(existsSync(full), `line ${line}: ${target}`).toBe(true);
      if (anchor === undefined || statSync(full).isDirectory()) continue;
      expect([...anchorsOf(readFileSync(full, 'utf8'))], `line ${line}: ${target}`).toContain(anchor);
    }
  });

  test('files that it names are there', () => {
    for (const [index, line] of markdown.split('\n').entries()) {
      for (const [, file] of line.matchAll(
        /`((?:src|test|bench|scripts|renderers|docs|samples)\/[\w./-]+)`/g,
      )) {
        expect(existsSync(path.join(root, file!)), `line ${index + 1}: ${file}`).toBe(true);
      }
    }
  });

  test('every block says what it is', () => {
    for (const block of blocks) expect(languages, `line ${block.line}`).toContain(block.language);
  });

  test.each(blocks.filter(({ language }) => language === 'json').map(block => [block.line, block] as const))(
    'JSON of line %i is right',
    async (_, block) => {
      const value = JSON.parse(block.text) as object;
      if (!('catalog' in value || 'warehouse' in value || 'storage' in value || 'engines' in value)) return;
      const folder = temporaryFolder();
      writeFileSync(path.join(folder, 'lakebook.json'), block.text);
      await expect(loadLakeConfig(folder, {})).resolves.toBeDefined();
    },
  );

  test.each(
    shellLines(blocks)
      .filter(({ command }) => /^npm /.test(command))
      .map(line => [line.command] as const),
  )('there is `%s`', command => {
    const [, verb, name] = command.split(/\s+/);
    if (verb === 'run') expect(scripts).toContain(name);
    else expect(['start', 'test', 'ci', 'install']).toContain(verb);
  });

  if (generated.includes(page)) return;
  const cells = blocks.filter(
    block => ['lake', 'sql', 'sh'].includes(block.language) && block.notRun === undefined,
  );
  if (cells.length === 0) return;
  test('what it shows can be run from top to bottom', async () => {
    const folder = temporaryFolder();
    // Without the lake that trying the samples leaves among them.
    cpSync(path.join(root, 'samples'), folder, {
      recursive: true,
      filter: file => path.basename(file) !== '.lakebook',
    });
    mkdirSync(path.join(folder, '.lakebook'), { recursive: true });
    writeFileSync(path.join(folder, 'lakebook.json'), '{}');
    const kernel = await openKernel(folder);
    for (const block of cells) {
      if (block.language === 'sh') {
        for (const { command } of shellLines([block])) await runCommand(command, folder);
        continue;
      }
      const answer = await run(kernel, block.text, block.language as 'lake' | 'sql');
      expect(answer, `line ${block.line}: ${block.text}`).toMatchObject({ status: 'ok' });
    }
  });
});

function shellLines(blocks: readonly Block[]): { command: string }[] {
  return blocks
    .filter(block => block.language === 'sh')
    .flatMap(block => block.text.split('\n'))
    .map(line => ({ command: line.replace(/\s+#.*$/, '').trim() }))
    .filter(({ command }) => command !== '' && !command.startsWith('#'));
}

/** Runs `npx lakebook ...`; commands of npm are looked up above, and others aren't the project's own. */
async function runCommand(command: string, folder: string): Promise<void> {
  const ours = /^npx lakebook (.*)$/.exec(command);
  if (ours === null) {
    expect(command).toMatch(/^npm /);
    return;
  }
  const bin = path.join(root, 'bin', 'lakebook');
  const { status, stderr } = spawnSync('bash', ['-c', `"$NODE" "$LAKEBOOK" ${ours[1]}`], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NODE: process.execPath, LAKEBOOK: bin },
  });
  expect(status, `${command}\n${stderr}`).toBe(0);
}
