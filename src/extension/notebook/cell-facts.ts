import { bytesText, countOf, durationText } from '../text.ts';
import { t } from '../translate.ts';
import type { OutputFacts } from './convert.ts';

/** What a cell's status bar says of its last run, and in full. */
export interface FactsText {
  readonly text: string;
  readonly tooltip: string;
}

/** `12 rows · 34 ms · 1.2 MB in 3 files · 9 files pruned` of the outputs that have figures; undefined without any. */
export function factsText(outputs: readonly (OutputFacts | undefined)[]): FactsText | undefined {
  const facts = outputs.filter(each => each !== undefined);
  if (facts.length === 0) return undefined;
  const results = facts.filter(each => each.rows !== undefined);
  const rows = results.reduce((sum, each) => sum + each.rows!, 0);
  const isPart = results.some(each => each.truncated || each.complete === false);
  const elapsedMs = facts.reduce((sum, each) => sum + each.elapsedMs, 0);
  const parts: string[] = [];
  const lines: string[] = [];
  if (results.length > 0) {
    const count = countOf(rows, 'row');
    parts.push(isPart ? `${count}+` : count);
    lines.push(isPart ? t('{0} so far; stopped before the end', count) : count);
  }
  parts.push(durationText(elapsedMs));
  lines.push(t('Time in the kernel: {0}', durationText(elapsedMs)));
  const scans = facts.flatMap(each => (each.scan === undefined ? [] : [each.scan]));
  if (scans.length > 0) {
    const total = (field: keyof (typeof scans)[number]) => scans.reduce((sum, scan) => sum + scan[field], 0);
    const scanned = total('dataFilesScanned');
    const files = total('dataFiles');
    parts.push(t('{0} in {1}', bytesText(total('bytesScanned')), countOf(scanned, 'file')));
    lines.push(t('Scanned: {0} of {1}', bytesText(total('bytesScanned')), bytesText(total('bytes'))));
    lines.push(t('Data files: {0} of {1}', scanned, files));
    if (files > scanned) parts.push(t('{0} pruned', countOf(files - scanned, 'file')));
    lines.push(t('Pruned by partitions and statistics: {0}', countOf(files - scanned, 'file')));
  }
  return { text: parts.join(' · '), tooltip: lines.join('\n') };
}
