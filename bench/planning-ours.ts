// Lakebook's side of bench/planning.ts: plans one scan from cold caches, then again.
// usage: planning-ours.ts METADATA_FILE SCAN MANIFESTS FILES; prints {"seconds", "cpu", "again", "files", "peakMiB"}.
import { and, compare, type Expr } from '../src/iceberg/expression.ts';
import { parseTableMetadata } from '../src/iceberg/metadata-json.ts';
import { planScan } from '../src/iceberg/scan.ts';
import { LocalStorage } from '../src/storage/local.ts';
import { planningScans } from './planning-scans.ts';

const [address, scan] = process.argv.slice(2) as [string, string];
const io = new LocalStorage();
const metadata = parseTableMetadata(await io.read(address), address);
const { id, from, to } = planningScans(Number(process.argv[4]), Number(process.argv[5]))[scan]!;
const filter: Expr = and(
  ...(id === undefined ? [] : [compare('eq', 1, id)]),
  ...(from === undefined ? [] : [compare('gt-eq', 2, from)]),
  ...(to === undefined ? [] : [compare('lt', 2, to)]),
);
const time = async () => {
  const start = performance.now();
  const before = process.cpuUsage();
  const plan = await planScan({ metadata, io, filter });
  const { user, system } = process.cpuUsage(before);
  return {
    seconds: (performance.now() - start) / 1000,
    cpu: (user + system) / 1e6,
    files: plan.tasks.length,
  };
};
const { seconds, cpu, files } = await time();
const { seconds: again } = await time();
console.log(JSON.stringify({ seconds, cpu, again, files, peakMiB: process.resourceUsage().maxRSS / 1024 }));
