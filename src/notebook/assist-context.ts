import type { EngineSession } from '../engine/session.ts';
import { scan, type Token } from '../engine/sql/tokenizer.ts';
import type { Explorer } from './explorer.ts';
import type { Parameters } from './parameters.ts';
import type { ResultRegistry } from './results/registry.ts';

/** What completion, hover and diagnostics look at. */
export interface AssistContext {
  readonly session: EngineSession;
  readonly explorer: Explorer;
  readonly results: ResultRegistry;
  readonly parameters: Parameters;
}

/** A string or quoted name that begins before an offset and isn't closed there. */
export interface OpenString {
  readonly quote: string;
  /** Of the quote. */
  readonly start: number;
}

/**
 * Tokens of a text that somebody is still typing: what is in an open string or comment is left out.
 */
export function tokensWhileTyping(text: string): { tokens: Token[]; open?: OpenString; inComment: boolean } {
  let at = 0;
  let open: OpenString | undefined;
  let inComment = false;
  while (at < text.length) {
    const character = text[at]!;
    if (character === "'" || character === '"') {
      let end = at + 1;
      while (end < text.length && (text[end] !== character || text[end + 1] === character)) {
        end += text[end] === character ? 2 : 1;
      }
      if (end >= text.length) {
        open = { quote: character, start: at };
        break;
      }
      at = end + 1;
    } else if (text.startsWith('--', at)) {
      const newline = text.indexOf('\n', at);
      inComment = newline < 0;
      if (inComment) break;
      at = newline;
    } else if (text.startsWith('/*', at)) {
      const close = text.indexOf('*/', at);
      inComment = close < 0;
      if (inComment) break;
      at = close + 2;
    } else at++;
  }
  const whole = open !== undefined || inComment ? text.slice(0, at) : text;
  return { tokens: scan(whole).tokens, open, inComment };
}

/** A table that a SQL text names, with its alias. */
export interface TableMention {
  /** As written. */
  readonly name: string;
  readonly alias?: string;
  readonly start: number;
  /** End of the name. */
  readonly nameEnd: number;
  /** End of the name with its alias and AT clause. */
  readonly end: number;
}

const beforeTable = new Set([
  'FROM',
  'JOIN',
  'INTO',
  'UPDATE',
  'TABLE',
  'USING',
  'DESCRIBE',
  'SUMMARIZE',
  'TRUNCATE',
]);
const notAlias = new Set(
  'ON USING WHERE GROUP ORDER LIMIT JOIN INNER LEFT RIGHT FULL CROSS NATURAL ASOF SEMI ANTI POSITIONAL SET VALUES SELECT UNION EXCEPT INTERSECT HAVING QUALIFY WINDOW AT WHEN TABLESAMPLE PIVOT UNPIVOT RETURNING ADD DROP RENAME ALTER WITH LATERAL SAMPLE OFFSET'.split(
    ' ',
  ),
);

/** The tables named behind FROM, JOIN, INTO and the like; good enough for help while typing, also in broken SQL. */
export function tableMentions(tokens: readonly Token[]): TableMention[] {
  const found: TableMention[] = [];
  /** Indexes of the parentheses that are open. */
  const open: number[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token.text === '(') open.push(index);
    else if (token.text === ')') open.pop();
    const starts =
      (token.type === 'word' && beforeTable.has(token.value)) ||
      (token.text === ',' && found.length > 0 && found.at(-1)!.end === tokens[index - 1]?.end);
    if (!starts || isOtherFrom(tokens, index, open.at(-1))) continue;
    let at = index + 1;
    while (
      tokens[at]?.type === 'word' &&
      ['IF', 'NOT', 'EXISTS', 'TABLE', 'ONLY'].includes(tokens[at]!.value)
    )
      at++;
    const first = tokens[at];
    if (first === undefined || (first.type !== 'word' && first.type !== 'quoted')) continue;
    if (first.type === 'word' && notAlias.has(first.value)) continue;
    let end = at + 1;
    while (tokens[end]?.text === '.' && tokens[end + 1] !== undefined) end += 2;
    if (tokens[end]?.text === '(') continue;
    const name = tokens
      .slice(at, end)
      .map(part => part.text)
      .join('');
    const nameEnd = tokens[end - 1]!.end;
    let next = end;
    next = Math.min(atClauseEnd(tokens, next) ?? next, tokens.length);
    if (tokens[next]?.type === 'word' && tokens[next]!.value === 'AS') next++;
    const alias = tokens[next];
    const isAlias = alias?.type === 'quoted' || (alias?.type === 'word' && !notAlias.has(alias.value));
    const hasAlias = isAlias && tokens[next + 1]?.text !== '(' && tokens[next + 1]?.text !== '.';
    // A list of tables goes on behind the alias.
    const whole = hasAlias ? alias.end : tokens[next - 1]!.end;
    found.push({
      name,
      ...(hasAlias ? { alias: unquoted(alias.text) } : {}),
      start: first.start,
      nameEnd,
      end: whole,
    });
  }
  return found;
}

const functionsWithFrom = new Set(['EXTRACT', 'TRIM', 'SUBSTRING', 'OVERLAY']);

/** `extract(year FROM d)` and `IS DISTINCT FROM x` name no table. `open` is the parenthesis that it stands in. */
function isOtherFrom(tokens: readonly Token[], index: number, open: number | undefined): boolean {
  if (tokens[index - 1]?.value === 'DISTINCT' && tokens[index - 2]?.value !== 'SELECT') return true;
  return open !== undefined && functionsWithFrom.has(tokens[open - 1]?.value ?? '');
}

/** Index of the token behind `AT (...)` at `index`; undefined when there is none. */
function atClauseEnd(tokens: readonly Token[], index: number): number | undefined {
  if (tokens[index]?.type !== 'word' || tokens[index]!.value !== 'AT' || tokens[index + 1]?.text !== '(') {
    return undefined;
  }
  let depth = 0;
  for (let at = index + 1; at < tokens.length; at++) {
    if (tokens[at]!.text === '(') depth++;
    else if (tokens[at]!.text === ')' && --depth === 0) return at + 1;
  }
  return tokens.length;
}

/** SQL with its `AT (...)` clauses blanked out, which DuckDB's own parser takes only behind an alias. */
export function withoutAtClauses(sql: string, tokens: readonly Token[]): string {
  let text = '';
  let at = 0;
  for (let index = 0; index < tokens.length; index++) {
    const end = atClauseEnd(tokens, index);
    if (end === undefined) continue;
    const { start } = tokens[index]!;
    const stop = tokens[end - 1]!.end;
    text += sql.slice(at, start) + sql.slice(start, stop).replace(/[^\n]/g, ' ');
    at = stop;
    index = end - 1;
  }
  return text + sql.slice(at);
}

/** Names of the common table expressions that a text defines. */
export function definedNames(tokens: readonly Token[]): ReadonlySet<string> {
  const names = new Set<string>();
  tokens.forEach((token, index) => {
    if (token.type !== 'word' && token.type !== 'quoted') return;
    let next = index + 1;
    if (tokens[next]?.text === '(') {
      const close = tokens.findIndex((candidate, at) => at > next && candidate.text === ')');
      next = close < 0 ? next : close + 1;
    }
    const isDefinition =
      tokens[next]?.value === 'AS' && ['(', 'MATERIALIZED', 'NOT'].includes(tokens[next + 1]?.value ?? '');
    if (isDefinition) names.add(unquoted(token.text).toLowerCase());
  });
  return names;
}

export function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
