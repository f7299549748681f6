import type { LoadedTable } from '../../catalog/catalog.ts';
import { formatIdentifier, parseIdentifier } from '../../catalog/identifiers.ts';
import { didYouMeanHint } from '../../iceberg/did-you-mean.ts';
import { LakebookError, NotFoundError, UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { ancestors, requireSnapshot } from '../../iceberg/ref-update.ts';
import { inlineParameters } from '../dml/parameters.ts';
import { relocate } from '../errors.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import type { CallStatement } from '../sql/statement.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { absoluteLocation } from './location.ts';
import { maintenanceProcedures, sparkMap } from './maintenance.ts';
import { newTableIdentifier, tableName } from './names.ts';
import { placeIn, placeOf } from './place.ts';
import {
  cherryPick,
  fastForwardBranch,
  rollback,
  rollbackToTimestamp,
  type SnapshotOptions,
  setCurrentSnapshot,
} from './snapshots.ts';

type ParameterType = 'text' | 'snapshot' | 'timestamp' | 'integer' | 'boolean' | 'map' | 'list';
/** Microseconds since the epoch for a timestamp; JSON for maps and lists, whose values are texts. */
type Argument = string | bigint;

export interface Procedure {
  /** In the order of positional arguments; the first one is always the table. */
  readonly parameters: readonly {
    readonly name: string;
    readonly type: ParameterType;
    readonly optional?: true;
  }[];
  run(call: Call): Promise<StatementOutcome>;
}

export interface Call {
  readonly session: EngineSession;
  readonly source: string;
  readonly options: SnapshotOptions;
  readonly tables: StatementTables;
  /** The lake table of the argument `table`. @throws NotFoundError('table') */
  table(): Promise<LoadedTable>;
  has(name: string): boolean;
  text(name: string): string;
  id(name: string): bigint;
}

const table = { name: 'table', type: 'text' } as const;
const snapshotId = { name: 'snapshot_id', type: 'snapshot' } as const;

/** The procedures, named as in Iceberg's Spark extension. */
export const procedures: Readonly<Record<string, Procedure>> = {
  ...maintenanceProcedures,
  rollback_to_snapshot: {
    parameters: [table, snapshotId],
    run: async call => rollback(call.session, await call.table(), call.id('snapshot_id'), call.options),
  },
  rollback_to_timestamp: {
    parameters: [table, { name: 'timestamp', type: 'timestamp' }],
    run: async call => {
      // A snapshot's time is in whole milliseconds: one within the moment's own isn't before it.
      const ms = Number(call.id('timestamp') / 1000n);
      return rollbackToTimestamp(call.session, await call.table(), ms, call.options);
    },
  },
  set_current_snapshot: {
    parameters: [table, { ...snapshotId, optional: true }, { name: 'ref', type: 'text', optional: true }],
    run: async call => {
      if (call.has('snapshot_id') === call.has('ref')) {
        throw new ValidationError('set_current_snapshot takes either snapshot_id or ref.', {
          hint: "For example: CALL system.set_current_snapshot(table => 't', ref => 'dev').",
          position: call.options.at,
        });
      }
      const version = call.has('ref') ? call.text('ref') : call.id('snapshot_id');
      return setCurrentSnapshot(call.session, await call.table(), version, call.options);
    },
  },
  fast_forward: {
    parameters: [table, { name: 'branch', type: 'text' }, { name: 'to', type: 'text' }],
    run: async call =>
      fastForwardBranch(call.session, await call.table(), call.text('branch'), call.text('to'), call.options),
  },
  cherrypick_snapshot: {
    parameters: [table, snapshotId],
    run: async call => cherryPick(call.session, await call.table(), call.id('snapshot_id'), call.options),
  },
  register_table: {
    parameters: [table, { name: 'metadata_file', type: 'text' }],
    run: registerTable,
  },
  ancestors_of: {
    parameters: [table, { ...snapshotId, optional: true }],
    run: ancestorsOf,
  },
};

/** Runs CALL system.procedure(...); other functions are DuckDB's. */
export async function runCall(
  session: EngineSession,
  statement: CallStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const { parts, span } = statement.procedure;
  const name = parts.at(-1)!.toLowerCase();
  const isSystem = parts.length > 1 && parts.at(-2)!.toLowerCase() === 'system';
  const procedure = Object.hasOwn(procedures, name) ? procedures[name] : undefined;
  if (procedure === undefined || (parts.length > 1 && !isSystem)) {
    if (!isSystem) return session.statement(statement.text, source, options);
    const names = Object.keys(procedures);
    throw new UnsupportedError(`There is no procedure system.${name}.`, {
      hint: didYouMeanHint(name, names) ?? `The procedures are ${names.join(', ')}.`,
      position: placeOf(source, span),
    });
  }
  if (statement.unsupported !== undefined) throw statement.unsupported;
  const values = await evaluateArguments(session, statement, name, procedure, source, options);
  const tables = new StatementTables(session);
  const tableText = values.get('table') as string;
  return procedure.run({
    session,
    source,
    options: { ...options, at: placeOf(source, span) },
    tables,
    table: async () => {
      const parsed = parseIdentifier(tableText, []);
      return tables.require({ parts: [...parsed.namespace, parsed.name], span }, source);
    },
    has: parameter => values.has(parameter),
    text: parameter => String(values.get(parameter)),
    id: parameter => values.get(parameter) as bigint,
  });
}

/** Values by the names of the procedure's parameters. @throws ValidationError for missing, unknown and NULL ones */
async function evaluateArguments(
  session: EngineSession,
  statement: CallStatement,
  name: string,
  { parameters }: Procedure,
  source: string,
  options: ExecuteOptions,
): Promise<Map<string, Argument>> {
  const usage = `Write CALL system.${name}(${parameters.map(p => `${p.name} => ...`).join(', ')}).`;
  const fail = (message: string, at?: SqlText): never => {
    const position = at === undefined ? placeOf(source, statement.procedure.span) : placeIn(at, source);
    throw new ValidationError(message, { hint: usage, position });
  };
  const values = new Map<string, Argument>();
  for (const [index, argument] of statement.arguments.entries()) {
    const wanted = argument.name?.toLowerCase();
    const parameter =
      wanted === undefined ? parameters[index] : parameters.find(candidate => candidate.name === wanted);
    if (parameter === undefined) {
      fail(
        wanted === undefined
          ? `${name} takes ${parameters.length} arguments.`
          : `${name} has no parameter "${wanted}".`,
        argument.value,
      );
      continue;
    }
    if (values.has(parameter.name)) fail(`${parameter.name} is there twice.`, argument.value);
    const value = await evaluate(session, argument.value, parameter.type, source, options);
    if (value === null) fail(`${parameter.name} is NULL.`, argument.value);
    else values.set(parameter.name, value);
  }
  const missing = parameters.find(p => p.optional !== true && !values.has(p.name));
  if (missing !== undefined) fail(`${name} needs ${missing.name}.`);
  return values;
}

async function evaluate(
  session: EngineSession,
  expression: SqlText,
  type: ParameterType,
  source: string,
  options: ExecuteOptions,
): Promise<Argument | null> {
  const value = inlineParameters(expression, options.parameters ?? {});
  const map = type === 'map' ? sparkMap(value.text) : undefined;
  if (map !== undefined) return map;
  const query = {
    text: sql`SELECT CAST((${value}
) AS VARCHAR) AS v`,
    snapshot: sql`SELECT CAST((${value}
) AS BIGINT) AS v`,
    integer: sql`SELECT CAST((${value}
) AS BIGINT) AS v`,
    boolean: sql`SELECT CAST(CAST((${value}
) AS BOOLEAN) AS VARCHAR) AS v`,
    map: sql`SELECT CAST(to_json(CAST((${value}
) AS MAP(VARCHAR, VARCHAR))) AS VARCHAR) AS v`,
    list: sql`SELECT CAST(to_json(CAST((${value}
) AS VARCHAR[])) AS VARCHAR) AS v`,
    timestamp: sql`SELECT epoch_us(CAST((${value}
) AS TIMESTAMP WITH TIME ZONE)) AS v`,
  }[type];
  try {
    const [row] = await session.duckdb.rows(query.text, { signal: options.signal });
    return row!.v as Argument | null;
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    throw relocate(error, source, offset => query.sourceOffset(offset));
  }
}

async function registerTable(call: Call): Promise<StatementOutcome> {
  const { session, tables } = call;
  const parsed = parseIdentifier(call.text('table'), []);
  const identifier = await newTableIdentifier(session, tables, [...parsed.namespace, parsed.name]);
  if (identifier === undefined) {
    throw new ValidationError(`DuckDB has a table "${call.text('table')}" of its own.`, {
      hint: 'Choose another name.',
      position: call.options.at,
    });
  }
  const location = absoluteLocation(session, call.text('metadata_file'));
  try {
    const { metadata } = await session.lake.catalog.registerTable(identifier, location);
    const name = tableName(session, identifier);
    const count = metadata.snapshots.length === 1 ? '1 snapshot' : `${metadata.snapshots.length} snapshots`;
    return { kind: 'done', text: `${name}: registered with ${count}.` };
  } catch (error) {
    if (!(error instanceof NotFoundError) || error.code !== 'FILE_NOT_FOUND') throw error;
    throw new NotFoundError('file', `There is no metadata file ${location}.`, {
      hint: "Give the address of a table's newest ....metadata.json.",
      position: call.options.at,
      cause: error,
    });
  }
}

/** The current snapshot's ancestors, or another one's, newest first: as Spark's procedure shows them. */
async function ancestorsOf(call: Call): Promise<StatementOutcome> {
  const { metadata, identifier } = await call.table();
  const start = call.has('snapshot_id')
    ? requireSnapshot(metadata, call.id('snapshot_id'), call.options.at).snapshotId
    : metadata.currentSnapshotId;
  const found = ancestors(metadata, start);
  const rows = found.map(s => `(${s.snapshotId}::BIGINT, make_timestamptz(${s.timestampMs}000))`);
  if (found.length === 0) {
    return { kind: 'done', text: `${formatIdentifier(identifier)} has no snapshots.` };
  }
  const query = SqlText.generated(
    `SELECT * FROM (VALUES ${rows.join(', ')}) AS ancestors(snapshot_id, committed_at)`,
  );
  return { kind: 'rows', result: await call.session.query(query, call.source, call.options) };
}
