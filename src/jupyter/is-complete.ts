import { tokenize } from '../engine/sql/tokenizer.ts';
import { LakebookError } from '../iceberg/errors.ts';
import { isMagicLine } from '../notebook/lake-language/statements.ts';
import { cellKind } from './cell-kind.ts';

export type Completeness = 'complete' | 'incomplete';

/**
 * Whether a console may run what was typed, or waits for more lines. SQL ends with a semicolon, a line of the lake
 * language with its line; both, and everything else, with an empty line.
 */
export function completeness(source: string): Completeness {
  if (source.trim() === '' || /\n[ \t]*$/.test(source)) return 'complete';
  const lines = source.trimEnd().split('\n');
  if (/^\s*%%lake\b/i.test(lines[0]!)) return 'incomplete';
  const isLake = lines.every(isMagicLine) || cellKind(source, {}).language === 'lake';
  if (isLake) return /[,(|]\s*$/.test(source) ? 'incomplete' : 'complete';
  try {
    const last = tokenize(source).at(-1);
    return last === undefined || last.text === ';' ? 'complete' : 'incomplete';
  } catch (error) {
    // A text or comment that isn't closed yet.
    if (error instanceof LakebookError) return 'incomplete';
    throw error;
  }
}
