import { setRef } from '../engine/ddl/index.ts';
import type { EngineSession } from '../engine/session.ts';
import { AlreadyExistsError, LakebookError, ValidationError } from '../iceberg/errors.ts';
import type { VerbAnswer, VerbOptions } from './answer.ts';
import type { RefRequest } from './requests.ts';
import { requireTable, shownName } from './targets.ts';
import { findVersion } from './versions.ts';

/**
 * Makes, moves or drops a branch or tag.
 * @throws AlreadyExistsError('ref'), NotFoundError('ref' or 'snapshot'), ValidationError
 */
export async function ref(
  session: EngineSession,
  request: RefRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const { type, name, action = 'create', ifExists } = request;
  const table = await requireTable(session, request.table);
  if (action === 'drop') {
    const change = { kind: 'drop-ref', type, name, ...(ifExists === undefined ? {} : { ifExists }) } as const;
    const { text } = await setRef(session, table, change, options);
    return { text };
  }
  const version = findVersion(session, table, request.at ?? { kind: 'previous', steps: 0 });
  if (version.snapshot === undefined) {
    throw new ValidationError(
      `The ${type} "${name}" can't be made: ${shownName(session, table)} has no snapshot yet.`,
      { hint: 'Write rows first.' },
    );
  }
  const { maxRefAgeMs, minSnapshotsToKeep, maxSnapshotAgeMs } = request;
  try {
    await setRef(
      session,
      table,
      {
        kind: 'set-ref',
        type,
        name,
        version: version.snapshot.snapshotId,
        mode: action === 'replace' ? 'create-or-replace' : 'create',
        retention: {
          ...(maxRefAgeMs === undefined ? {} : { maxRefAgeMs }),
          ...(minSnapshotsToKeep === undefined ? {} : { minSnapshotsToKeep }),
          ...(maxSnapshotAgeMs === undefined ? {} : { maxSnapshotAgeMs }),
        },
      },
      options,
    );
  } catch (error) {
    if (!(error instanceof LakebookError) || error.code !== 'REF_EXISTS') throw error;
    throw new AlreadyExistsError('ref', error.message, {
      hint: `Choose another name, or move it: \`%lake ${type} ${request.table} ${name} replace\`.`,
      cause: error,
    });
  }
  const { snapshotId } = version.snapshot;
  return {
    text: `${shownName(session, table)}: ${type} ${name} is at snapshot ${snapshotId}.`,
    snapshotId,
  };
}
