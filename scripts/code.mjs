// Opens the samples in VS Code with this checkout's extension: in the `code` that is on the PATH, else in code-server
// (VS Code in a browser), which scripts/vscode-judge.sh installs. `npm run code -- FOLDER` opens another folder.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { build, fail, root, run, setup, toolEnvironment } from './lib/setup.mjs';

const codeServer = '4.139.1';

try {
  const node = setup();
  build(node);
  const folder = path.resolve(process.argv[2] ?? samplesCopy());
  const windows = process.platform === 'win32';
  if (spawnSync('code', ['--version'], { shell: windows }).status === 0) {
    spawnSync('code', ['--new-window', `--extensionDevelopmentPath=${root}`, folder], {
      stdio: 'inherit',
      shell: windows,
    });
    console.log(`VS Code opens ${folder}.`);
  } else {
    await inBrowser(node, folder);
  }
} catch (error) {
  fail(error);
}

/** The samples in a folder of their own, so that trying them changes nothing of the checkout. */
function samplesCopy() {
  const target = path.join(root, '.artifacts', 'code', 'samples');
  if (!existsSync(target)) {
    mkdirSync(target, { recursive: true });
    cpSync(path.join(root, 'samples'), target, { recursive: true });
  }
  return target;
}

async function inBrowser(node, folder) {
  run('bash', ['scripts/vscode-judge.sh']);
  const target = `${process.platform}-${process.arch}`;
  run(node, ['scripts/package.mjs', target], { env: toolEnvironment(node) });
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');
  const modules = path.join(cache, `code-server-${codeServer}`, 'node_modules');
  const serverNode = path.join(modules, 'node', 'bin', 'node');
  const entry = path.join(modules, 'code-server', 'out', 'node', 'entry.js');
  const home = path.join(root, '.artifacts', 'code');
  const places = [
    '--user-data-dir',
    path.join(home, 'user'),
    '--extensions-dir',
    path.join(home, 'extensions'),
  ];
  run(serverNode, [
    entry,
    ...places,
    '--install-extension',
    path.join(root, '.artifacts', 'vsix', `lakebook-${target}-${version}.vsix`),
    '--force',
  ]);
  const port = await freePort();
  console.log(
    `\nVS Code: http://127.0.0.1:${port}/?folder=${encodeURIComponent(folder)}   (Ctrl+C ends it)\n`,
  );
  const quiet = ['--disable-telemetry', '--disable-update-check', '--log', 'error'];
  const server = spawn(
    serverNode,
    [entry, '--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, ...quiet, ...places],
    { stdio: 'inherit' },
  );
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill(signal));
  await new Promise(resolve => server.once('exit', resolve));
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
