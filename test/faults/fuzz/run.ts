import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz, type TargetReport } from './job.ts';
import { Random } from './random.ts';
import { judge } from './target.ts';
import { targetNamed, targets } from './targets/index.ts';

/*
 * `npm run fuzz`: a long run over all targets, or one of them, with a report in .artifacts/fuzz.
 *   -- --inputs 1000000 --seed 7 --target manifest --jobs 2
 *   -- --target manifest --seed 7 --show 1234    runs one input in this process and tells what came of it
 */

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string', multiple: true },
    show: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    limit: { type: 'string', default: '60' },
  },
});

const chosen = values.target?.map(targetNamed) ?? targets;
if (values.show !== undefined) await show(Number(values.show));
else await runAll();

async function show(index: number): Promise<void> {
  const [target] = chosen;
  const opened = await target!.open();
  const input = opened.input(new Random(`${values.seed} ${target!.name} ${index}`));
  console.log(typeof input === 'string' ? JSON.stringify(input) : Buffer.from(input).toString('base64'));
  console.log(await judge(opened, input));
  await opened.close?.();
}

async function runAll(): Promise<void> {
  const shares = chosen.reduce((sum, target) => sum + target.share, 0);
  const waiting = [...chosen];
  const reports: TargetReport[] = [];
  const work = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const report = await fuzz(target.name, {
        seed: values.seed,
        inputs: Math.ceil((Number(values.inputs) * target.share) / shares),
        limitMs: Number(values.limit) * 1000,
        memoryMb: 768,
      });
      reports.push(report);
      console.log(lineOf(report));
      for (const finding of report.findings) {
        console.log(
          `  input ${finding.index} (${finding.times} times) ${finding.place}: ${finding.message.slice(0, 300)}`,
        );
      }
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, work));
  const inputs = reports.reduce((sum, report) => sum + report.inputs, 0);
  const findings = reports.reduce((sum, report) => sum + report.findings.length, 0);
  console.log(`${inputs} inputs over ${reports.length} targets, ${findings} findings`);
  const folder = path.join(import.meta.dirname, '../../../.artifacts/fuzz');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, `seed-${values.seed}.json`),
    JSON.stringify({ seed: values.seed, node: process.version, reports }, undefined, 1),
  );
  process.exitCode = findings === 0 ? 0 : 1;
}

function lineOf(report: TargetReport): string {
  const { target, inputs, accepted, refused, engineFailures, seconds, slowestMs } = report;
  const rate = Math.round(inputs / seconds);
  const engine = engineFailures === 0 ? '' : `, ${engineFailures} engine failures`;
  return `${target}: ${inputs} inputs in ${seconds.toFixed(0)} s (${rate}/s), ${accepted} accepted, ${refused} refused${engine}, slowest ${slowestMs.toFixed(0)} ms, ${report.findings.length} findings`;
}
