import { splitTokens } from '../sql/parse.ts';
import { type Token, tokenize } from '../sql/tokenizer.ts';
import type { RemoteKind } from './remote-engine.ts';
import { sparkStatements, sparkTokens } from './spark/tokenizer.ts';

/**
 * The tokens of a text in an engine's SQL. Trino's is close enough to DuckDB's.
 * @throws ValidationError (SYNTAX) for a string, name or comment without an end
 */
export function remoteTokens(kind: RemoteKind, source: string): Token[] {
  return kind === 'spark' ? sparkTokens(source) : tokenize(source);
}

/** The tokens of each statement, without semicolons. @throws what `remoteTokens` throws */
export function remoteStatements(kind: RemoteKind, source: string): Token[][] {
  return kind === 'spark' ? sparkStatements(source) : splitTokens(tokenize(source));
}
