import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';

const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');
const python = path.join(cache, 'venv', 'bin', 'python');
const jars = [
  'iceberg-spark-runtime-4.1_2.13-1.12.0.jar',
  'iceberg-aws-bundle-1.12.0.jar',
  'sqlite-jdbc-3.54.1.0.jar',
].map(name => path.join(cache, 'jars', name));

declare module 'vitest' {
  interface ProvidedContext {
    /** The Unix socket on which judge.py answers. */
    judgeSocket: string;
    /** The Python that has PyIceberg, for processes of a test's own. */
    judgePython: string;
  }
}

/**
 * vitest's global setup: one judge.py, and with it one Spark, for all files of the suite. LAKEBOOK_JUDGE_SOCKET names
 * the socket of a judge that is running already (`judge.py SOCKET`), which saves Spark's start while writing tests.
 * @throws when the judges aren't installed: a missing judge is a failure, never a skip.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  for (const file of [python, ...jars]) {
    if (!existsSync(file)) throw new Error(`${file} is missing: run scripts/judges.sh first`);
  }
  project.provide('judgePython', python);
  const running = process.env.LAKEBOOK_JUDGE_SOCKET;
  if (running !== undefined) {
    project.provide('judgeSocket', running);
    return async () => {};
  }
  const dir = mkdtempSync(path.join(tmpdir(), 'lakebook-judge-'));
  const socket = path.join(dir, 'judge.sock');
  const child = spawn(python, [path.join(import.meta.dirname, 'judge.py'), socket], {
    // Standard input tells the judge that this process has ended, however it ended.
    // Spark makes a folder for its own warehouse where it is started.
    cwd: dir,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LAKEBOOK_SPARK_JARS: jars.join(':'), PYSPARK_PYTHON: python },
  });
  // Spark is talkative; its words matter only when the judge ends too early.
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-20_000);
  });
  let expected = false;
  child.on('exit', code => {
    if (!expected) console.error(`judge.py ended (${code}):\n${log}`);
  });
  await listening(child);
  project.provide('judgeSocket', socket);
  return async () => {
    expected = true;
    await ended(child);
    rmSync(dir, { recursive: true, force: true });
  };
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', code => reject(new Error(`judge.py ended (${code}) before it listened`)));
    child.stdout!.once('data', () => resolve());
  });
}

/** Asks a child to end and, if it doesn't, ends it. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise(resolve => child.once('exit', resolve));
  child.stdin!.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await exit;
  clearTimeout(timer);
}
