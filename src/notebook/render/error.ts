import type { ErrorInfo } from '../protocol.ts';
import { visible } from './text-width.ts';

/** An error for people: what, where with the line and a marker below it, and what to do next. */
export function errorText(error: ErrorInfo, source: string, place?: string): string {
  const lines = [error.message];
  const { position } = error;
  const at = [
    ...(error.file !== undefined ? [error.file] : place !== undefined ? [place] : []),
    ...(position === undefined ? [] : [`line ${position.line}`, `column ${position.column}`]),
  ];
  if (at.length > 0) lines.push(`  at ${at.join(', ')}`);
  if (position !== undefined && error.file === undefined) lines.push(...excerpt(source, position));
  if (error.hint !== undefined) lines.push(`  ${error.hint}`);
  return lines.join('\n');
}

function excerpt(source: string, position: NonNullable<ErrorInfo['position']>): string[] {
  const line = source.split('\n')[position.line - 1];
  if (line === undefined) return [];
  const number = String(position.line);
  const gutter = ' '.repeat(number.length);
  const from = position.column - 1;
  const length = Math.max(1, Math.min(position.length ?? 1, Math.max(1, line.length - from)));
  // Wide characters before the place shift it in a terminal; tabs are drawn as one character each.
  const before = [...visible(line.slice(0, from))].map(() => ' ').join('');
  return [`  ${number} | ${visible(line)}`, `  ${gutter} | ${before}${'^'.repeat(length)}`];
}
