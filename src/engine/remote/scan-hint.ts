import type { ScanStats } from '../../iceberg/scan.ts';
import { type Engines, engineNames } from './engines.ts';

/**
 * What to tell a person whose local query reads much: which engine on other machines could run it. Undefined when it
 * doesn't read that much.
 */
export function scanHint(engines: Engines, scan: ScanStats | undefined): string | undefined {
  if (scan === undefined || scan.bytesScanned <= engines.hintBytes) return undefined;
  const size = `This query reads ${sizeText(scan.bytesScanned)} in ${scan.dataFilesScanned.toLocaleString('en')} files here.`;
  const [kind] = engines.remote;
  if (kind === undefined) {
    return `${size} A condition on a partition column makes it less; with \`engines\` in lakebook.json it could run on Trino or Spark.`;
  }
  const address = engines.settings[kind]!.uri;
  return `${size} \`-- engine: ${kind}\` as the cell's first line runs it on ${engineNames[kind]} at ${address}.`;
}

function sizeText(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toPrecision(3)} MB` : `${Number((bytes / 1e9).toPrecision(3))} GB`;
}
