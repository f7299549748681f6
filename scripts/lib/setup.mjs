// Brings a checkout to the state every other script needs: packages installed, Node 24 in node_modules,
// bundles built. Runs with whatever Node started it (18 or newer), so it uses nothing newer than that.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const stampFile = path.join(root, 'node_modules', '.lakebook-setup');
const bundledNode = path.join(
  root,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);

/** Runs a command in the checkout and throws with its name when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) throw new Error(`${command}: ${result.error.message}`);
  if (result.status !== 0 && !options.allowFailure) {
    throw new Error(
      `${path.basename(command)} ${args.join(' ')} ended with exit code ${result.status ?? result.signal}`,
    );
  }
  return result;
}

/** Runs npm itself, in the checkout unless options.cwd says otherwise. */
export function npm(args, options = {}) {
  // npm_execpath is npm's own script when this runs below `npm start`: no shell, no npm.cmd.
  const script = process.env.npm_execpath;
  const quiet = { stdio: ['ignore', 'inherit', 'inherit'], ...options };
  if (script && /npm-cli\.js$/.test(script)) return run(process.execPath, [script, ...args], quiet);
  return run('npm', args, { shell: process.platform === 'win32', ...quiet });
}

function nodeVersion(executable) {
  const result = spawnSync(executable, ['--version'], { encoding: 'utf8' });
  return result.status === 0 ? Number(/^v(\d+)/.exec(result.stdout)?.[1] ?? 0) : 0;
}

/** Installs packages when package-lock.json changed since the last set-up. Answers the Node to run things with. */
export function setup() {
  const lock = readFileSync(path.join(root, 'package-lock.json'));
  const stamp = createHash('sha256').update(lock).update(`${process.platform}-${process.arch}`).digest('hex');
  const done = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
  if (!done) {
    console.error('Installing packages...');
    npm(['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  const node = findNode();
  if (!done) writeFileSync(stampFile, stamp);
  return node;
}

/** Node 24 from node_modules; without it (an unusual platform) the running Node, if it is new enough. */
function findNode() {
  if (nodeVersion(bundledNode) < 22) {
    const folder = path.join(root, 'node_modules', 'node');
    if (existsSync(folder)) {
      // The package fetches its platform's binary in an install script, and those are off.
      run(systemNode(), ['installArchSpecificPackage.js'], {
        cwd: folder,
        allowFailure: true,
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, npm_config_loglevel: 'error' },
      });
    }
  }
  if (nodeVersion(bundledNode) >= 22) return bundledNode;
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  throw new Error(
    `Lakebook needs Node 22 or newer; this is ${process.version} and the package "node" could not be installed. ` +
      'Install Node 24 (https://nodejs.org) and try again.',
  );
}

/** A Node that is there: below `npm run` the running one is that of node_modules, which a new installation has removed. */
function systemNode() {
  return [process.execPath, process.env.npm_node_execpath].find(file => file && existsSync(file)) ?? 'node';
}

/** Environment in which `node` and the package binaries are the checkout's own. */
export function toolEnvironment(node, extra = {}) {
  const paths = [path.dirname(node), path.join(root, 'node_modules', '.bin'), process.env.PATH ?? ''];
  return { ...process.env, PATH: paths.join(path.delimiter), ...extra };
}

/** Bundles src/ into dist/. */
export function build(node) {
  run(node, ['scripts/build.mjs'], { env: toolEnvironment(node) });
}

/** Prints an error as one line, without a stack, and ends with code 1. */
export function fail(error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
