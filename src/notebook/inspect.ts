import { quoteString } from '../engine/quote.ts';
import { type AssistContext, tableMentions, tokensWhileTyping, unquoted } from './assist-context.ts';
import { languageAt } from './cell.ts';
import { findVerb } from './lake-language/grammar.ts';
import { verbMarkdown } from './lake-language/help.ts';
import { blankComments } from './lake-language/lexer.ts';
import type { CellLanguage } from './lakebook-file.ts';
import type { ColumnDetails, InspectReply, TableDetails } from './protocol.ts';
import { sideRows } from './results/side-query.ts';

/** Columns a hover shows at most. */
const maxColumns = 40;

/** What the name at an offset of a cell is, as Markdown; null when there is nothing to say. */
export async function inspect(
  context: AssistContext,
  source: string,
  language: CellLanguage,
  offset: number,
): Promise<InspectReply | null> {
  const range = languageAt(source, language, offset);
  const text =
    range.language === 'lake'
      ? blankComments(source).text.replace(/^([ \t]*)%%?lake\b/gim, found => ' '.repeat(found.length))
      : source;
  const { tokens } = tokensWhileTyping(text);
  const index = tokens.findIndex(
    token =>
      token.start <= offset && offset <= token.end && (token.type === 'word' || token.type === 'quoted'),
  );
  const token = tokens[index];
  if (token === undefined) return null;
  const reply = (markdown: string): InspectReply => ({ start: token.start, end: token.end, markdown });
  const name = unquoted(token.text);

  if (range.language === 'lake') {
    const isFirst = text.slice(text.lastIndexOf('\n', token.start - 1) + 1, token.start).trim() === '';
    const verb = isFirst ? findVerb(name) : undefined;
    if (verb !== undefined) return reply(verbMarkdown(verb));
  }
  const mentions = tableMentions(tokens);
  const table = await context.explorer.knownTable(qualified(tokens, index));
  if (table !== undefined) return reply(tableMarkdown(table));
  const candidates =
    range.language === 'lake'
      ? tokens.filter(each => each.type === 'word').map(each => each.text)
      : mentions
          .filter(mention => mention.alias === undefined || mention.alias !== name)
          .map(mention => mention.name);
  const alias = mentions.find(mention => mention.alias === name);
  if (alias !== undefined) {
    const aliased = await context.explorer.knownTable(alias.name);
    if (aliased !== undefined) return reply(tableMarkdown(aliased));
  }
  for (const candidate of new Set(candidates)) {
    const details = await context.explorer.knownTable(candidate);
    const column = details?.columns.find(each => each.name.toLowerCase() === name.toLowerCase());
    if (column !== undefined) return reply(columnMarkdown(column, details!));
  }
  return functionMarkdown(context, name).then(markdown => (markdown === undefined ? null : reply(markdown)));
}

/** The dotted name that the token at `index` ends. */
function qualified(tokens: readonly { text: string }[], index: number): string {
  let start = index;
  while (tokens[start - 1]?.text === '.' && start >= 2) start -= 2;
  return tokens
    .slice(start, index + 1)
    .map(token => token.text)
    .join('')
    .replace(/\$\w+$/, '');
}

/** A table with its columns and last snapshot. */
export function tableMarkdown(table: TableDetails): string {
  const rows = table.columns.slice(0, maxColumns).map(column => {
    const notes = [column.required ? 'not null' : '', column.isKey ? 'key' : ''].filter(note => note !== '');
    return `| ${escapeMarkdown(column.name)} | ${escapeMarkdown(column.type)} | ${notes.join(', ')} |`;
  });
  if (table.columns.length > maxColumns) rows.push(`| ... | ${table.columns.length - maxColumns} more | |`);
  const current = table.snapshots.find(snapshot => snapshot.isCurrent);
  const facts = [
    table.rows === undefined
      ? undefined
      : `${table.rows.toLocaleString('en')} rows in ${table.files ?? '?'} files`,
    table.partitionedBy.length > 0 ? `partitioned by ${table.partitionedBy.join(', ')}` : undefined,
    current === undefined
      ? 'no snapshot yet'
      : `last ${current.operation} ${new Date(current.timestampMs).toISOString().replace('T', ' ').slice(0, 19)} UTC (snapshot ${current.id})`,
  ].filter(fact => fact !== undefined);
  return [
    `**${escapeMarkdown(table.name)}**: Iceberg table, format ${table.formatVersion}`,
    facts.map(fact => `- ${escapeMarkdown(fact)}`).join('\n'),
    ['| column | type | |', '|---|---|---|', ...rows].join('\n'),
  ].join('\n\n');
}

function columnMarkdown(column: ColumnDetails, table: TableDetails): string {
  const notes = [column.required ? 'not null' : '', column.isKey ? 'key' : ''].filter(note => note !== '');
  return [
    `**${escapeMarkdown(column.name)}** \`${column.type}\` ${notes.join(', ')}`.trimEnd(),
    `column of ${escapeMarkdown(table.name)}, field id ${column.id}`,
    ...(column.comment === undefined ? [] : [escapeMarkdown(column.comment)]),
  ].join('\n\n');
}

async function functionMarkdown(context: AssistContext, name: string): Promise<string | undefined> {
  const rows = await sideRows(
    context.session,
    `SELECT DISTINCT function_name || '(' || array_to_string(parameters, ', ') || ')' AS usage, return_type, description
FROM duckdb_functions() WHERE function_name = ${quoteString(name.toLowerCase())} AND regexp_matches(function_name, '^\\w+$') ORDER BY ALL LIMIT 4`,
  ).catch(() => []);
  if (rows.length === 0) return undefined;
  const usages = rows.map(row => `${row.usage}${row.return_type ? ` -> ${row.return_type}` : ''}`);
  const description = rows.find(row => typeof row.description === 'string')?.description;
  return `\`\`\`\n${usages.join('\n')}\n\`\`\`${description === undefined ? '' : `\n\n${escapeMarkdown(String(description))}`}`;
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]<>#|]/g, '\\$&');
}
