// Tests in the extension host of a VS Code that is downloaded: `npm run test:host [-- VERSION]`, stable without one.
// Needs a build (`npm run build`), access to update.code.visualstudio.com and, on Linux, a display (xvfb-run).
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runTests } from '@vscode/test-electron';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '../..');
const home = await mkdtemp(path.join(tmpdir(), 'lakebook-host-'));
const folder = path.join(home, 'project');
const suite = path.join(home, 'suite.cjs');

try {
  const isOfSamples = (file: string) => path.basename(file) !== '.lakebook';
  await cp(path.join(root, 'samples'), folder, { recursive: true, filter: isOfSamples });
  await build({
    entryPoints: [path.join(import.meta.dirname, 'suite/index.ts')],
    outfile: suite,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['vscode'],
  });
  process.exitCode = await runTests({
    version: process.argv[2] ?? 'stable',
    cachePath: path.join(root, '.artifacts', 'vscode-test'),
    extensionDevelopmentPath: root,
    extensionTestsPath: suite,
    launchArgs: [
      folder,
      '--disable-extensions',
      '--disable-workspace-trust',
      '--skip-welcome',
      `--user-data-dir=${path.join(home, 'user')}`,
    ],
  });
} finally {
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
}
