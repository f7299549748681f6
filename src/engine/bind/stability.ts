import type { DuckDb } from '../duckdb.ts';

/**
 * What a function's results depend on: `constant` its arguments alone, `time` also the time of the query, `volatile`
 * anything else (and functions that a person made).
 */
export type FunctionStability = (name: string) => 'constant' | 'time' | 'volatile';

const known = new WeakMap<DuckDb, Promise<FunctionStability>>();

/** Of DuckDB's functions; read once for each instance, until `forgetFunctions`. */
export function functionStability(duckdb: DuckDb): Promise<FunctionStability> {
  let result = known.get(duckdb);
  if (result === undefined) {
    result = load(duckdb);
    known.set(duckdb, result);
    // A read that was interrupted is tried again.
    result.catch(() => known.delete(duckdb));
  }
  return result;
}

/** To be called when functions may have been made. */
export function forgetFunctions(duckdb: DuckDb): void {
  known.delete(duckdb);
}

async function load(duckdb: DuckDb): Promise<FunctionStability> {
  const rows = await duckdb.rows(
    `SELECT lower(function_name) AS name,
            CASE WHEN bool_or(NOT internal) THEN 'volatile'
                 WHEN bool_and(function_type = 'scalar' AND stability = 'CONSISTENT') THEN 'constant'
                 WHEN bool_and(function_type = 'scalar' AND stability IN ('CONSISTENT', 'CONSISTENT_WITHIN_QUERY'))
                 THEN 'time' ELSE 'volatile' END AS stability
     FROM duckdb_functions() GROUP BY ALL`,
  );
  const found = new Map(rows.map(row => [String(row.name), String(row.stability)]));
  // Only those whose result is a moment near to now; others (current_setting, txid_current) may change at will.
  const times = new Set(['now', 'today', 'current_date', 'get_current_timestamp', 'transaction_timestamp']);
  return name => {
    const lower = name.toLowerCase();
    const stability = found.get(lower) ?? 'volatile';
    if (stability === 'constant') return 'constant';
    return stability === 'time' && times.has(lower) ? 'time' : 'volatile';
  };
}
