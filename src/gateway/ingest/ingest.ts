import { createHash } from 'node:crypto';
import { recordedCounts } from '../../engine/dml/outcome.ts';
import type { EngineSession } from '../../engine/session.ts';
import { AlreadyCommittedError, idempotencyKey, snapshotOfKey } from '../../engine/transaction.ts';
import { LakebookError } from '../../iceberg/errors.ts';
import type { Snapshot } from '../../iceberg/metadata.ts';
import {
  type FileOptions,
  ingest,
  rejectedLines,
  type Source,
  upsert,
  type VerbAnswer,
} from '../../lake/index.ts';
import { findTable } from '../../lake/targets.ts';
import { GatewayError } from '../http/problems.ts';
import type { UploadFormat } from '../http/schemas.ts';
import { arrowToParquet } from './arrow.ts';
import type { Upload } from './upload.ts';

export interface IngestOptions {
  readonly table: string;
  readonly mode: 'append' | 'overwrite' | 'replace-partitions' | 'upsert';
  readonly create: boolean;
  readonly key?: readonly string[];
  readonly onError?: 'abort' | 'skip' | 'quarantine';
  readonly format: UploadFormat;
  readonly fileOptions: FileOptions;
  readonly whenMatchedDelete?: string;
  readonly idempotencyKey?: string;
}

export interface Changed {
  readonly table: string;
  readonly rows_inserted: number;
  readonly rows_updated: number;
  readonly rows_deleted: number;
  readonly rows_rejected: number;
  readonly snapshot_id: string | null;
  readonly text: string;
  readonly warnings: readonly string[];
  readonly replayed: boolean;
}

/** Summary property with a digest of a request that has an idempotency key: the key must not come with another. */
const requestDigest = 'lakebook.request-digest';

/**
 * Loads an upload into a table. With an idempotency key the upload is applied once: the key is part of the commit,
 * so there is no moment in which the one is there without the other, and a second try, in another process or after a
 * crash, finds it and answers what the first one did.
 * @throws as the verbs `ingest` and `upsert`; GatewayError 422 for a key that came with another request before
 */
export async function ingestUpload(
  session: EngineSession,
  upload: Upload,
  options: IngestOptions,
  signal: AbortSignal,
): Promise<Changed> {
  const digest = digestOf(upload, options);
  const before =
    options.idempotencyKey && (await committedBefore(session, options.table, options.idempotencyKey));
  if (before) return replay(options, before, digest);
  const summary =
    options.idempotencyKey === undefined
      ? undefined
      : { [idempotencyKey]: options.idempotencyKey, [requestDigest]: digest };
  try {
    const answer = await apply(session, upload, options, summary, signal);
    return changed(options.table, answer, upload.name);
  } catch (error) {
    if (error instanceof AlreadyCommittedError) return replay(options, error.snapshot, digest);
    throw plainNames(error, upload.name);
  }
}

async function apply(
  session: EngineSession,
  upload: Upload,
  options: IngestOptions,
  summary: Readonly<Record<string, string>> | undefined,
  signal: AbortSignal,
): Promise<VerbAnswer> {
  const { table, mode, create, key, onError, format, fileOptions } = options;
  const isArrow = format === 'arrow';
  const name = isArrow ? await arrowToParquet(session, upload, signal) : upload.name;
  const source: Source = {
    kind: 'files',
    paths: [name],
    options: { ...fileOptions, format: isArrow ? 'parquet' : format === 'ndjson' ? 'json' : format },
  };
  if (mode === 'upsert' && !(create && (await findTable(session, table)) === undefined)) {
    if (onError !== undefined && onError !== 'abort') {
      throw new GatewayError(
        422,
        'INVALID',
        '`on_error` goes with appending and overwriting; an upsert takes all rows or none.',
      );
    }
    return upsert(
      session,
      {
        table,
        source,
        ...(key === undefined ? {} : { on: key }),
        ...(options.whenMatchedDelete === undefined ? {} : { whenMatchedDelete: options.whenMatchedDelete }),
        ...(summary === undefined ? {} : { summary }),
      },
      { signal },
    );
  }
  return ingest(
    session,
    {
      table,
      source,
      mode: mode === 'upsert' ? 'append' : mode,
      create,
      ...(key === undefined || !create ? {} : { key }),
      ...(onError === undefined ? {} : { onError }),
      ...(summary === undefined ? {} : { summary }),
    },
    { signal },
  );
}

async function committedBefore(
  session: EngineSession,
  table: string,
  key: string,
): Promise<Snapshot | undefined> {
  const found = await findTable(session, table);
  return found && snapshotOfKey(found.metadata, key);
}

/** Everything that says what a request asks for. */
function digestOf({ digest }: Upload, { idempotencyKey: _, ...options }: IngestOptions): string {
  return createHash('sha256').update(JSON.stringify(options)).update(digest).digest('hex');
}

function replay({ table }: IngestOptions, { summary, snapshotId }: Snapshot, digest: string): Changed {
  if (summary[requestDigest] !== digest) {
    throw new GatewayError(
      422,
      'IDEMPOTENCY_KEY_REUSED',
      'The Idempotency-Key was used for another request before.',
      {
        hint: 'Give each upload a key of its own.',
      },
    );
  }
  const count = (name: string) => Number(summary[name] ?? 0);
  return {
    table,
    rows_inserted: count(recordedCounts.rowsInserted),
    rows_updated: count(recordedCounts.rowsUpdated),
    rows_deleted: count(recordedCounts.rowsDeleted),
    rows_rejected: count(rejectedLines),
    snapshot_id: String(snapshotId),
    text: `${table}: the upload was applied before, in snapshot ${snapshotId}.`,
    warnings: [],
    replayed: true,
  };
}

/** A verb's answer as clients see it; `file` is the temporary name that they don't know. */
export function changed(table: string, answer: VerbAnswer, file?: string): Changed {
  const { inserted = 0, updated = 0, deleted = 0 } = answer.changed ?? {};
  const told = (text: string) => (file === undefined ? text : withoutFolder(text, file));
  return {
    table,
    rows_inserted: inserted,
    rows_updated: updated,
    rows_deleted: deleted,
    rows_rejected: answer.rejected ?? 0,
    snapshot_id: answer.snapshotId === undefined ? null : String(answer.snapshotId),
    text: told(answer.text),
    warnings: (answer.warnings ?? []).map(told),
    replayed: false,
  };
}

function withoutFolder(text: string, file: string): string {
  return text.replaceAll(`${file.split('/')[0]}/`, '');
}

function plainNames(error: unknown, file: string): unknown {
  if (!(error instanceof LakebookError) || !error.message.includes(file.split('/')[0]!)) return error;
  // The class decides the status, so the error itself stays.
  error.message = withoutFolder(error.message, file);
  return error;
}
