import { startsSql } from '../notebook/cell.ts';
import { findVerb } from '../notebook/lake-language/grammar.ts';
import { isMagicLine } from '../notebook/lake-language/statements.ts';
import type { CellLanguage } from '../notebook/lakebook-file.ts';

/** What a cell is, as far as the kernel has to know before it runs it. */
export interface CellKind {
  readonly language: CellLanguage;
  readonly tags: readonly string[];
}

/**
 * What a cell is. JupyterLab sends the cell's metadata along, with the language that VS Code wrote and the tags;
 * nbconvert, papermill and the console send the text only, so that has to tell: a cell that begins with a verb of the
 * lake language, and not with SQL, is lake language, and one of nothing but `name = value` lines sets parameters.
 */
export function cellKind(source: string, metadata: Readonly<Record<string, unknown>>): CellKind {
  const tags = Array.isArray(metadata.tags) ? metadata.tags.map(String) : [];
  const isParameters = tags.includes('injected-parameters') || isAssignments(source);
  return {
    language: languageOf(source, metadata),
    tags: isParameters && !tags.includes('parameters') ? [...tags, 'parameters'] : tags,
  };
}

/** SQL's own statements that begin with a verb's word and look like it. */
const sqlToo = /^\s*(describe|desc)\b|^\s*rollback(\s+(work|transaction))?\s*;?\s*$/i;

function languageOf(source: string, { vscode }: Readonly<Record<string, unknown>>): CellLanguage {
  const written = (vscode as { languageId?: unknown } | undefined)?.languageId;
  if (written === 'lake' || written === 'sql') return written;
  const lines = source.split('\n');
  // The cell's own marks say what is what.
  if (lines.some(isMagicLine)) return 'sql';
  const first = lines.find(line => !isBlank(line)) ?? '';
  const words = /^\s*([a-z]+)(?:\s+([a-z]+))?/i.exec(first);
  if (words === null || startsSql(first) || sqlToo.test(first)) return 'sql';
  const [, one, two] = words;
  return (findVerb(one!) ?? findVerb(`${one} ${two}`)) === undefined ? 'sql' : 'lake';
}

function isAssignments(source: string): boolean {
  const lines = source.split('\n').filter(line => !isBlank(line));
  return lines.length > 0 && lines.every(line => /^\s*[A-Za-z_]\w*\s*=(?!=)/.test(line));
}

function isBlank(line: string): boolean {
  return /^\s*((--|#).*)?$/.test(line);
}
