import type { Patch, SqlText } from '../sql/sql-text.ts';
import { nameOf, type Token } from '../sql/tokenizer.ts';
import { remoteTokens } from './dialects.ts';
import type { RemoteEngine } from './remote-engine.ts';

type EngineNaming = Pick<RemoteEngine, 'kind' | 'catalog'>;

/**
 * SQL for an engine that calls the lake's catalog otherwise: `lake.ns.t` becomes `iceberg.ns.t`. The lake's name is
 * its catalog where two more names follow (one, where a namespace is named) and nothing else in the text has that
 * name: a table or an alias of the same name makes it ambiguous, and the text stays as it is.
 */
export function withEngineCatalog(sql: SqlText, lakeName: string, engine: EngineNaming): SqlText {
  const { catalog, kind } = engine;
  if (lakeName === catalog) return sql;
  const quote = kind === 'spark' ? '`' : '"';
  const written = `${quote}${catalog.replaceAll(quote, quote + quote)}${quote}`;
  const tokens = remoteTokens(kind, sql.text);
  const [verb, object] = tokens.map(token => token.value);
  const showsSchemas = verb === 'SHOW' && object === 'SCHEMAS';
  const namesNamespace = verb === 'USE' || verb === 'SHOW' || object === 'SCHEMA';
  const isName = (token: Token | undefined) => token?.type === 'word' || token?.type === 'quoted';
  const patches: Patch[] = [];
  for (const [index, token] of tokens.entries()) {
    if (!isName(token) || nameOf(token).toLowerCase() !== lakeName.toLowerCase()) continue;
    // The last part of a longer name.
    if (tokens[index - 1]?.text === '.') continue;
    const [dot, second, dotAgain, third] = tokens.slice(index + 1);
    if (dot?.text !== '.' && !showsSchemas) return sql;
    const isWhole = isName(second) && dotAgain?.text === '.' && isName(third);
    if (!isWhole && !(namesNamespace && isName(second)) && !showsSchemas) continue;
    patches.push({ span: token, by: written });
  }
  return sql.patch(patches);
}
