import type { DataFile } from '../../iceberg/datafile.ts';
import { currentSpec } from '../../iceberg/metadata.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';
import { registerBucketHash } from '../bucket-hash.ts';
import { scanSql } from '../read.ts';
import { SqlText } from '../sql/sql-text.ts';
import { transformSql } from '../transforms-sql.ts';
import { leaves } from '../write-metrics.ts';
import { fileColumn, positionColumn, TargetFiles } from './plan.ts';
import { actions, type ChangedRows } from './rewrite.ts';
import type { Target } from './target.ts';
import type { Workspace } from './workspace.ts';

/**
 * The rows of files of older partitionings that are, by the present one, in the partitions of new files: those that
 * new files replace beside the files of the partitions themselves.
 */
export async function rowsInPartitionsOf(
  workspace: Workspace,
  target: Target,
  older: readonly FileScanTask[],
  added: readonly DataFile[],
): Promise<ChangedRows> {
  const { session, options } = workspace;
  registerBucketHash(session.duckdb);
  const files = await TargetFiles.open(workspace, target);
  const view = await files.view(older);
  const newRows = await scanSql({
    duckdb: session.duckdb,
    storage: session.lake.storage,
    metadata: target.metadata,
    schema: target.schema,
    files: added.map(dataFile => ({ dataFile, deletes: [] })),
    signal: options.signal,
  });
  const keys = partitionKeys(target);
  const same = keys.map((_, index) => `rows.k${index} IS NOT DISTINCT FROM replaced.k${index}`);
  const { name } = await workspace.table(
    'changes',
    SqlText.generated(
      `SELECT files.id AS file, rows.position, CAST(${actions.delete} AS TINYINT) AS action
       FROM (SELECT ${fileColumn} AS path, ${positionColumn} AS position, ${keys.join(', ')} FROM ${view}) AS rows
       JOIN ${files.name} AS files ON rows.path = files.path
       SEMI JOIN (SELECT DISTINCT ${keys.join(', ')} FROM (${newRows.sql})) AS replaced ON ${same.join(' AND ')}`,
    ),
    'finding rows',
  );
  return { table: name, files, updatedFields: [] };
}

/** The present partition values of a row, as columns `k0`, `k1`, .... */
function partitionKeys({ metadata, schema }: Target): string[] {
  const byId = new Map(leaves(schema).map(leaf => [leaf.id, leaf]));
  // Void fields are null in every row. Rows were written by the spec just now, so its columns are there.
  const fields = currentSpec(metadata).fields.filter(({ transform }) => transform.kind !== 'void');
  return fields.map(({ sourceId, transform }, index) => {
    const leaf = byId.get(sourceId)!;
    return `${transformSql(transform, leaf.type, leaf.sql!)} AS k${index}`;
  });
}
