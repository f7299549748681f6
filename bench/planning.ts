// Planning a scan of a table with many manifests: by partition, by metrics and in full, beside PyIceberg on the same
// table where it is installed. Each plan is made in a process of its own, cold and once more. Prints Markdown;
// writes results/planning.json.
// usage: node bench/planning.ts [--manifests N] [--files N] [--no-peer]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { formatTimestamp } from '../src/iceberg/datetime.ts';
import { type PlanningScan, planningScans } from './planning-scans.ts';

const { values } = parseArgs({
  options: {
    manifests: { type: 'string', default: '1000' },
    files: { type: 'string', default: '100' },
    peer: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const python = path.join(
  process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache/lakebook-ci'),
  'venv/bin/python',
);
const here = import.meta.dirname;
const work = mkdtempSync(path.join(tmpdir(), 'lakebook-planning-'));

interface Measured {
  readonly seconds: number;
  /** Seconds of all threads, which other programs on the machine disturb less. */
  readonly cpu: number;
  /** The same plan a second time in the process. */
  readonly again: number;
  readonly files: number;
  readonly peakMiB: number;
}

function run(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status !== 0) {
    const reason = result.error?.message ?? result.signal ?? result.stderr;
    throw new Error(`${args.join(' ')} failed: ${reason}`);
  }
  return result.stdout.trim().split('\n').at(-1)!;
}

function rowFilter({ id, from, to }: PlanningScan): string {
  const parts = [
    ...(id === undefined ? [] : [`id == ${id}`]),
    ...(from === undefined ? [] : [`sold_at >= '${formatTimestamp(from, 6, 'full')}'`]),
    ...(to === undefined ? [] : [`sold_at < '${formatTimestamp(to, 6, 'full')}'`]),
  ];
  return parts.length === 0 ? 'true' : parts.join(' and ');
}

try {
  const size = [values.manifests, values.files];
  const address = run(process.execPath, [path.join(here, 'planning-table.ts'), work, ...size]);
  const peerIsThere = values.peer && existsSync(python);
  const results: Record<string, { ours: Measured; peer?: Measured }> = {};
  for (const [name, scan] of Object.entries(planningScans(Number(size[0]), Number(size[1])))) {
    const ours: Measured = JSON.parse(
      run(process.execPath, [path.join(here, 'planning-ours.ts'), address, name, ...size]),
    );
    const args = [path.join(here, 'planning-peer.py'), address, rowFilter(scan)];
    const peer: Measured | undefined = peerIsThere ? JSON.parse(run(python, args)) : undefined;
    if (peer !== undefined && peer.files !== ours.files) {
      throw new Error(`${name}: ${ours.files} files planned here and ${peer.files} by PyIceberg`);
    }
    results[name] = { ours, ...(peer && { peer }) };
    console.error(name, JSON.stringify(results[name]));
  }
  const cells = ({ ours, peer }: { ours: Measured; peer?: Measured }) => [
    ours.files.toLocaleString('en'),
    ours.seconds.toFixed(3),
    ours.cpu.toFixed(3),
    ours.again.toFixed(3),
    ours.peakMiB.toFixed(0),
    ...(peer === undefined
      ? []
      : [
          peer.seconds.toFixed(3),
          peer.cpu.toFixed(3),
          peer.again.toFixed(3),
          peer.peakMiB.toFixed(0),
          (peer.seconds / ours.seconds).toFixed(1),
          (peer.cpu / ours.cpu).toFixed(1),
          (peer.again / ours.again).toFixed(1),
        ]),
  ];
  const titles = ['files', 'Lakebook s', 'CPU s', 'again s', 'MiB'];
  if (peerIsThere) titles.push('PyIceberg s', 'CPU s', 'again s', 'MiB', 'times faster', 'CPU', 'again');
  console.log(
    [
      `${size[0]} manifests of ${size[1]} files; ${cpus().length} cores (${cpus()[0]!.model}); Node ${process.version}.`,
      '',
      `| scan | ${titles.join(' | ')} |`,
      `|---|${'---:|'.repeat(titles.length)}`,
      ...Object.entries(results).map(([name, result]) => `| ${name} | ${cells(result).join(' | ')} |`),
    ].join('\n'),
  );
  mkdirSync(path.join(here, 'results'), { recursive: true });
  const report = { manifests: Number(size[0]), files: Number(size[1]), results };
  writeFileSync(path.join(here, 'results/planning.json'), `${JSON.stringify(report, null, 1)}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
