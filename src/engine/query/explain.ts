import type { BoundTable } from '../bind/index.ts';
import { bindQuery } from '../bind/index.ts';
import { StatementTables } from '../resolve.ts';
import { type EngineSession, inSource, usedParameters } from '../session.ts';
import { sql } from '../sql/sql-text.ts';
import type { ExplainStatement } from '../sql/statement.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { plainResult } from './plain-result.ts';

/** EXPLAIN [ANALYZE]: DuckDB's plan, and what planning left of each lake table. */
export async function explainQuery(
  session: EngineSession,
  statement: ExplainStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const bound = await bindQuery(session, statement.query, source, new StatementTables(session), options);
  const text = sql`${statement.prefix} ${bound.sql}`;
  if (bound.tables.length === 0) return session.statement(text, source, options);
  const parameters = usedParameters(text.text, options.parameters ?? {});
  const { signal, onProgress } = options;
  const plan = await inSource(text, source, () =>
    session.duckdb.rows(text.text, {
      signal,
      onProgress,
      ...(parameters === undefined ? {} : { parameters }),
    }),
  );
  const rows = plan.map(row => Object.values(row).map(String));
  rows.push(['lake_tables', bound.tables.map(scanText).join('\n')]);
  const columns = ['explain_key', 'explain_value'].map(name => ({ name, type: 'VARCHAR' }));
  const result = await plainResult(session, { columns, rows }, options);
  return { kind: 'rows', result, ...(bound.scan === undefined ? {} : { scan: bound.scan }) };
}

function scanText({ name, snapshotId, stats, filter }: BoundTable): string {
  const snapshot = snapshotId === undefined ? 'no snapshot' : `snapshot ${snapshotId}`;
  const lines = [
    `${name} (${snapshot})`,
    `  data files: ${stats.dataFilesScanned} of ${stats.dataFiles}, ${bytes(stats.bytesScanned)} of ${bytes(stats.bytes)}, ${stats.rows} rows`,
    `  manifests: ${stats.manifestsScanned} of ${stats.manifests}`,
  ];
  if (stats.deleteFiles > 0) lines.push(`  delete files: ${stats.deleteFiles}`);
  lines.push(filter === undefined ? '  no filter to leave files out by' : `  filter: ${filter}`);
  return lines.join('\n');
}

function bytes(count: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(Math.floor(Math.log2(Math.max(count, 1)) / 10), units.length - 1);
  return step === 0 ? `${count} bytes` : `${(count / 1024 ** step).toFixed(1)} ${units[step]}`;
}
