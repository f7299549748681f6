// All tests of a checkout, with set-up. Suites that need programs npm can't install (Chromium, PyIceberg, Spark, MinIO) run
// with `npm test -- --all`, which fails when one is missing; without the flag they are named as not run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, fail, root, setup, toolEnvironment } from './lib/setup.mjs';

const all = process.argv.includes('--all');
const totals = { passed: 0, failed: 0 };
/** What failed, told again at the end, since a log of thousands of lines hides it. */
const failures = [];
/** What passed only when it was tried again. */
const flaky = [];
const temp = mkdtempSync(path.join(tmpdir(), 'lakebook-test-'));

try {
  const node = setup();
  build(node);
  const env = toolEnvironment(node);
  const bin = name =>
    path.join(root, 'node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name);
  const spawn = (command, args, more = {}) =>
    spawnSync(command, args, {
      cwd: root,
      env: { ...env, ...more },
      stdio: 'inherit',
      shell: process.platform === 'win32',
    }).status;

  const check = (name, command, args) => {
    console.log(`\n== ${name}`);
    const ok = spawn(command, args) === 0;
    totals[ok ? 'passed' : 'failed'] += 1;
    if (!ok) failures.push(name);
  };
  const failuresOf = (name, file) => {
    const where = `${name}: ${path.relative(root, file.name)}`;
    const told = (what, message) =>
      `${where}: ${what}\n    ${message.split('\n').slice(0, 12).join('\n    ')}`;
    const tests = file.assertionResults
      .filter(test => test.status !== 'passed')
      .map(test => told(`${test.fullName} (${test.status})`, test.failureMessages?.join('\n') ?? ''));
    return file.status === 'failed' && tests.length === 0
      ? [told('failed to run', file.message ?? '')]
      : tests;
  };
  const suite = name => {
    console.log(`\n== ${name}`);
    const report = path.join(temp, `${name}.json`);
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', name, '--reporter=default'];
    const tried = path.join(temp, `${name}-flaky.json`);
    const reporters = [
      '--reporter=json',
      `--outputFile.json=${report}`,
      '--reporter=./scripts/lib/flaky-reporter.mjs',
    ];
    const status = spawn(node, [...args, ...reporters], { LAKEBOOK_FLAKY_FILE: tried });
    if (existsSync(tried))
      flaky.push(...JSON.parse(readFileSync(tried, 'utf8')).map(test => ({ suite: name, ...test })));
    let result;
    try {
      result = JSON.parse(readFileSync(report, 'utf8'));
    } catch {
      failures.push(`${name}: no report, exit status ${status}`);
      result = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, testResults: [] };
    }
    // A file that fails to load, or a crash, has no failed test of its own: count it, or it would go unseen.
    const failedFiles = result.testResults.filter(
      file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
    ).length;
    // A skipped test would be a silent gap: it counts as failed.
    const failed = result.numFailedTests + failedFiles + result.numPendingTests + (result.numTodoTests ?? 0);
    for (const file of result.testResults) failures.push(...failuresOf(name, file));
    totals.passed += result.numPassedTests;
    totals.failed += failed === 0 && status !== 0 ? 1 : failed;
  };

  check('types', bin('tsc'), ['--noEmit', '-p', '.']);
  check('types of the renderer', bin('tsc'), ['--noEmit', '-p', 'renderers']);
  check('lint', bin('biome'), ['ci', '.']);
  check('layers', node, ['scripts/layers.mjs']);
  check('no text becomes code or HTML', node, ['scripts/web-security.mjs']);
  check('licences', node, ['scripts/licences.mjs', '--check']);
  check('audit', node, ['scripts/audit.mjs']);
  suite('unit');
  suite('engine');
  if (all) check('benchmarks: no ratio got worse', node, ['--no-warnings', 'bench/short.ts']);
  if (all)
    for (const name of [
      'browser',
      'interop',
      'vscode',
      's3',
      'faults',
      'lake-on-s3',
      'rest',
      'lake-on-rest',
      'trino',
      'gateway',
      'jupyter',
      'spark',
    ])
      suite(name);
  else
    console.log(
      '\nNot run: the result grid in a browser, interop with PyIceberg and Spark, the extension in VS Code (`npm test -- --all`, see docs/contributing.md).',
    );
} catch (error) {
  fail(error);
} finally {
  rmSync(temp, { recursive: true, force: true });
}
for (const { suite, file, name, first } of flaky) {
  console.log(`\nFLAKY ${suite}: ${file}: ${name} (passed when tried again)\n    ${first.split('\n')[0]}`);
}
for (const failure of failures) console.log(`\nFAILED ${failure}`);
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
