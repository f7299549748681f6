import { quoteString } from '../engine/quote.ts';
import type { Span } from '../engine/sql/sql-text.ts';
import type { Token } from '../engine/sql/tokenizer.ts';
import {
  type AssistContext,
  definedNames,
  tableMentions,
  tokensWhileTyping,
  unquoted,
} from './assist-context.ts';
import { completePath } from './complete-files.ts';
import {
  columnsOfTable,
  metadataTableItems,
  tableItems,
  tableItemsOf,
  versionItems,
} from './complete-items.ts';
import type { CompleteReply, CompletionItem } from './protocol.ts';
import { sideRows } from './results/side-query.ts';

const tableWords = new Set([
  'FROM',
  'JOIN',
  'INTO',
  'UPDATE',
  'TABLE',
  'DESCRIBE',
  'SUMMARIZE',
  'TRUNCATE',
  'USING',
]);

export async function completeSql(
  context: AssistContext,
  source: string,
  within: Span,
  offset: number,
): Promise<CompleteReply> {
  const start = statementStart(source, within, offset);
  const before = source.slice(start, offset);
  const { tokens, open, inComment } = tokensWhileTyping(before);
  if (inComment) return { start: offset, end: offset, items: [] };
  if (open?.quote === "'") {
    const from = start + open.start + 1;
    return completeString(context, tokens, source, from, offset);
  }
  const word = open === undefined ? /[\p{L}\p{N}_$]*$/u.exec(before)![0] : before.slice(open.start);
  const wordStart = offset - word.length;
  const previous = tokens.filter(token => start + token.end <= wordStart);
  const end = offset + /^[\p{L}\p{N}_]*/u.exec(source.slice(offset))![0].length;
  const reply = (items: CompletionItem[]): CompleteReply => ({ start: wordStart, end, items });

  if (word.startsWith('$')) {
    return reply(
      Object.keys(context.parameters).map(name => ({
        label: `$${name}`,
        kind: 'value',
        detail: 'parameter',
      })),
    );
  }
  const dollar = word.indexOf('$');
  if (dollar > 0) return reply(metadataTableItems(word.slice(0, dollar)));

  const whole = tokensWhileTyping(source.slice(start, statementEnd(source, within, offset))).tokens;
  const mentions = tableMentions(whole);
  const last = previous.at(-1);
  if (last?.text === '.')
    return reply(await afterDot(context, mentions, previous, sourceTables(last, tokens)));
  if (followsVersionArrow(previous)) {
    const table = mentions.findLast(mention => start + mention.start < offset);
    const details = table === undefined ? undefined : await context.explorer.knownTable(table.name);
    return reply(details === undefined ? [] : versionItems(details, 'sql'));
  }
  if (last?.type === 'word' && tableWords.has(last.value)) {
    const defined = [...definedNames(whole)].map(
      (label): CompletionItem => ({ label, kind: 'table', detail: 'in this query' }),
    );
    return reply([
      ...defined,
      ...(await tableItems(context)),
      ...(await sqlWords(context, before, ['table', 'table_function'])),
    ]);
  }
  const columns: CompletionItem[] = [];
  for (const mention of mentions) {
    columns.push(...(await columnsOfTable(context, mention.name)));
    if (mention.alias !== undefined)
      columns.push({ label: mention.alias, kind: 'table', detail: mention.name });
  }
  return reply([
    ...columns,
    ...(await sqlWords(context, before, ['keyword', 'scalar_function', 'aggregate_function', 'type'])),
  ]);
}

/** Where the tables of a list after a dot could come from: only behind FROM and the like. */
function sourceTables(dot: Token, tokens: readonly Token[]): boolean {
  const at = tokens.indexOf(dot);
  const before = tokens[at - 2];
  return before !== undefined && before.type === 'word' && tableWords.has(before.value);
}

async function afterDot(
  context: AssistContext,
  mentions: ReturnType<typeof tableMentions>,
  previous: readonly Token[],
  afterTableWord: boolean,
): Promise<CompletionItem[]> {
  const qualifier = previous.at(-2);
  if (qualifier === undefined) return [];
  const name = unquoted(qualifier.text);
  if (afterTableWord) return tableItemsOf(context, name);
  const same = (text: string) => text.toLowerCase() === name.toLowerCase();
  const mention = mentions.find(
    candidate =>
      (candidate.alias !== undefined && same(candidate.alias)) ||
      same(unquoted(candidate.name.split('.').at(-1)!)),
  );
  const columns = mention === undefined ? [] : await columnsOfTable(context, mention.name);
  if (columns.length > 0) return columns;
  // A struct's fields.
  for (const each of mentions) {
    const details = await context.explorer.knownTable(each.name);
    const column = details?.columns.find(candidate => same(candidate.name));
    if (column !== undefined && column.children.length > 0) {
      return column.children.map(child => ({
        label: child.name.split('.').at(-1)!,
        kind: 'column',
        detail: child.type,
      }));
    }
  }
  return tableItemsOf(context, name);
}

function followsVersionArrow(previous: readonly Token[]): boolean {
  const [word, arrow] = previous.slice(-2);
  return arrow?.text === '=>' && word?.type === 'word' && word.value === 'VERSION';
}

/** In a string: versions after `VERSION =>`, else paths of files. */
async function completeString(
  context: AssistContext,
  tokens: readonly Token[],
  source: string,
  from: number,
  offset: number,
): Promise<CompleteReply> {
  if (followsVersionArrow(tokens)) {
    const table = tableMentions(tokens).at(-1);
    const details = table === undefined ? undefined : await context.explorer.knownTable(table.name);
    const items = (details?.refs ?? []).map(
      (ref): CompletionItem => ({
        label: ref.name,
        kind: 'reference',
        detail: ref.type,
      }),
    );
    return { start: from, end: offset, items };
  }
  const last = tokens.at(-1);
  const isSource =
    last?.text === '(' ||
    last?.text === '[' ||
    last?.text === ',' ||
    (last?.type === 'word' && ['FROM', 'JOIN', 'COPY', 'TO'].includes(last.value));
  const typed = source.slice(from, offset);
  const items = isSource ? await completePath(context.session.workingDirectory, typed) : [];
  return { start: from + typed.lastIndexOf('/') + 1, end: offset, items };
}

/** What DuckDB's own completion proposes; it knows the grammar, its functions and its own tables. */
async function sqlWords(
  context: AssistContext,
  before: string,
  types: readonly string[],
): Promise<CompletionItem[]> {
  const rows = await sideRows(
    context.session,
    `SELECT trim(suggestion) AS suggestion, suggestion_type FROM sql_auto_complete(${quoteString(before)})
WHERE suggestion_type IN (${types.map(quoteString).join(', ')}) AND suggestion NOT LIKE 'lakebook%' AND regexp_matches(suggestion, '^\\w')`,
  ).catch(() => []);
  return rows.map(({ suggestion, suggestion_type: type }) => ({
    label: String(suggestion),
    kind: type === 'keyword' ? 'keyword' : type === 'table' ? 'table' : type === 'type' ? 'type' : 'function',
  }));
}

function statementStart(source: string, within: Span, offset: number): number {
  const { tokens } = tokensWhileTyping(source.slice(within.start, offset));
  const semicolon = tokens.findLast(token => token.type === 'punctuation' && token.text === ';');
  return within.start + (semicolon?.end ?? 0);
}

function statementEnd(source: string, within: Span, offset: number): number {
  const { tokens } = tokensWhileTyping(source.slice(within.start, within.end));
  const semicolon = tokens.find(
    token => token.type === 'punctuation' && token.text === ';' && within.start + token.start >= offset,
  );
  return semicolon === undefined ? within.end : within.start + semicolon.start;
}
