import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { root } from './judge.ts';

const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');
const python = path.join(cache, 'venv', 'bin', 'python');

/** Lets PyIceberg, in a process of its own, make or change the table `orders` of a folder's default lake. */
export function otherWriter(folder: string, what: 'make' | 'append' | 'upsert'): void {
  if (!existsSync(python)) throw new Error('PyIceberg is not installed: run `bash scripts/judges.sh`.');
  const script = path.join(root, 'test', 'vscode', 'support', 'other_writer.py');
  const done = spawnSync(python, [script, folder, what], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
}
