import { ValidationError } from '../../iceberg/errors.ts';
import { ResultSet } from '../result-set.ts';
import { type EngineSession, inSource } from '../session.ts';
import { type Patch, SqlText } from '../sql/sql-text.ts';
import type { ExecuteOptions, StatementOutcome, StatementResult } from '../statement-result.ts';
import { withEngineCatalog } from './catalog-names.ts';
import { remoteStatements, remoteTokens } from './dialects.ts';
import { engineNames } from './engines.ts';
import type { LiteralValue, RemoteEngine, RemoteKind, RemoteOutcome } from './remote-engine.ts';
import { RemoteStream } from './remote-stream.ts';

/** Runs every statement of a text on another machine, in order, as `EngineSession.execute` says. */
export async function executeRemotely(
  session: EngineSession,
  kind: RemoteKind,
  sql: string,
  options: ExecuteOptions,
): Promise<StatementResult[]> {
  const results: StatementResult[] = [];
  for (const tokens of remoteStatements(kind, sql)) {
    const start = performance.now();
    const span = { start: tokens[0]!.start, end: tokens.at(-1)!.end };
    const outcome = await runRemotely(session, kind, SqlText.written(sql, span), sql, options);
    results.push({ ...outcome, elapsedMs: performance.now() - start });
  }
  return results;
}

async function runRemotely(
  session: EngineSession,
  kind: RemoteKind,
  written: SqlText,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const engine = await session.engines.get(kind);
  const withValues = withParameters(written, options.parameters ?? {}, engine);
  const sql = withEngineCatalog(withValues, session.lake.name, engine);
  return inSource(sql, source, async () => {
    // Whoever closes the result ends the statement on the server.
    const stop = new AbortController();
    const { signal = stop.signal, onProgress, onWarning } = options;
    const rows = await engine.query(sql.text, {
      signal: AbortSignal.any([signal, stop.signal]),
      ...(onProgress === undefined ? {} : { onProgress }),
      namespace: session.namespace,
    });
    if (rows.isQuery) {
      const result = await ResultSet.open(new RemoteStream(rows, stop), session.results, options.maxRows);
      for (const warning of rows.outcome().warnings) onWarning?.(warning);
      return { kind: 'rows', result };
    }
    // Its only answer is what it did.
    for await (const _ of rows.batches);
    const outcome = rows.outcome();
    for (const warning of outcome.warnings) onWarning?.(warning);
    if (outcome.used !== undefined && outcome.used.catalog === engine.catalog) {
      session.namespace = outcome.used.namespace;
    }
    return { kind: 'done', text: outcomeText(outcome, engine) };
  });
}

/** Values for `$name`, as literals: engines have parameters of other kinds, and places of errors stay right. */
function withParameters(
  sql: SqlText,
  parameters: Readonly<Record<string, unknown>>,
  engine: RemoteEngine,
): SqlText {
  const values = new Map(Object.entries(parameters).map(([name, value]) => [name.toLowerCase(), value]));
  const patches: Patch[] = [];
  for (const token of remoteTokens(engine.kind, sql.text)) {
    if (token.type !== 'parameter' || !token.text.startsWith('$')) continue;
    const name = token.text.slice(1);
    if (!values.has(name.toLowerCase())) continue;
    patches.push({ span: token, by: engine.literal(literalValue(name, values.get(name.toLowerCase()))) });
  }
  return sql.patch(patches);
}

function literalValue(name: string, value: unknown): LiteralValue {
  if (value === undefined || value === null) return null;
  if (['string', 'number', 'bigint', 'boolean'].includes(typeof value)) return value as LiteralValue;
  throw new ValidationError(`The parameter ${name} is neither a text, a number nor true or false.`);
}

function outcomeText({ operation, rowsChanged, used }: RemoteOutcome, engine: RemoteEngine): string {
  const name = engineNames[engine.kind];
  if (used !== undefined) {
    const place = [...(used.catalog === engine.catalog ? [] : [used.catalog]), ...used.namespace];
    return `Table names are now looked for in ${place.join('.')}.`;
  }
  if (rowsChanged === undefined) return `${operation ?? 'Done'} on ${name}.`;
  return `${operation ?? 'Changed'}: ${rowsChanged.toLocaleString('en')} ${rowsChanged === 1 ? 'row' : 'rows'}, on ${name}.`;
}
