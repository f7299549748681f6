// Packs VSIX files, one a platform, each with that platform's native binaries only.
// usage: npm run package [-- TARGET...]    targets: linux-x64 linux-arm64 darwin-x64 darwin-arm64 win32-x64 win32-arm64
// Without a target: this machine's. `all` packs every one. The files go to .artifacts/vsix.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, fail, npm, root, run, setup, toolEnvironment } from './lib/setup.mjs';
import { writeBill } from './sbom.mjs';

const targets = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64', 'win32-arm64'];
const LIMIT_MIB = 60;
/** Packages that stay outside the bundles because they load native code. */
const native = ['@duckdb/node-api', 'better-sqlite3'];
const output = path.join(root, '.artifacts', 'vsix');

function stage(target, manifest) {
  const folder = mkdtempSync(path.join(tmpdir(), `lakebook-${target}-`));
  const [os, cpu] = target.split('-');
  // `files` is npm's list and would leave out the media.
  const { devDependencies, scripts, allowScripts, dependencies, bin, files, ...rest } = manifest;
  const kept = Object.fromEntries(Object.entries(dependencies).filter(([name]) => native.includes(name)));
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ ...rest, dependencies: kept }, null, 2));
  for (const name of [
    'dist',
    'media',
    'syntaxes',
    'snippets',
    'walkthrough',
    'l10n',
    'package.nls.json',
    'samples',
    // "Start MinIO" uses it.
    'docker-compose.yml',
    'README.md',
    'LICENSE',
    'THIRD_PARTY_NOTICES.md',
  ]) {
    if (existsSync(path.join(root, name))) {
      cpSync(path.join(root, name), path.join(folder, name), {
        recursive: true,
        filter: file => !/\.map$|[\\/]\.lakebook$/.test(file),
      });
    }
  }
  writeBill(root, path.join(folder, 'sbom.cdx.json'));
  writeFileSync(path.join(folder, '.vscodeignore'), '**/*.d.ts\n**/*.map\n');
  npm(
    [
      'install',
      '--omit=dev',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      `--os=${os}`,
      `--cpu=${cpu}`,
      '--libc=glibc',
    ],
    { cwd: folder },
  );
  const modules = path.join(folder, 'node_modules');
  for (const name of readdirSync(path.join(modules, '@duckdb'))) {
    // npm's libc filter knows no musl build from its glibc twin by name.
    if (name.startsWith('node-bindings-') && name !== `node-bindings-${target}`)
      rmSync(path.join(modules, '@duckdb', name), { recursive: true });
  }
  if (!existsSync(path.join(modules, '@duckdb', `node-bindings-${target}`)))
    throw new Error(`no DuckDB binary for ${target}`);
  const sqlite = path.join(modules, 'better-sqlite3');
  for (const name of ['deps', 'src', 'binding.gyp'])
    rmSync(path.join(sqlite, name), { recursive: true, force: true });
  for (const name of readdirSync(path.join(sqlite, 'prebuilds'))) {
    if (name !== `${target}.node`) rmSync(path.join(sqlite, 'prebuilds', name));
  }
  // C++ headers, which only building from source needs; vsce wants every dependency to be there.
  const headers = path.join(modules, 'node-addon-api');
  for (const name of existsSync(headers) ? readdirSync(headers) : []) {
    if (name !== 'package.json') rmSync(path.join(headers, name), { recursive: true });
  }
  rmSync(path.join(folder, 'package-lock.json'), { force: true });
  return folder;
}

try {
  const node = setup();
  build(node);
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const asked = process.argv.slice(2);
  const wanted = asked.includes('all')
    ? targets
    : asked.length > 0
      ? asked
      : [`${process.platform}-${process.arch}`];
  const unknown = wanted.filter(target => !targets.includes(target));
  if (unknown.length > 0)
    throw new Error(`Unknown target ${unknown.join(', ')}; there are ${targets.join(', ')}.`);
  mkdirSync(output, { recursive: true });
  for (const target of wanted) {
    const folder = stage(target, manifest);
    const file = path.join(output, `lakebook-${target}-${manifest.version}.vsix`);
    try {
      const vsce = path.join(root, 'node_modules', '@vscode', 'vsce', 'vsce');
      run(
        node,
        [
          vsce,
          'package',
          '--target',
          target,
          '--out',
          file,
          '--skip-license',
          '--allow-missing-repository',
          '--no-rewrite-relative-links',
        ],
        {
          cwd: folder,
          env: toolEnvironment(node),
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const mib = statSync(file).size / 2 ** 20;
    console.log(`${path.relative(root, file)}  ${mib.toFixed(1)} MiB`);
    if (mib > LIMIT_MIB) throw new Error(`${file} is larger than ${LIMIT_MIB} MiB`);
  }
} catch (error) {
  fail(error);
}
