import { quoteIdentifier } from '../quote.ts';
import type { Patch, SqlText } from '../sql/sql-text.ts';
import { nameOf, tokenize } from '../sql/tokenizer.ts';

/** Words behind which a name is a table's, not a column's. */
const tableWords = new Set(['FROM', 'JOIN', 'INTO', 'TABLE', 'USING']);

/**
 * The text with columns that are named with the whole name of the target (`ns.t.id`, `t.branch_dev.id`) named by its
 * alias, which is all that the queries of a change know.
 */
export function withAlias(text: SqlText, parts: readonly string[], alias: string): SqlText {
  if (parts.length < 2) return text;
  const wanted = parts.map(part => part.toLowerCase());
  const tokens = tokenize(text.text);
  const patches: Patch[] = [];
  const isName = (index: number, name: string) => {
    const token = tokens[index];
    return (token?.type === 'word' || token?.type === 'quoted') && nameOf(token).toLowerCase() === name;
  };
  for (let index = 0; index < tokens.length; index++) {
    const before = tokens[index - 1];
    if (before?.text === '.' || (before?.type === 'word' && tableWords.has(before.value))) continue;
    const fits = wanted.every(
      (name, part) => isName(index + 2 * part, name) && tokens[index + 2 * part + 1]?.text === '.',
    );
    if (!fits) continue;
    const last = tokens[index + 2 * (wanted.length - 1)]!;
    patches.push({ span: { start: tokens[index]!.start, end: last.end }, by: quoteIdentifier(alias) });
  }
  return patches.length === 0 ? text : text.patch(patches);
}
