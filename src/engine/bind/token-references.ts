import type { QueryTokens, WrittenName } from './names.ts';
import { isName, tableWords } from './names.ts';

const leading = new Set<string>(['JOIN', ...tableWords]);

/**
 * Names that stand where a table's may, for statements that have no syntax tree. Names of common table expressions
 * are left out, wherever in the statement they are.
 */
export function tableNames(tokens: QueryTokens): WrittenName[] {
  const { list } = tokens;
  const ctes = new Set<string>();
  const names: WrittenName[] = [];
  for (const [index, token] of list.entries()) {
    if (token.type !== 'word') continue;
    if (token.value === 'AS' && isCte(tokens, index)) ctes.add(cteName(tokens, index)!.toLowerCase());
    if (!leading.has(token.value) || list[index - 1]?.text === '.') continue;
    let next = index + 1;
    for (;;) {
      const name = tokens.nameFrom(next);
      if (name === undefined) break;
      const after = name.token + name.tokens;
      // A table function isn't a table.
      if (list[after]?.text !== '(') names.push(name);
      const comma = endOfReference(tokens, after);
      if (list[comma]?.text !== ',' || token.value !== 'FROM') break;
      next = comma + 1;
    }
  }
  return names.filter(name => name.parts.length > 1 || !ctes.has(name.parts[0]!.toLowerCase()));
}

/** Behind `[AS] alias`. */
function endOfReference({ list }: QueryTokens, from: number): number {
  let at = from;
  if (list[at]?.value === 'AS') at++;
  return isName(list[at]) && list[at + 1]?.text === ',' ? at + 1 : at;
}

/** `name [(columns)] AS [NOT] [MATERIALIZED] (`. */
function isCte(tokens: QueryTokens, as: number): boolean {
  let next = as + 1;
  while (['NOT', 'MATERIALIZED'].includes(tokens.list[next]?.value ?? '')) next++;
  return tokens.list[next]?.text === '(' && cteName(tokens, as) !== undefined;
}

function cteName({ list }: QueryTokens, as: number): string | undefined {
  let at = as - 1;
  if (list[at]?.text === ')') {
    while (at >= 0 && list[at]?.text !== '(') at--;
    at--;
  }
  const before = list[at - 1];
  const begins = before?.text === ',' || before?.value === 'WITH' || before?.value === 'RECURSIVE';
  if (!begins || !isName(list[at])) return undefined;
  const token = list[at]!;
  return token.type === 'word' ? token.text : token.value;
}

/** DuckDB's grammar has names of three parts: longer ones behind FROM and JOIN become one word of their length. */
export function foldLongNames(text: string, tokens: QueryTokens): string {
  let folded = text;
  for (const { start, end, parts } of tableNames(tokens)) {
    if (parts.length > 3) folded = folded.slice(0, start) + '_'.repeat(end - start) + folded.slice(end);
  }
  return folded;
}
