import type { LoadedTable } from '../../catalog/catalog.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import { didYouMeanHint } from '../../iceberg/did-you-mean.ts';
import { LakebookError, NotFoundError, ValidationError } from '../../iceberg/errors.ts';
import {
  currentSchema,
  mainBranch,
  snapshotAsOf,
  snapshotById,
  type TableMetadata,
} from '../../iceberg/metadata.ts';
import type { Schema } from '../../iceberg/schema.ts';
import { relocate, textPosition } from '../errors.ts';
import { type EngineSession, usedParameters } from '../session.ts';
import type { AtClause } from '../sql/statement.ts';
import type { ExecuteOptions } from '../statement-result.ts';

/** A version of a table that is asked for. */
export interface TableVersion {
  /** Absent: the branch has no snapshot yet. */
  readonly snapshotId?: bigint;
  /** The branch or tag it was asked for by. */
  readonly ref?: { readonly name: string; readonly type: 'branch' | 'tag' };
}

/** A branch is read with the table's schema, a snapshot or tag with the one it was written with. */
export function schemaOfVersion(metadata: TableMetadata, { snapshotId, ref }: TableVersion): Schema {
  if (snapshotId === undefined || ref?.type === 'branch') return currentSchema(metadata);
  const id = snapshotById(metadata, snapshotId)?.schemaId;
  return metadata.schemas.find(schema => schema.schemaId === id) ?? currentSchema(metadata);
}

/**
 * What an AT clause means for a table. DuckDB evaluates the expression; texts and timestamps without a zone are in
 * the session's time zone.
 * @throws NotFoundError for snapshots, branches and tags that aren't there, ValidationError for other values
 */
export async function evaluateVersion(
  session: EngineSession,
  at: AtClause,
  table: LoadedTable,
  source: string,
  options: ExecuteOptions,
): Promise<TableVersion> {
  const value = await evaluate(session, at, source, options);
  const { start, end } = at.span;
  const position = textPosition(source, start, end - start);
  const { metadata, identifier } = table;
  const name = formatIdentifier(identifier);
  if (value === null) {
    throw new ValidationError('The version in AT is NULL.', {
      position,
      hint: 'Give a snapshot id, the name of a branch or tag, or a timestamp.',
    });
  }
  if (at.unit === 'timestamp') {
    const ms = Number((value as bigint) / 1000n) - ((value as bigint) % 1000n < 0n ? 1 : 0);
    const snapshot = snapshotAsOf(metadata, ms);
    if (snapshot !== undefined) return { snapshotId: snapshot.snapshotId };
    const first = metadata.snapshotLog[0];
    throw new NotFoundError('snapshot', `${name} had no snapshot at ${new Date(ms).toISOString()}.`, {
      position,
      hint:
        first === undefined
          ? 'It has no snapshots at all.'
          : `Its first known snapshot is of ${new Date(first.timestampMs).toISOString()}.`,
    });
  }
  const text = String(value);
  if (Object.hasOwn(metadata.refs, text)) {
    const ref = metadata.refs[text]!;
    return { snapshotId: ref.snapshotId, ref: { name: text, type: ref.type } };
  }
  if (text === mainBranch) {
    return { snapshotId: metadata.currentSnapshotId, ref: { name: mainBranch, type: 'branch' } };
  }
  if (/^\d+$/.test(text)) {
    const snapshotId = BigInt(text);
    if (snapshotById(metadata, snapshotId) !== undefined) return { snapshotId };
    throw new NotFoundError('snapshot', `${name} has no snapshot ${text}.`, {
      position,
      hint: `List its snapshots with SELECT * FROM ${name}$snapshots.`,
    });
  }
  const refs = Object.keys(metadata.refs);
  throw new NotFoundError('ref', `${name} has no branch or tag "${text}".`, {
    position,
    hint:
      didYouMeanHint(text, refs) ??
      (refs.length === 0 ? 'It has no branches and no tags.' : `It has ${refs.join(', ')}.`),
  });
}

/** A snapshot id or name as text, a timestamp as microseconds since the epoch. */
async function evaluate(
  session: EngineSession,
  at: AtClause,
  source: string,
  options: ExecuteOptions,
): Promise<string | bigint | null> {
  const { expression } = at;
  const [before, after] =
    at.unit === 'version'
      ? ['SELECT CAST((', '\n) AS VARCHAR) AS v']
      : ['SELECT epoch_us(CAST((', '\n) AS TIMESTAMP WITH TIME ZONE)) AS v'];
  const parameters = usedParameters(expression.text, options.parameters ?? {});
  try {
    const [row] = await session.duckdb.rows(`${before}${expression.text}${after}`, {
      signal: options.signal,
      ...(parameters === undefined ? {} : { parameters }),
    });
    return row!.v as string | bigint | null;
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    throw relocate(error, source, offset => expression.sourceOffset(offset - before!.length));
  }
}
