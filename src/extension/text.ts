import type { Progress } from '../engine/progress.ts';
import { LakebookError } from '../iceberg/errors.ts';
import { t } from './translate.ts';

/** `640 B`, `1.4 MB`; powers of 1000, as file managers count. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** `12 ms`, `3.4 s`, `2 min 5 s`. */
export function durationText(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** What is counted; each in its own text, since languages have their own plurals. */
const counted = {
  row: (count: string, isOne: boolean) => (isOne ? t('{0} row', count) : t('{0} rows', count)),
  file: (count: string, isOne: boolean) => (isOne ? t('{0} file', count) : t('{0} files', count)),
  stage: (count: string, isOne: boolean) => (isOne ? t('{0} stage', count) : t('{0} stages', count)),
  split: (count: string, isOne: boolean) => (isOne ? t('{0} split', count) : t('{0} splits', count)),
} as const;

/** `1,200,000 rows`, `1 file`. */
export function countOf(count: number, what: keyof typeof counted): string {
  return counted[what](count.toLocaleString('en'), count === 1);
}

/** `writing 45 %, 1,200,000 rows, 34.5 MB` */
export function progressText(progress: Progress): string {
  const { phase, fraction, rows, bytes, files, stages, splits } = progress;
  return [
    fraction === undefined ? phase : `${phase} ${Math.round(fraction * 100)} %`,
    ...(rows === undefined ? [] : [countOf(rows, 'row')]),
    ...(bytes === undefined ? [] : [bytesText(bytes)]),
    ...(files === undefined ? [] : [countOf(files, 'file')]),
    ...(stages === undefined ? [] : [`${stages.done}/${countOf(stages.total, 'stage')}`]),
    ...(splits === undefined ? [] : [`${splits.done}/${countOf(splits.total, 'split')}`]),
  ].join(', ');
}

/** A moment as people write it, in their own zone: `2026-01-31 14:05:09`. */
export function momentText(timestampMs: number): string {
  const date = new Date(timestampMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `just now`, `5 min ago`, `3 h ago`, `2 days ago`; the day when it is longer ago. */
export function agoText(timestampMs: number, nowMs: number): string {
  const minutes = Math.floor((nowMs - timestampMs) / 60_000);
  if (minutes < 1) return t('just now');
  if (minutes < 60) return t('{0} min ago', minutes);
  if (minutes < 24 * 60) return t('{0} h ago', Math.floor(minutes / 60));
  const days = Math.floor(minutes / (24 * 60));
  if (days < 30) return days === 1 ? t('1 day ago') : t('{0} days ago', days);
  return momentText(timestampMs).slice(0, 10);
}

/** An error in one paragraph: what happened, where, and what to do next. */
export function withErrorPlace(error: unknown): string {
  if (!(error instanceof LakebookError)) return error instanceof Error ? error.message : String(error);
  const { message, hint, position, file } = error;
  const at = position === undefined ? '' : t('line {0}, column {1}', position.line, position.column);
  const place = file === undefined ? at : `${file}${at === '' ? '' : `, ${at}`}`;
  const what = place === '' ? message : `${message.replace(/\.$/, '')} (${place}).`;
  return hint === undefined ? what : `${what} ${hint}`;
}
