// Lakebook's side of the benchmarks of queries: one session on the lake.
// usage: ours.ts SPEC; prints QueryTimes as JSON.
import { readFileSync } from 'node:fs';
import { openLake } from '../../src/catalog/open-lake.ts';
import { EngineSession } from '../../src/engine/index.ts';
import type { QuerySpec } from './spec.ts';

const spec = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as QuerySpec;
const lake = await openLake(spec.lake);
const session = await EngineSession.open({ lake, workingDirectory: spec.lake, threads: spec.threads });
const seconds: number[][] = [];
const answers: number[] = [];
for (const query of spec.queries) {
  const runs: number[] = [];
  let rows = 0;
  for (let run = 0; run < spec.repeats; run++) {
    const start = performance.now();
    const outcome = (await session.execute(query)).at(-1)!;
    if (outcome.kind !== 'rows') throw new Error(`no rows: ${query}`);
    rows = await outcome.result.finished();
    runs.push((performance.now() - start) / 1000);
    await outcome.result.close();
  }
  seconds.push(runs);
  answers.push(rows);
}
await session.close();
await lake.close();
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
console.log(
  JSON.stringify({
    seconds,
    answers,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    version: `Lakebook ${version}`,
  }),
);
