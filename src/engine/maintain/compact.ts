import type { LoadedTable } from '../../catalog/catalog.ts';
import { deleteQuietly } from '../../catalog/commit.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { NotFoundError, UnsupportedError } from '../../iceberg/errors.ts';
import { alwaysTrue } from '../../iceberg/expression.ts';
import { currentSortOrder, snapshotById } from '../../iceberg/metadata.ts';
import { hasRowLineage, withRowLineage } from '../../iceberg/row-lineage.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';
import type { Schema } from '../../iceberg/schema.ts';
import type { SortOrder } from '../../iceberg/sort.ts';
import { type SortTerm, sortFields } from '../../iceberg/sort-update.ts';
import { orphanedDeletes, planTarget } from '../dml/plan.ts';
import { type Target, targetOf } from '../dml/target.ts';
import { Workspace } from '../dml/workspace.ts';
import { quoteIdentifier } from '../quote.ts';
import { scanSql } from '../read.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import { SqlText } from '../sql/sql-text.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { ChangedMeanwhileError, commitSnapshot, withTableReruns } from '../transaction.ts';
import { type WriteRequest, writeDataFiles } from '../write.ts';
import { sortSql } from '../write-plan.ts';
import { type CompactGroup, type CompactOptions, compactOptions, planCompaction } from './compact-plan.ts';
import { zOrderSql } from './z-order.ts';

/** How rows are ordered in the new files; `table`: by the table's write order, where it has one. */
export type CompactOrder =
  | { readonly kind: 'table' }
  | { readonly kind: 'sort'; readonly terms: readonly SortTerm[] }
  | { readonly kind: 'z-order'; readonly columns: readonly string[] };

export interface CompactRequest {
  readonly table: LoadedTable;
  /** `main` when absent. */
  readonly branch?: string;
  /** Only files that may hold rows for which this holds; they're rewritten as a whole. */
  readonly where?: SqlText;
  /** The text that positions of the condition's errors are told in. */
  readonly source?: string;
  /** How the condition names the table; its own name when absent. */
  readonly order?: CompactOrder;
  /** By their names in Spark's rewrite_data_files. */
  readonly options?: Readonly<Record<string, string>>;
  readonly defaults?: Partial<CompactOptions>;
}

export interface Compaction {
  readonly filesRewritten: number;
  readonly filesAdded: number;
  readonly bytesRewritten: number;
  readonly bytesAdded: number;
  readonly deleteFilesRemoved: number;
  /** With partial progress: files whose group met another writer's change and was left as it is. */
  readonly filesFailed: number;
  /** Data files of the table before. */
  readonly filesBefore: number;
  /** The last commit's; absent when there was nothing to do. */
  readonly snapshotId?: bigint;
  readonly commits: number;
}

const nothing: Compaction = {
  filesRewritten: 0,
  filesAdded: 0,
  bytesRewritten: 0,
  bytesAdded: 0,
  deleteFilesRemoved: 0,
  filesFailed: 0,
  filesBefore: 0,
  commits: 0,
};

/**
 * Rewrites files that are too small, too large or have many deleted rows; rows stay what they are. The new files are
 * as old as the snapshot that was read, so that equality deletes committed meanwhile still apply to them; row ids are
 * kept.
 * @throws ValidationError, UnsupportedError for columns that can't be read, CommitConflictError, InterruptedError
 */
export async function compact(
  session: EngineSession,
  request: CompactRequest,
  options: ExecuteOptions,
): Promise<Compaction> {
  return withTableReruns(session.lake, request.table, options.signal, table => {
    const tables = new StatementTables(session);
    tables.pin(table);
    return Workspace.within(session, request.source ?? '', tables, options, workspace =>
      new Compactor(workspace, targetOf(session, table, request.branch), request).run(),
    );
  });
}

class Compactor {
  readonly #workspace: Workspace;
  readonly #target: Target;
  readonly #request: CompactRequest;
  #done: Compaction = nothing;
  /** Files that are rewritten and committed, and the deletes that went with them. */
  readonly #gone: FileScanTask[] = [];
  readonly #goneDeletes = new Set<string>();

  constructor(workspace: Workspace, target: Target, request: CompactRequest) {
    this.#workspace = workspace;
    this.#target = target;
    this.#request = request;
  }

  async run(): Promise<Compaction> {
    const { where, order = { kind: 'table' }, defaults } = this.#request;
    const target = this.#target;
    const { identifier } = target.table;
    const options = compactOptions(target.metadata, this.#request.options ?? {}, defaults);
    const { sortOrder, orderBy } = orderOf(target, order);
    const { filter } =
      where === undefined
        ? { filter: alwaysTrue }
        : await this.#workspace.condition(where, identifier.name, target.schema);
    const { tasks, dataFiles } = await planTarget(this.#workspace, target, filter);
    const inOrder = orderBy !== undefined || sortOrder.fields.length > 0;
    const groups = planCompaction(target.metadata, tasks, options, inOrder);
    this.#done = { ...nothing, filesBefore: dataFiles };
    if (groups.length === 0) return this.#done;
    requireNoHiddenColumns(target);
    const write = (group: CompactGroup) => this.#write(group, options, sortOrder, orderBy);
    if (!options.partialProgress) await this.#commitAll(groups, write);
    else for (const group of groups) await this.#commitOne(group, write);
    return this.#done;
  }

  async #commitAll(
    groups: readonly CompactGroup[],
    write: (group: CompactGroup) => Promise<DataFile[]>,
  ): Promise<void> {
    const added: DataFile[] = [];
    try {
      for (const group of groups) added.push(...(await write(group)));
    } catch (error) {
      await deleteQuietly(
        this.#workspace.session.lake.storage,
        added.map(file => file.filePath),
      );
      throw error;
    }
    await this.#commit(groups, added);
  }

  /** What another writer changed meanwhile is left to a later compaction. */
  async #commitOne(group: CompactGroup, write: (group: CompactGroup) => Promise<DataFile[]>): Promise<void> {
    const added = await write(group);
    try {
      await this.#commit([group], added);
    } catch (error) {
      if (!(error instanceof ChangedMeanwhileError)) throw error;
      this.#done = { ...this.#done, filesFailed: this.#done.filesFailed + group.tasks.length };
    }
  }

  async #commit(groups: readonly CompactGroup[], added: readonly DataFile[]): Promise<void> {
    const { session, options } = this.#workspace;
    const target = this.#target;
    const { metadata } = target;
    const tasks = groups.flatMap(group => group.tasks);
    const orphaned = await orphanedDeletes(this.#workspace, target, [...this.#gone, ...tasks]);
    const deletes = orphaned.filter(file => !this.#goneDeletes.has(keyOf(file)));
    const read = snapshotById(metadata, target.snapshotId!)!;
    const { snapshotId } = await commitSnapshot(
      session.lake,
      {
        table: target.table,
        branch: target.branch,
        operation: 'replace',
        added,
        removed: [...tasks.map(({ dataFile }) => dataFile), ...deletes],
        validation: { kind: 'rewrite' },
        ...(metadata.formatVersion === 1 ? {} : { dataSequenceNumber: read.sequenceNumber }),
      },
      options,
    );
    this.#gone.push(...tasks);
    for (const file of deletes) this.#goneDeletes.add(keyOf(file));
    const done = this.#done;
    const bytes = (files: readonly DataFile[]) => files.reduce((sum, file) => sum + file.fileSizeInBytes, 0);
    this.#done = {
      ...done,
      filesRewritten: done.filesRewritten + tasks.length,
      filesAdded: done.filesAdded + added.length,
      bytesRewritten: done.bytesRewritten + bytes(tasks.map(({ dataFile }) => dataFile)),
      bytesAdded: done.bytesAdded + bytes(added),
      deleteFilesRemoved: done.deleteFilesRemoved + deletes.length,
      commits: done.commits + 1,
      snapshotId,
    };
  }

  async #write(
    group: CompactGroup,
    options: CompactOptions,
    sortOrder: SortOrder,
    orderBy: readonly string[] | undefined,
  ): Promise<DataFile[]> {
    const { session, options: run } = this.#workspace;
    const { metadata, schema: own } = this.#target;
    const schema = hasRowLineage(metadata) ? withRowLineage(own) : own;
    const { storage } = session.lake;
    const { sql } = await scanSql({
      duckdb: session.duckdb,
      storage,
      metadata,
      schema,
      files: group.tasks,
      exact: true,
      signal: run.signal,
    });
    const size = String(options.targetFileSize);
    const request = {
      duckdb: session.duckdb,
      storage,
      metadata: { ...metadata, properties: { ...metadata.properties, 'write.target-file-size-bytes': size } },
      schema,
      sortOrder,
      ...(orderBy === undefined ? {} : { orderBy }),
      signal: run.signal,
      onProgress: run.onProgress,
    };
    if (!group.isCut) return writeDataFiles({ ...request, sourceSql: sql });
    return this.#writeInParts(group, options, schema, sql, request);
  }

  /** DuckDB makes one file of a partition, however large: so its rows go to it in parts. */
  async #writeInParts(
    group: CompactGroup,
    options: CompactOptions,
    schema: Schema,
    sql: string,
    request: Omit<WriteRequest, 'sourceSql'> & { readonly sortOrder: SortOrder },
  ): Promise<DataFile[]> {
    const { orderBy = sortSql(request.sortOrder, schema), ...rest } = request;
    const ordered = orderBy.length === 0 ? sql : `SELECT * FROM (${sql}) ORDER BY ${orderBy.join(', ')}`;
    const { name, rows } = await this.#workspace.table('compacted', SqlText.generated(ordered), 'reading');
    const parts = Math.max(1, Math.round(group.size / options.targetFileSize));
    const perPart = Math.ceil(rows / parts);
    const added: DataFile[] = [];
    try {
      for (let start = 0; start < rows; start += perPart) {
        const sourceSql = `SELECT ${schema.fields.map(field => quoteIdentifier(field.name)).join(', ')}
          FROM ${name} WHERE rowid >= ${start} AND rowid < ${start + perPart}`;
        added.push(...(await writeDataFiles({ ...rest, sourceSql })));
      }
    } catch (error) {
      await deleteQuietly(
        rest.storage,
        added.map(file => file.filePath),
      );
      throw error;
    }
    return added;
  }
}

/** Several deletion vectors share one file. */
function keyOf(file: DataFile): string {
  return `${file.filePath}#${file.contentOffset ?? ''}`;
}

function orderOf(
  { metadata, schema }: Target,
  order: CompactOrder,
): { readonly sortOrder: SortOrder; readonly orderBy?: readonly string[] } {
  if (order.kind === 'table') {
    return { sortOrder: currentSortOrder(metadata) };
  }
  const unsorted = { orderId: 0, fields: [] };
  if (order.kind === 'z-order') {
    const fields = order.columns.map(name => {
      const field = schema.fields.find(each => each.name.toLowerCase() === name.toLowerCase());
      if (field !== undefined) return field;
      throw new NotFoundError('column', `The table has no column "${name}".`, {
        hint: `Its columns: ${schema.fields.map(each => each.name).join(', ')}.`,
      });
    });
    return { sortOrder: unsorted, orderBy: [zOrderSql(fields)] };
  }
  const fields = sortFields(order.terms, schema);
  const same = metadata.sortOrders.find(each => JSON.stringify(each.fields) === JSON.stringify(fields));
  return { sortOrder: { orderId: same?.orderId ?? 0, fields } };
}

/** @throws UnsupportedError when a column of the table hides a column of row lineage, which would be lost */
function requireNoHiddenColumns({ metadata, schema, name }: Target): void {
  if (!hasRowLineage(metadata)) return;
  const hiding = schema.fields.find(field => /^_(row_id|last_updated_sequence_number)$/i.test(field.name));
  if (hiding === undefined) return;
  throw new UnsupportedError(`${name} has a column named "${hiding.name}", as the format calls its own.`, {
    hint: 'Rename the column first.',
  });
}
