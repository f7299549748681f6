import type { Namespace } from '../catalog/catalog.ts';
import { formatNamespace, parseNamespace } from '../catalog/identifiers.ts';
import type { EngineSession } from '../engine/session.ts';
import { LakebookError } from '../iceberg/errors.ts';
import { currentSnapshot } from '../iceberg/metadata.ts';
import { count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { TablesRequest } from './requests.ts';

const columns = [
  { name: 'namespace', type: 'VARCHAR' },
  { name: 'table', type: 'VARCHAR' },
  { name: 'rows', type: 'BIGINT' },
  { name: 'files', type: 'BIGINT' },
  { name: 'bytes', type: 'BIGINT' },
  { name: 'snapshots', type: 'BIGINT' },
  { name: 'changed_at', type: 'TIMESTAMP WITH TIME ZONE' },
];

/**
 * Lists the tables of a namespace and of those below it, or of the whole lake. A table whose metadata can't be read
 * is listed with a warning.
 * @throws NotFoundError('namespace')
 */
export async function tables(
  session: EngineSession,
  request: TablesRequest,
  _options: VerbOptions = {},
): Promise<VerbAnswer> {
  const { catalog } = session.lake;
  const start = request.namespace === undefined ? undefined : namespaceOf(session, request.namespace);
  const rows: unknown[][] = [];
  const warnings: string[] = [];
  for (const namespace of await namespacesFrom(session, start)) {
    for (const identifier of await catalog.listTables(namespace)) {
      const named = [formatNamespace(namespace), identifier.name];
      try {
        const { metadata } = await catalog.loadTable(identifier);
        const summary = currentSnapshot(metadata)?.summary ?? { 'total-records': '0' };
        const total = (key: string) => (summary[key] === undefined ? null : Number(summary[key]));
        rows.push([
          ...named,
          total('total-records'),
          total('total-data-files') ?? (summary['total-records'] === '0' ? 0 : null),
          total('total-files-size') ?? (summary['total-records'] === '0' ? 0 : null),
          metadata.snapshots.length,
          new Date(metadata.lastUpdatedMs),
        ]);
      } catch (error) {
        if (!(error instanceof LakebookError)) throw error;
        // Dropped since it was listed.
        if (error.code === 'TABLE_NOT_FOUND') continue;
        rows.push([...named, null, null, null, null, null]);
        warnings.push(`${named.join('.')} can't be read: ${error.message}`);
      }
    }
  }
  const where = start === undefined ? 'the lake' : formatNamespace(start);
  const text =
    rows.length === 0
      ? `There are no tables in ${where} yet. \`%lake create\` and \`%lake ingest ... create\` make one.`
      : `${count(rows.length, 'table')} in ${where}.`;
  return { text, columns, rows, ...(warnings.length > 0 ? { warnings } : {}) };
}

function namespaceOf(session: EngineSession, text: string): Namespace {
  const levels = parseNamespace(text);
  return levels.length > 1 && levels[0] === session.lake.name ? levels.slice(1) : levels;
}

async function namespacesFrom(session: EngineSession, start: Namespace | undefined): Promise<Namespace[]> {
  const { catalog } = session.lake;
  const found: Namespace[] = start === undefined ? [] : [start];
  const waiting: (Namespace | undefined)[] = [start];
  while (waiting.length > 0) {
    for (const namespace of await catalog.listNamespaces(waiting.shift())) {
      found.push(namespace);
      waiting.push(namespace);
    }
  }
  return found;
}
