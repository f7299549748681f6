import { ValidationError } from '../../iceberg/errors.ts';
import { ancestors } from '../../iceberg/ref-update.ts';
import {
  compact,
  compactManifests,
  computeStatistics,
  expireSnapshots,
  findOrphans,
  rewritePositionDeletes,
} from '../maintain/index.ts';
import { compactOrder, listItems } from '../maintain/order-text.ts';
import { quoteString } from '../quote.ts';
import { SqlText } from '../sql/sql-text.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { StatementOutcome } from '../statement-result.ts';
import type { Call, Procedure } from './call.ts';
import { cherryPick } from './snapshots.ts';

const table = { name: 'table', type: 'text' } as const;
const optional = { optional: true } as const;

/** Maintenance, with the names, parameters and results of Iceberg's Spark procedures. */
export const maintenanceProcedures: Readonly<Record<string, Procedure>> = {
  rewrite_data_files: {
    parameters: [
      table,
      { name: 'strategy', type: 'text', ...optional },
      { name: 'sort_order', type: 'text', ...optional },
      { name: 'options', type: 'map', ...optional },
      { name: 'where', type: 'text', ...optional },
      { name: 'branch', type: 'text', ...optional },
    ],
    run: rewriteDataFiles,
  },
  expire_snapshots: {
    parameters: [
      table,
      { name: 'older_than', type: 'timestamp', ...optional },
      { name: 'retain_last', type: 'integer', ...optional },
      { name: 'max_concurrent_deletes', type: 'integer', ...optional },
      { name: 'stream_results', type: 'boolean', ...optional },
      { name: 'snapshot_ids', type: 'list', ...optional },
    ],
    run: expire,
  },
  remove_orphan_files: {
    parameters: [
      table,
      { name: 'older_than', type: 'timestamp', ...optional },
      { name: 'location', type: 'text', ...optional },
      { name: 'dry_run', type: 'boolean', ...optional },
      { name: 'max_concurrent_deletes', type: 'integer', ...optional },
    ],
    run: removeOrphans,
  },
  rewrite_manifests: {
    parameters: [
      table,
      { name: 'use_caching', type: 'boolean', ...optional },
      { name: 'spec_id', type: 'integer', ...optional },
    ],
    run: async call => {
      const specId = call.has('spec_id') ? { specId: Number(call.id('spec_id')) } : {};
      const done = await compactManifests(call.session, await call.table(), specId, call.options);
      return counts(call, { rewritten_manifests_count: done.rewritten, added_manifests_count: done.added });
    },
  },
  rewrite_position_delete_files: {
    parameters: [table, { name: 'options', type: 'map', ...optional }],
    run: async call => {
      const all = optionsOf(call)['rewrite-all']?.toLowerCase() === 'true';
      const done = await rewritePositionDeletes(call.session, await call.table(), all, call.options);
      return counts(call, {
        rewritten_delete_files_count: done.filesRewritten,
        added_delete_files_count: done.filesAdded,
        rewritten_bytes_count: done.bytesRewritten,
        added_bytes_count: done.bytesAdded,
      });
    },
  },
  compute_table_stats: {
    parameters: [
      table,
      { name: 'snapshot_id', type: 'snapshot', ...optional },
      { name: 'columns', type: 'list', ...optional },
    ],
    run: computeTableStats,
  },
  publish_changes: {
    parameters: [table, { name: 'wap_id', type: 'text' }],
    run: publishChanges,
  },
};

async function computeTableStats(call: Call): Promise<StatementOutcome> {
  const done = await computeStatistics(
    call.session,
    {
      table: await call.table(),
      ...(call.has('snapshot_id') ? { snapshotId: call.id('snapshot_id') } : {}),
      ...(call.has('columns') ? { columns: JSON.parse(call.text('columns')) as string[] } : {}),
    },
    call.options,
  );
  const file = done === undefined ? 'NULL::VARCHAR' : quoteString(done.location);
  return answer(call, `SELECT ${file} AS statistics_file`);
}

async function rewriteDataFiles(call: Call): Promise<StatementOutcome> {
  const sortOrder = call.has('sort_order') ? call.text('sort_order') : undefined;
  const strategy = call.has('strategy')
    ? call.text('strategy').toLowerCase()
    : sortOrder === undefined
      ? 'binpack'
      : 'sort';
  if (strategy !== 'binpack' && strategy !== 'sort') {
    throw new ValidationError(`The strategy is binpack or sort, not '${strategy}'.`, {
      position: call.options.at,
    });
  }
  if (strategy === 'binpack' && sortOrder !== undefined) {
    throw new ValidationError('The strategy binpack has no sort_order.', {
      hint: "Give strategy => 'sort'.",
      position: call.options.at,
    });
  }
  const where = call.has('where') ? call.text('where') : undefined;
  const done = await compact(
    call.session,
    {
      table: await call.table(),
      ...(call.has('branch') ? { branch: call.text('branch') } : {}),
      ...(where === undefined ? {} : { where: SqlText.written(where), source: where }),
      order: compactOrder(sortOrder === undefined ? [] : listItems(sortOrder)),
      options: optionsOf(call),
    },
    call.options,
  );
  return counts(call, {
    rewritten_data_files_count: done.filesRewritten,
    added_data_files_count: done.filesAdded,
    rewritten_bytes_count: done.bytesRewritten,
    failed_data_files_count: done.filesFailed,
    removed_delete_files_count: done.deleteFilesRemoved,
  });
}

function optionsOf(call: Call): Record<string, string> {
  return call.has('options') ? (JSON.parse(call.text('options')) as Record<string, string>) : {};
}

async function expire(call: Call): Promise<StatementOutcome> {
  const done = await expireSnapshots(
    call.session,
    {
      table: await call.table(),
      ...(call.has('older_than') ? { olderThanMs: Number(call.id('older_than') / 1000n) } : {}),
      ...(call.has('retain_last') ? { keep: Number(call.id('retain_last')) } : {}),
      ...(call.has('snapshot_ids')
        ? { snapshotIds: (JSON.parse(call.text('snapshot_ids')) as string[]).map(BigInt) }
        : {}),
    },
    call.options,
  );
  return counts(call, {
    deleted_data_files_count: done.dataFiles,
    deleted_position_delete_files_count: done.positionDeleteFiles,
    deleted_equality_delete_files_count: done.equalityDeleteFiles,
    deleted_manifest_files_count: done.manifests,
    deleted_manifest_lists_count: done.manifestLists,
    deleted_statistics_files_count: done.statisticsFiles,
  });
}

async function removeOrphans(call: Call): Promise<StatementOutcome> {
  const found = await findOrphans(
    call.session,
    {
      table: await call.table(),
      delete: !(call.has('dry_run') && call.text('dry_run') === 'true'),
      ...(call.has('older_than') ? { olderThanMs: Number(call.id('older_than') / 1000n) } : {}),
      ...(call.has('location') ? { location: call.text('location') } : {}),
    },
    call.options,
  );
  const rows = found.files.map(file => `(${quoteString(file.location)})`);
  return answer(
    call,
    rows.length === 0
      ? "SELECT '' AS orphan_file_location WHERE false"
      : `SELECT * FROM (VALUES ${rows.join(', ')}) AS orphans(orphan_file_location)`,
  );
}

/** Write-audit-publish: the staged snapshot that has the id becomes part of the main branch. */
async function publishChanges(call: Call): Promise<StatementOutcome> {
  const loaded = await call.table();
  const id = call.text('wap_id');
  const { metadata } = loaded;
  const staged = metadata.snapshots.find(({ summary }) => summary['wap.id'] === id);
  if (staged === undefined) {
    throw new ValidationError(`The table has no snapshot that was staged with the WAP id '${id}'.`, {
      hint: 'Snapshots that were written aside have their id in the summary, as wap.id.',
      position: call.options.at,
    });
  }
  const published = ancestors(metadata, metadata.currentSnapshotId).some(
    ({ summary }) => summary['published-wap-id'] === id,
  );
  if (published) {
    throw new ValidationError(`The changes with the WAP id '${id}' are published already.`, {
      position: call.options.at,
    });
  }
  await cherryPick(call.session, loaded, staged.snapshotId, call.options);
  const { metadata: now } = await call.session.lake.catalog.loadTable(loaded.identifier);
  return answer(
    call,
    `SELECT ${staged.snapshotId}::BIGINT AS source_snapshot_id, ${now.currentSnapshotId}::BIGINT AS current_snapshot_id`,
  );
}

async function counts(call: Call, values: Readonly<Record<string, number>>): Promise<StatementOutcome> {
  const columns = Object.entries(values).map(([name, value]) => `${value}::BIGINT AS ${name}`);
  return answer(call, `SELECT ${columns.join(', ')}`);
}

async function answer(call: Call, query: string): Promise<StatementOutcome> {
  const result = await call.session.query(SqlText.generated(query), call.source, call.options);
  return { kind: 'rows', result };
}

/** The pairs of Spark's `map('a', 'b', ...)`, which DuckDB reads otherwise, as JSON; undefined for other expressions. */
export function sparkMap(text: string): string | undefined {
  const [word, open, ...rest] = tokenize(text);
  if (word?.value.toLowerCase() !== 'map' || open?.text !== '(') return undefined;
  if (rest.pop()?.text !== ')') return undefined;
  const values: string[] = [];
  for (const [index, token] of rest.entries()) {
    if (index % 2 === 1 ? token.text !== ',' : token.type !== 'string' && token.type !== 'number')
      return undefined;
    if (index % 2 === 0) values.push(token.value);
  }
  if (values.length % 2 === 1) return undefined;
  const pairs = values.flatMap((key, index) => (index % 2 === 0 ? [[key, values[index + 1]!]] : []));
  return JSON.stringify(Object.fromEntries(pairs as [string, string][]));
}
