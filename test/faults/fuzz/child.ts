import { appendFileSync, openSync, writeSync } from 'node:fs';
import type { Job, JobResult } from './job.ts';
import { Random } from './random.ts';
import { type FuzzInput, type FuzzTarget, judge } from './target.ts';

/*
 * Runs a range of a target's inputs in a process of its own, so that a crash, an endless loop or an exhausted memory
 * is seen from outside: the number of the input that runs stands in the progress file.
 */

const job = JSON.parse(process.argv[2]!) as Job;
const { targetNamed } = (await import(job.module)) as { targetNamed(name: string): FuzzTarget };
const target = targetNamed(job.target);
const progress = openSync(job.progressFile, 'w');
const mark = Buffer.alloc(8);

/** Growth of the process's largest memory by one input that makes it a finding. */
const memoryStep = 400 * 1024 * 1024;

const result: { -readonly [K in keyof JobResult]: JobResult[K] } = {
  accepted: 0,
  refused: 0,
  engineFailures: 0,
  slowestMs: 0,
  slowest: job.from,
};
const opened = await target.open();
let peak = process.resourceUsage().maxRSS * 1024;
const failures: unknown[] = [];
process.on('unhandledRejection', error => failures.push(error));
process.on('uncaughtException', error => failures.push(error));
let isDone = false;
process.on('exit', () => {
  // The loop itself failed: what it failed with was taken for the input's.
  if (!isDone) console.error(failures);
});

for (let index = job.from; index < job.to; index++) {
  mark.writeDoubleLE(index);
  writeSync(progress, mark, 0, 8, 0);
  const input = opened.input(new Random(`${job.seed} ${job.target} ${index}`));
  const start = performance.now();
  const verdict = await judge(opened, input);
  const took = performance.now() - start;
  if (took > result.slowestMs) {
    result.slowestMs = took;
    result.slowest = index;
  }
  if (verdict.kind === 'accepted') result.accepted++;
  else if (verdict.kind === 'finding') report(index, input, verdict.error);
  else if (verdict.error.code === 'ENGINE_FAILURE') result.engineFailures++;
  else result.refused++;
  for (const error of failures.splice(0)) report(index, input, error);
  const now = process.resourceUsage().maxRSS * 1024;
  if (now - peak > memoryStep)
    report(index, input, new Error(`memory grew by ${Math.round((now - peak) / 2 ** 20)} MiB`));
  peak = Math.max(peak, now);
}
await opened.close?.();
appendFileSync(job.resultFile, JSON.stringify({ kind: 'result', ...result }) + '\n');
isDone = true;
process.exit(0);

function report(index: number, input: FuzzInput, error: unknown): void {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const place = /\(?(?:file:\/\/)?[^\s(]*\/((?:src|renderers)\/[^\s:)]+:\d+)/.exec(
    stack.split('\n').slice(1).join('\n'),
  )?.[1];
  appendFileSync(
    job.resultFile,
    `${JSON.stringify({
      kind: 'finding',
      index,
      message: message.slice(0, 2000),
      place: place ?? '',
      stack: stack.split('\n').slice(0, 12).join('\n').slice(0, 3000),
      input:
        typeof input === 'string'
          ? { text: input.slice(0, 1 << 20) }
          : { base64: Buffer.from(input).toString('base64') },
    })}\n`,
  );
}
