import { deleteQuietly } from '../../catalog/commit.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { integerProperty, propertyDefaults, propertyNames } from '../../iceberg/properties.ts';
import { hasRowLineage, withRowLineage } from '../../iceberg/row-lineage.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';
import type { NestedField } from '../../iceberg/types.ts';
import { quoteIdentifier } from '../quote.ts';
import { exactSql } from '../stored-values.ts';
import { writeDataFiles } from '../write.ts';
import { fileColumn, positionColumn, type TargetFiles } from './plan.ts';
import type { Target } from './target.ts';
import type { Workspace } from './workspace.ts';

/** What a row's entry in a table of changes asks for. */
export const actions = { none: 0, update: 1, delete: 2, error: 3 } as const;

/** Rows of a target that are going to be changed. */
export interface ChangedRows {
  /**
   * Quoted name of a temporary table: `file` INTEGER (id in `files`) and `position` BIGINT, no two rows alike where
   * `action` TINYINT is an update or delete; and `v0`, `v1`, ... the new values of `updatedFields`.
   */
  readonly table: string;
  readonly files: TargetFiles;
  readonly updatedFields: readonly NestedField[];
}

/**
 * Writes the successors of files that hold changed rows, and the new rows. Files are rewritten in groups of about one
 * target file each, in the order of the table: rows stay near those they were written with, so that column bounds go
 * on telling files apart. When it throws, nothing is left behind.
 */
export async function rewriteFiles(
  workspace: Workspace,
  target: Target,
  rewritten: readonly FileScanTask[],
  change: {
    readonly changed?: ChangedRows;
    readonly inserts?: { readonly name: string; readonly rows: number };
  },
): Promise<DataFile[]> {
  const { session, options } = workspace;
  const { changed, inserts } = change;
  const queries: string[] = [];
  const lineage = hasRowLineage(target.metadata) && rewritten.length > 0;
  if (changed !== undefined) {
    for (const group of groupsOf(rewritten, target)) queries.push(await rewriteSql(target, group, changed));
  }
  if (inserts !== undefined && inserts.rows > 0) {
    const last = queries.pop();
    const rows = newRowsSql(target, inserts.name, lineage);
    queries.push(last === undefined ? rows : `${last}\nUNION ALL\n${rows}`);
  }
  const written: DataFile[] = [];
  try {
    for (const sourceSql of queries) {
      const files = await writeDataFiles({
        duckdb: session.duckdb,
        storage: session.lake.storage,
        metadata: target.metadata,
        schema: lineage ? withRowLineage(target.schema) : target.schema,
        sourceSql,
        signal: options.signal,
        onProgress: options.onProgress,
      });
      written.push(...files);
    }
  } catch (error) {
    await deleteQuietly(
      session.lake.storage,
      written.map(file => file.filePath),
    );
    throw error;
  }
  return written;
}

/** A table of new rows, to be written together with rows that are written again. */
export function newRowsSql({ schema }: Target, table: string, lineage: boolean): string {
  const columns = schema.fields.map(field => {
    const name = quoteIdentifier(field.name);
    return `${exactSql(name, field.type)} AS ${name}`;
  });
  return `SELECT ${[...columns, ...(lineage ? ['NULL', 'NULL'] : [])].join(', ')} FROM ${table}`;
}

function groupsOf(tasks: readonly FileScanTask[], { metadata }: Target): FileScanTask[][] {
  const name = propertyNames.targetFileSizeBytes;
  const limit = integerProperty(metadata.properties, name, propertyDefaults[name]);
  const groups: FileScanTask[][] = [];
  let size = 0;
  for (const task of tasks) {
    const { fileSizeInBytes } = task.dataFile;
    const group = groups.at(-1);
    if (group === undefined || size + fileSizeInBytes > limit) {
      groups.push([task]);
      size = fileSizeInBytes;
    } else {
      group.push(task);
      size += fileSizeInBytes;
    }
  }
  return groups;
}

/** The rows of some files as they are going to be. */
async function rewriteSql(
  target: Target,
  tasks: readonly FileScanTask[],
  changed: ChangedRows,
): Promise<string> {
  const lineage = hasRowLineage(target.metadata);
  const view = await changed.files.view(tasks, { lineage, exact: true });
  const columns = target.schema.fields.map(field => {
    const name = quoteIdentifier(field.name);
    const index = changed.updatedFields.indexOf(field);
    if (index < 0) return `rows.${name} AS ${name}`;
    return `CASE WHEN changes.action IS NULL THEN rows.${name} ELSE ${exactSql(`changes.v${index}`, field.type)} END AS ${name}`;
  });
  if (lineage) {
    // A row keeps its id wherever it goes; that an updated one was changed now follows from the commit.
    columns.push(
      'rows._row_id',
      'CASE WHEN changes.action IS NULL THEN rows._last_updated_sequence_number END',
    );
  }
  const ids = changed.files.ids(tasks).join(', ');
  return `SELECT ${columns.join(', ')} FROM ${view} AS rows
    JOIN ${changed.files.name} AS files ON rows.${fileColumn} = files.path
    LEFT JOIN (SELECT * FROM ${changed.table}
      WHERE action IN (${actions.update}, ${actions.delete}) AND file IN (${ids})) AS changes
      ON changes.file = files.id AND changes.position = rows.${positionColumn}
    WHERE changes.action IS DISTINCT FROM ${actions.delete}`;
}
