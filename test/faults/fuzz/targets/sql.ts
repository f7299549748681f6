import { formatIdentifier, parseIdentifier } from '../../../../src/catalog/identifiers.ts';
import { parseStatements } from '../../../../src/engine/sql/parse.ts';
import { SqlText } from '../../../../src/engine/sql/sql-text.ts';
import { scan, tokenize } from '../../../../src/engine/sql/tokenizer.ts';
import { LakebookError } from '../../../../src/iceberg/errors.ts';
import { duckDbStatements, lakeStatements } from '../../../engine/sql/corpus.ts';
import { mutateText } from '../mutate-text.ts';
import { agree, disagree, type OpenTarget } from '../target.ts';

const corpus = [...lakeStatements, ...duckDbStatements];
/** Every word and operator of the corpus, so that statements come together from parts of others. */
export const sqlWords = [
  ...new Set(corpus.flatMap(sql => sql.match(/[A-Za-z_]+|=>|::|->>|\*\*|\/\/|:=/g) ?? [])),
  '$$',
  '$q$',
  "E'",
  "x'",
  '/*',
  '*/',
  '--\n',
  '"a""b"',
  "AT (VERSION => 'x')",
  '(SELECT 1)',
];

/** SQL text: tokens cover it in order, and every place in a statement is a place of the text. */
export async function openSql(): Promise<OpenTarget> {
  return {
    input: random => mutateText(random, corpus, sqlWords),
    run(input) {
      const sql = input as string;
      let end = 0;
      for (const token of scan(sql).tokens) {
        if (
          token.start < end ||
          token.end <= token.start ||
          sql.slice(token.start, token.end) !== token.text
        ) {
          disagree(`a token from ${token.start} to ${token.end}`);
        }
        end = token.end;
      }
      tokenize(sql);
      for (const statement of parseStatements(sql)) checkPlaces(sql, statement);
    },
  };
}

function checkPlaces(sql: string, statement: unknown): void {
  const walk = (value: unknown): void => {
    if (value instanceof LakebookError || typeof value !== 'object' || value === null) return;
    if (value instanceof SqlText) {
      for (let offset = 0; offset < value.length; offset += 1 + (value.length >> 6)) {
        const at = value.sourceOffset(offset);
        if (at !== undefined && sql[at] !== value.text[offset])
          disagree(`"${value.text}" is said to be at ${at}`);
      }
      return;
    }
    const { span } = value as { span?: { start: number; end: number } };
    if (span !== undefined && !(span.start >= 0 && span.start <= span.end && span.end <= sql.length)) {
      disagree(`a place from ${span.start} to ${span.end} in ${sql.length} characters`);
    }
    for (const inner of Object.values(value)) walk(inner);
  };
  walk(statement);
}

/** Names of tables with their namespaces. */
export async function openIdentifier(): Promise<OpenTarget> {
  const names = ['sales', 'ns.sales', 'lake.ns.sales', '"my ns"."my ""table"""', 'a."x.y"', '"a.b".t'];
  return {
    input: random => mutateText(random, names, ['"', '""', '.', '" "']),
    run(input) {
      const identifier = parseIdentifier(input as string);
      // Levels are kept with dots between them, so that quotes and spaces in them don't come back.
      if (identifier.namespace.some(level => !/^[\w$-]+$/.test(level))) return;
      agree('name written and read again', parseIdentifier(formatIdentifier(identifier)), identifier);
    },
  };
}
