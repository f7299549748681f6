import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A range of a target's inputs, for a process. */
export interface Job {
  readonly target: string;
  /** Module that has the target, beside this one. */
  readonly module: string;
  readonly seed: string;
  readonly from: number;
  readonly to: number;
  readonly progressFile: string;
  readonly resultFile: string;
}

export interface JobResult {
  readonly accepted: number;
  readonly refused: number;
  /** DuckDB gave up on an input with an internal error, which Lakebook told as ENGINE_FAILURE. */
  readonly engineFailures: number;
  readonly slowestMs: number;
  /** Number of the input that took longest. */
  readonly slowest: number;
}

export interface Finding {
  readonly target: string;
  readonly index: number;
  readonly message: string;
  /** Where in src it was thrown; '' when that isn't known. */
  readonly place: string;
  readonly stack: string;
  /** Absent for a process that ended: `index` and the seed make it again. */
  readonly input?: { readonly text: string } | { readonly base64: string };
}

export interface TargetReport extends JobResult {
  readonly target: string;
  readonly inputs: number;
  readonly seconds: number;
  /** One for each kind: later ones of the same place and message are counted. */
  readonly findings: readonly (Finding & { readonly times: number })[];
}

export interface FuzzOptions {
  readonly seed: string;
  readonly inputs: number;
  /** How long one input may compute; and, where it waits or the machine is busy, twenty times as long. */
  readonly limitMs: number;
  /** How much the JavaScript of a process may hold, in MB. */
  readonly memoryMb: number;
  /** Module that has the target; the list of all targets when absent. */
  readonly module?: string;
  /** The run of a target ends after this many kinds of findings. */
  readonly maxFindings?: number;
}

/**
 * Runs a target's inputs in child processes. When one hangs or ends, the input is a finding, and the next process
 * goes on behind it.
 */
export async function fuzz(target: string, options: FuzzOptions): Promise<TargetReport> {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-fuzz-run-'));
  const start = performance.now();
  const found = new Map<string, Finding & { times: number }>();
  const total = { accepted: 0, refused: 0, engineFailures: 0, slowestMs: 0, slowest: 0 };
  let next = 0;
  try {
    for (let run = 0; next < options.inputs && found.size < (options.maxFindings ?? 20); run++) {
      const job: Job = {
        target,
        module: options.module ?? './targets/index.ts',
        seed: options.seed,
        from: next,
        to: options.inputs,
        progressFile: path.join(folder, `progress${run}`),
        resultFile: path.join(folder, `result${run}`),
      };
      const ended = await runJob(job, options);
      let isWhole = false;
      for (const line of linesOf(job.resultFile)) {
        const { kind, ...rest } = JSON.parse(line) as { kind: string };
        if (kind === 'finding') note(found, { target, ...(rest as Omit<Finding, 'target'>) });
        else {
          isWhole = true;
          const result = rest as unknown as JobResult;
          total.accepted += result.accepted;
          total.refused += result.refused;
          total.engineFailures += result.engineFailures;
          if (result.slowestMs > total.slowestMs) {
            total.slowestMs = result.slowestMs;
            total.slowest = result.slowest;
          }
        }
      }
      if (isWhole) break;
      const at = progressOf(job.progressFile);
      if (at === undefined) throw new Error(`The target ${target} can't be opened: ${ended}`);
      note(found, { target, index: at, message: ended, place: '', stack: '' });
      next = at + 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    target,
    ...total,
    inputs: options.inputs,
    seconds: (performance.now() - start) / 1000,
    findings: [...found.values()],
  };
}

function note(found: Map<string, Finding & { times: number }>, finding: Finding): void {
  const key = `${finding.place} ${finding.message.replace(/\d+|"[^"]*"/g, '').slice(0, 60)}`;
  const known = found.get(key);
  if (known === undefined) found.set(key, { ...finding, times: 1 });
  else known.times++;
}

/** @returns how the process ended */
async function runJob(job: Job, options: FuzzOptions): Promise<string> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      `--max-old-space-size=${options.memoryMb}`,
      path.join(import.meta.dirname, 'child.ts'),
      JSON.stringify(job),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', chunk => {
    errors = `${errors}${chunk}`.slice(-3000);
  });
  let ended: string | undefined;
  const exit = new Promise<void>(resolve => {
    child.once('close', (code, signal) => {
      ended ??= `the process ended with ${signal ?? code}: ${errors.trim().slice(0, 1500)}`;
      resolve();
    });
  });
  let last: number | undefined;
  let since = performance.now();
  let computed = computedMs(child.pid);
  while (ended === undefined) {
    await Promise.race([exit, sleep(500, undefined, { ref: false })]);
    const now = progressOf(job.progressFile);
    const waited = performance.now() - since;
    const spent = computedMs(child.pid) - computed;
    if (now !== last) {
      last = now;
      since = performance.now();
      computed = computedMs(child.pid);
    } else if (ended === undefined && (spent > options.limitMs || waited > options.limitMs * 20)) {
      ended = `no end after ${Math.round(spent / 1000)} s of work and ${Math.round(waited / 1000)} s`;
      child.kill('SIGKILL');
      await exit;
    }
  }
  return ended;
}

/** Milliseconds that a process has computed; 0 where the system doesn't tell, so that time alone counts. */
function computedMs(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name in parentheses: state, then numbers; the 12th and 13th are ticks of 10 ms, own and the system's.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

function progressOf(file: string): number | undefined {
  try {
    const bytes = readFileSync(file);
    return bytes.length === 8 ? bytes.readDoubleLE() : undefined;
  } catch {
    return undefined;
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => line !== '');
  } catch {
    return [];
  }
}
