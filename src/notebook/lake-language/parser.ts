import type { Span } from '../../engine/sql/sql-text.ts';
import { nameOf, type Token } from '../../engine/sql/tokenizer.ts';
import { didYouMean } from '../../iceberg/did-you-mean.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import type { Parameters } from '../parameters.ts';
import { findVerb, type LakeCall, type Verb, verbNames, verbs } from './grammar.ts';
import { lex } from './lexer.ts';
import { type Expectation, expectAt, type Input, match, newInput, noArguments } from './match.ts';
import { type Statement, splitStatements } from './statements.ts';
import { showSyntax } from './syntax.ts';
import { orList, textPosition } from './text.ts';
import { valueKinds } from './values.ts';

/** A parsed line, with where its arguments were written. */
export interface LakeStatement {
  readonly call: LakeCall;
  readonly span: Span;
  readonly argumentSpans: Readonly<Record<string, Span>>;
}

/**
 * Parses a lake cell: one verb a line. `%lake` and `%%lake` may stand before verbs. Offsets and error positions are
 * places in `source`; `within` limits what is parsed. With `parameters`, `${name}` in quoted strings and `$name` in
 * SQL are replaced by the parameters' values.
 * @throws ValidationError (SYNTAX, UNKNOWN_VERB), NotFoundError (PARAMETER_NOT_FOUND)
 */
export function parseLake(source: string, parameters?: Parameters, within?: Span): LakeStatement[] {
  return splitStatements(source, within).map(statement => parseStatement(statement, source, parameters));
}

/** Parses one statement; errors as of `parseLake`. */
export function parseStatement(statement: Statement, source: string, parameters?: Parameters): LakeStatement {
  const { scan } = statement;
  const tokens = lex(scan, source);
  const verb = verbOf(tokens);
  if (verb === undefined) throw unknownVerb(source, tokens[0]);
  const input = newInput(scan.text, tokens, parameters);
  const parsed = matchVerb(input, verb);
  if (parsed === undefined) throw syntaxError(source, verb, input);
  return { ...parsed, span: statement.span };
}

/** The verb that a line begins with. */
export function verbOf(tokens: readonly Token[]): Verb | undefined {
  const [first, second] = tokens;
  if (first?.type !== 'word') return undefined;
  if (second?.type === 'word') {
    const both = findVerb(`${first.text} ${second.text}`);
    if (both !== undefined) return both;
  }
  return findVerb(first.text);
}

/** Matches the tokens behind the verb with its forms; notes in `input` what was expected where. */
export function matchVerb(input: Input, verb: Verb): Omit<LakeStatement, 'span'> | undefined {
  const start = verb.name.split(' ').length;
  for (const form of verb.forms) {
    const found = match(input, form.element, start, noArguments, (end, args) => {
      if (end === input.tokens.length) return { call: form.call(args.values), argumentSpans: args.spans };
      expectAt(input, end, { type: 'end' });
      return undefined;
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

function unknownVerb(source: string, token: Token | undefined): ValidationError {
  const word = token === undefined ? '' : nameOf(token);
  const position =
    token === undefined ? undefined : textPosition(source, token.start, token.end - token.start);
  const close = didYouMean(
    word,
    verbs.map(verb => verb.name),
  );
  return new ValidationError(
    `There is no verb "${word}".`,
    {
      position,
      hint:
        close === undefined
          ? `The verbs are ${verbNames.join(', ')}; \`%lake help\` explains them.`
          : `Did you mean ${close}? \`%lake help\` lists all verbs.`,
    },
    'UNKNOWN_VERB',
  );
}

/** How an expectation is told to people; undefined for what goes without saying. */
function describe(expectation: Expectation): string | undefined {
  switch (expectation.type) {
    case 'word':
      return `\`${expectation.word}\``;
    case 'argument':
      return valueKinds[expectation.kind]!.label;
    case 'end':
      return 'the end of the line';
    case 'more':
      return undefined;
  }
}

const shownExpectations = 6;

function syntaxError(source: string, verb: Verb, input: Input): ValidationError {
  const { token: index, expected } = input.furthest;
  const token = input.tokens[index];
  const unclosed = token === undefined ? openBracket(input.tokens) : undefined;
  if (unclosed !== undefined) {
    return new ValidationError(
      'The parenthesis that opens here is never closed.',
      { position: textPosition(source, unclosed.start, 1), hint: usage(verb) },
      'SYNTAX',
    );
  }
  const labels = [...new Set(expected.map(describe).filter(label => label !== undefined))];
  const shown = labels.length > shownExpectations ? [...labels.slice(0, shownExpectations), 'more'] : labels;
  const wanted = shown.length > 0 ? `: expected ${orList(shown)}` : '';
  const words = expected.flatMap(item => (item.type === 'word' ? [item.word] : []));
  const close = token?.type === 'word' ? didYouMean(token.text, words) : undefined;
  const last = input.tokens.at(-1)!;
  return new ValidationError(
    token === undefined ? `\`${verb.name}\` ends too early${wanted}.` : `Unexpected ${token.text}${wanted}.`,
    {
      position:
        token === undefined
          ? textPosition(source, last.end, 1)
          : textPosition(source, token.start, token.end - token.start),
      hint: close === undefined ? usage(verb) : `Did you mean \`${close}\`?`,
    },
    'SYNTAX',
  );
}

function usage(verb: Verb): string {
  return `Usage: ${verb.name} ${showSyntax(verb.forms.at(-1)!.element, 4)}`.trimEnd();
}

function openBracket(tokens: readonly Token[]): Token | undefined {
  const open: Token[] = [];
  for (const token of tokens) {
    if (token.type !== 'punctuation') continue;
    if ('([{'.includes(token.text)) open.push(token);
    else if (')]}'.includes(token.text)) open.pop();
  }
  return open.at(-1);
}
