import type { LoadedTable } from '../../catalog/catalog.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import { currentSchema, mainBranch, type TableMetadata } from '../../iceberg/metadata.ts';
import type { Schema } from '../../iceberg/schema.ts';
import type { EngineSession } from '../session.ts';
import { headOf } from '../transaction.ts';

/** The table and branch that a change works on, at the snapshot it works from. */
export interface Target {
  readonly table: LoadedTable;
  readonly metadata: TableMetadata;
  /** The table's current schema; branches are read and written with it too. */
  readonly schema: Schema;
  readonly branch: string;
  /** Absent: the branch has no rows. */
  readonly snapshotId?: bigint;
  /** The table as people name it. */
  readonly name: string;
}

export function targetOf(session: EngineSession, table: LoadedTable, branch = mainBranch): Target {
  const { identifier, metadata } = table;
  const isNear = identifier.namespace.join('\u0000') === session.namespace.join('\u0000');
  const name = formatIdentifier(isNear ? { ...identifier, namespace: [] } : identifier);
  const snapshotId = headOf(metadata, branch);
  return {
    table,
    metadata,
    schema: currentSchema(metadata),
    branch,
    ...(snapshotId === undefined ? {} : { snapshotId }),
    name: branch === mainBranch ? name : `${name} (branch ${branch})`,
  };
}
