import { quoteString } from '../engine/quote.ts';
import { type Token, tokenize } from '../engine/sql/tokenizer.ts';
import { didYouMean } from '../iceberg/did-you-mean.ts';
import { LakebookError, type TextPosition } from '../iceberg/errors.ts';
import { dollarNames } from '../iceberg/inspect.ts';
import {
  type AssistContext,
  definedNames,
  tableMentions,
  unquoted,
  withoutAtClauses,
} from './assist-context.ts';
import { type CellPart, parseCell } from './cell.ts';
import type { LakeCall } from './lake-language/grammar.ts';
import { parseStatement } from './lake-language/parser.ts';
import type { CellLanguage } from './lakebook-file.ts';
import { parseParametersCell } from './parameters.ts';
import type { Diagnostic } from './protocol.ts';
import { sideRows } from './results/side-query.ts';

/** What is wrong in a cell as far as it can be told without running it. */
export async function diagnose(
  context: AssistContext,
  source: string,
  language: CellLanguage,
): Promise<Diagnostic[]> {
  try {
    const cell = parseCell(source, language);
    if (cell.isParameters) {
      parseParametersCell(source);
      return [];
    }
    const found: Diagnostic[] = [];
    const engine = cell.engine ?? context.session.engines.current;
    for (const part of cell.parts) {
      // Other engines have words of their own, which are theirs to check.
      if (part.kind === 'sql' && engine !== 'duckdb') continue;
      found.push(
        ...(part.kind === 'lake'
          ? await lakePart(context, source, part)
          : await sqlPart(context, source, part)),
      );
    }
    return found;
  } catch (error) {
    return [fromError(error, source)];
  }
}

type LakePart = Extract<CellPart, { kind: 'lake' }>;
type SqlPart = Extract<CellPart, { kind: 'sql' }>;

/** Verbs whose table may not be there yet. */
const makesTable = new Set<LakeCall['verb']>(['create', 'import']);

async function lakePart(context: AssistContext, source: string, part: LakePart): Promise<Diagnostic[]> {
  try {
    const { call, argumentSpans } = parseStatement(part.statement, source);
    const { request } = call as { request: { table?: string; create?: boolean; ifExists?: boolean } };
    const span = argumentSpans.table;
    if (span === undefined || makesTable.has(call.verb) || request.create || request.ifExists) return [];
    // Without parameters the name stays as written.
    const problem = await unknownTable(context, source.slice(span.start, span.end), new Set());
    return problem === undefined ? [] : [{ ...problem, ...span }];
  } catch (error) {
    return [fromError(error, source)];
  }
}

const statementWords =
  'SELECT WITH FROM VALUES INSERT UPDATE DELETE MERGE CREATE ALTER DROP TRUNCATE EXPLAIN DESCRIBE DESC SHOW SET RESET USE COPY SUMMARIZE PIVOT UNPIVOT ATTACH DETACH CALL PRAGMA BEGIN START COMMIT ROLLBACK ABORT EXPORT IMPORT INSTALL LOAD PREPARE EXECUTE DEALLOCATE CHECKPOINT VACUUM ANALYZE COMMENT TABLE'.split(
    ' ',
  );
const queryWords = new Set(['SELECT', 'WITH', 'FROM', 'VALUES', 'PIVOT', 'UNPIVOT']);

async function sqlPart(context: AssistContext, source: string, part: SqlPart): Promise<Diagnostic[]> {
  const tokens = tokenize(part.sql);
  const first = tokens[0];
  if (first === undefined) return [];
  if (first.type === 'word' && !statementWords.includes(first.value)) {
    const fix = didYouMean(first.text, statementWords);
    return [
      {
        start: first.start,
        end: first.end,
        severity: 'error',
        code: 'SYNTAX',
        message: `${first.text} begins no SQL statement.${fix === undefined ? '' : ` Did you mean ${fix}?`}`,
        ...(fix === undefined ? {} : { fix }),
      },
    ];
  }
  if (queryWords.has(first.value)) {
    const syntax = await syntaxError(context, source, part, withoutAtClauses(part.sql, tokens));
    if (syntax !== undefined) return [syntax];
  }
  const defined = definedNames(tokens);
  const found: Diagnostic[] = [];
  for (const mention of tableMentions(tokens)) {
    if (createsIt(tokens, mention.start)) continue;
    const problem = await unknownTable(context, mention.name, defined);
    if (problem !== undefined) found.push({ ...problem, start: mention.start, end: mention.nameEnd });
  }
  return found;
}

/** Whether the table at an offset is one that CREATE TABLE or VIEW makes, or DROP may find missing. */
function createsIt(tokens: readonly Token[], offset: number): boolean {
  const words = tokens.filter(token => token.start < offset).map(token => token.value);
  return words[0] === 'CREATE' && !words.includes('AS') && !words.includes('SELECT');
}

/** DuckDB's parser on a query; it tells the place in bytes. */
async function syntaxError(
  context: AssistContext,
  source: string,
  part: SqlPart,
  sql: string,
): Promise<Diagnostic | undefined> {
  const [row] = await sideRows(
    context.session,
    `SELECT json_serialize_sql(${quoteString(sql)}) AS tree`,
  ).catch(() => []);
  if (row === undefined) return undefined;
  // Only errors matter, which are JSON; trees of queries may hold infinities, which are none.
  const text = String(row.tree);
  if (!text.startsWith('{"error":true')) return undefined;
  const tree = JSON.parse(text) as { error_message?: string; position?: string };
  if (tree.position === undefined) return undefined;
  const start = Math.min(
    Buffer.from(sql).subarray(0, Number(tree.position)).toString().length,
    part.span.end,
  );
  const word = /^[\p{L}\p{N}_$]+|^\S/u.exec(source.slice(start))?.[0] ?? '';
  const message = tree.error_message ?? 'Syntax error.';
  return {
    start: word === '' ? Math.max(0, start - 1) : start,
    end: start + word.length,
    severity: 'error',
    code: 'SYNTAX',
    message,
  };
}

/** A table that is neither the lake's nor DuckDB's nor a result. */
async function unknownTable(
  context: AssistContext,
  written: string,
  defined: ReadonlySet<string>,
): Promise<Pick<Diagnostic, 'severity' | 'code' | 'message' | 'fix'> | undefined> {
  const [, base, metadata] = /^(.*?)(?:\$(\w+))?("?)$/.exec(written) ?? [];
  const name = base ?? written;
  if (defined.has(unquoted(name).toLowerCase()) || /^_\d*$/.test(name)) return undefined;
  if (metadata !== undefined && !dollarNames.includes(metadata.toLowerCase())) {
    const close = didYouMean(metadata, dollarNames);
    return {
      severity: 'error',
      code: 'METADATA_TABLE_NOT_FOUND',
      message: `There is no metadata table $${metadata}.${close === undefined ? '' : ` Did you mean $${close}?`}`,
      ...(close === undefined ? {} : { fix: `${name}$${close}` }),
    };
  }
  if ((await context.explorer.knownTable(name)) !== undefined) return undefined;
  const others = await duckdbNames(context);
  if (name.includes('.') || others.has(unquoted(name).toLowerCase())) return undefined;
  const tables = await context.explorer.allTables().catch(() => []);
  const close = didYouMean(name, [...tables.map(table => table.name), ...others]);
  // An earlier cell may make it; only a name that looks like a slip is more than a hint.
  return {
    severity: 'warning',
    code: 'TABLE_NOT_FOUND',
    message: `There is no table ${name}.${close === undefined ? '' : ` Did you mean ${close}?`}`,
    ...(close === undefined ? {} : { fix: close }),
  };
}

async function duckdbNames(context: AssistContext): Promise<ReadonlySet<string>> {
  const rows = await sideRows(
    context.session,
    'SELECT lower(table_name) AS name FROM duckdb_tables() UNION ALL SELECT lower(view_name) FROM duckdb_views()',
  ).catch(() => []);
  return new Set([...rows.map(row => String(row.name)), ...context.results.names()]);
}

function fromError(error: unknown, source: string): Diagnostic {
  if (!(error instanceof LakebookError)) throw error;
  const { start, end } = spanOf(source, error.position);
  const close = /^Did you mean `?([^`?]+)`?\?/.exec(error.hint ?? '')?.[1];
  return {
    start,
    end,
    severity: 'error',
    code: error.code,
    message: error.hint === undefined ? error.message : `${error.message} ${error.hint}`,
    ...(close === undefined ? {} : { fix: close }),
  };
}

/** Offsets of a position; the first line when there is none. */
export function spanOf(source: string, position: TextPosition | undefined): { start: number; end: number } {
  if (position === undefined) return { start: 0, end: Math.max(1, source.split('\n', 1)[0]!.length) };
  const lines = source.split('\n').slice(0, position.line - 1);
  const start = lines.reduce((sum, line) => sum + line.length + 1, 0) + position.column - 1;
  return { start, end: start + (position.length ?? 1) };
}
