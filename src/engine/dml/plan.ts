import type { DataFile } from '../../iceberg/datafile.ts';
import { isDeletionVector } from '../../iceberg/delete-index.ts';
import { alwaysTrue, type Expr } from '../../iceberg/expression.ts';
import type { FileIO } from '../../iceberg/io.ts';
import { readLiveEntries } from '../../iceberg/manifest.ts';
import { hasLiveFiles, snapshotManifests } from '../../iceberg/manifest-list.ts';
import { snapshotById } from '../../iceberg/metadata.ts';
import { withRowLineage } from '../../iceberg/row-lineage.ts';
import { type FileScanTask, planScan, type ScanPlan } from '../../iceberg/scan.ts';
import { quoteString } from '../quote.ts';
import { scanSql } from '../read.ts';
import { SqlText } from '../sql/sql-text.ts';
import type { Target } from './target.ts';
import type { Workspace } from './workspace.ts';

/** Hidden columns of a target's view: where a row is stored. */
export const fileColumn = '"lakebook file"';
export const positionColumn = '"lakebook position"';

/** So that a statement's text stays small. */
const filesPerInsert = 2000;

const rowLocation = { file: 'lakebook file', position: 'lakebook position' };

/** The target's live files that may hold rows which the filter accepts, with their deletes. */
export async function planTarget(
  workspace: Workspace,
  target: Target,
  filter: Expr,
): Promise<Pick<ScanPlan, 'tasks'> & { readonly dataFiles: number }> {
  const { session, options } = workspace;
  if (target.snapshotId === undefined) return { tasks: [], dataFiles: 0 };
  options.onProgress?.({ phase: 'planning' });
  const { tasks, stats } = await planScan({
    metadata: target.metadata,
    snapshotId: target.snapshotId,
    schema: target.schema,
    filter,
    io: session.lake.storage,
    signal: options.signal,
  });
  return { tasks, dataFiles: stats.dataFiles };
}

/** The files of a target whose rows a change looks at, with a small number for each. */
export class TargetFiles {
  /** Quoted name of a temporary table (`id` INTEGER, `path` VARCHAR) of the paths in the views' file column. */
  readonly name: string;
  readonly #workspace: Workspace;
  readonly #target: Target;
  readonly #tasks: FileScanTask[] = [];
  readonly #idByFile = new Map<string, number>();

  private constructor(workspace: Workspace, target: Target, name: string) {
    this.#workspace = workspace;
    this.#target = target;
    this.name = name;
  }

  static async open(workspace: Workspace, target: Target): Promise<TargetFiles> {
    const query = SqlText.generated("SELECT 0::INTEGER AS id, '' AS path WHERE false");
    const { name } = await workspace.table('files', query, 'planning');
    return new TargetFiles(workspace, target, name);
  }

  /**
   * Makes a view of the rows of some files and answers its quoted name: the table's columns, those of row lineage if
   * they're asked for, and the two hidden ones. With `exact` it is of rows that are written again, see ScanRequest.
   */
  async view(
    tasks: readonly FileScanTask[],
    { lineage = false, exact = false }: { readonly lineage?: boolean; readonly exact?: boolean } = {},
  ): Promise<string> {
    const { schema } = this.#target;
    const { session, options } = this.#workspace;
    const { sql, localPaths } = await scanSql({
      duckdb: session.duckdb,
      storage: session.lake.storage,
      metadata: this.#target.metadata,
      schema: lineage ? withRowLineage(schema) : schema,
      files: tasks,
      rowLocation,
      exact,
      signal: options.signal,
    });
    const added: string[] = [];
    for (const [index, path] of localPaths.entries()) {
      const task = tasks[index]!;
      if (this.#idByFile.has(task.dataFile.filePath)) continue;
      added.push(`(${this.#tasks.length}, ${quoteString(path)})`);
      this.#idByFile.set(task.dataFile.filePath, this.#tasks.length);
      this.#tasks.push(task);
    }
    for (let start = 0; start < added.length; start += filesPerInsert) {
      const values = added.slice(start, start + filesPerInsert).join(', ');
      await this.#workspace.insert(this.name, SqlText.generated(`VALUES ${values}`), 'planning');
    }
    return this.#workspace.view('target', sql);
  }

  /** The files' ids, in the order of `tasks`. */
  ids(tasks: readonly FileScanTask[]): number[] {
    return tasks.map(task => this.#idByFile.get(task.dataFile.filePath)!);
  }

  /** The tasks with these ids, in the order of their manifests. */
  tasks(ids: Iterable<number>): FileScanTask[] {
    return [...ids].sort((a, b) => a - b).map(id => this.#tasks[id]!);
  }
}

/** The rows of files: known from the manifests, but where delete files must be read to know what they delete. */
export async function countRows(
  workspace: Workspace,
  target: Target,
  tasks: readonly FileScanTask[],
): Promise<number> {
  let rows = 0;
  const unknown: FileScanTask[] = [];
  for (const task of tasks) {
    // A deletion vector is of one file and has a row once; other deletes may name rows twice, or of other files.
    if (task.deletes.every(isDeletionVector)) {
      rows += task.deletes.reduce((left, file) => left - file.recordCount, task.dataFile.recordCount);
    } else {
      unknown.push(task);
    }
  }
  if (unknown.length === 0) return rows;
  const { session, options } = workspace;
  const { sql } = await scanSql({
    duckdb: session.duckdb,
    storage: session.lake.storage,
    metadata: target.metadata,
    schema: target.schema,
    files: unknown,
    signal: options.signal,
  });
  const [row] = await workspace.rows(`SELECT count(*) AS n FROM (${sql})`);
  return rows + Number(row!.n);
}

/** The delete files of removed data files that apply to no other live file. */
export async function orphanedDeletes(
  workspace: Workspace,
  target: Target,
  removed: readonly FileScanTask[],
): Promise<DataFile[]> {
  const orphans = new Map(removed.flatMap(task => task.deletes.map(file => [deleteKey(file), file])));
  if (orphans.size === 0) return [];
  const gone = new Set(removed.map(task => task.dataFile.filePath));
  const { tasks } = await planTarget(workspace, target, alwaysTrue);
  for (const { dataFile, deletes } of tasks) {
    if (!gone.has(dataFile.filePath)) for (const file of deletes) orphans.delete(deleteKey(file));
  }
  return [...orphans.values()];
}

/** Several deletion vectors share one file. */
function deleteKey(file: DataFile): string {
  return isDeletionVector(file) ? `${file.filePath}#${file.contentOffset}` : file.filePath;
}

/** All live delete files of the target's snapshot. */
export async function liveDeletes(io: FileIO, { metadata, snapshotId }: Target): Promise<DataFile[]> {
  const snapshot = snapshotId === undefined ? undefined : snapshotById(metadata, snapshotId);
  if (snapshot === undefined) return [];
  const files: DataFile[] = [];
  for (const manifest of await snapshotManifests(io, snapshot)) {
    if (manifest.content !== 1 || !hasLiveFiles(manifest)) continue;
    for (const { dataFile } of await readLiveEntries(io, manifest, metadata)) files.push(dataFile);
  }
  return files;
}
