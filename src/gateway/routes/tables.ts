import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { LoadedTable } from '../../catalog/catalog.ts';
import { formatNamespace } from '../../catalog/identifiers.ts';
import type { EngineSession } from '../../engine/index.ts';
import { currentSchema, currentSnapshot, currentSortOrder, currentSpec } from '../../iceberg/metadata.ts';
import { fieldPath, typeToString } from '../../iceberg/schema.ts';
import { transformText } from '../../lake/describe.ts';
import {
  create,
  deleteRows,
  drop,
  type EvolveChange,
  evolve,
  rollback,
  sqlName,
  tables,
  type Version,
} from '../../lake/index.ts';
import { requireTable } from '../../lake/targets.ts';
import { changeTable } from '../change.ts';
import type { Gateway } from '../context.ts';
import { GatewayError } from '../http/problems.ts';
import {
  ChangeAnswer,
  CreateBody,
  content,
  DeleteBody,
  DoneAnswer,
  DropParams,
  EvolveBody,
  IdempotencyHeader,
  PreviewParams,
  problems,
  queryAnswers,
  RollbackBody,
  SnapshotList,
  TableDetails,
  TableList,
  TableParams,
  UpsertBody,
} from '../http/schemas.ts';
import { changed, ingestUpload } from '../ingest/ingest.ts';
import { receive } from '../ingest/upload.ts';
import { requireLakeCondition } from '../security/sql-guard.ts';
import { answerQuery } from './query.ts';

const tags = ['tables'];
const json = 'application/json';

/** Bytes of the body of an upsert, whose rows are read into memory. */
const upsertBytes = 32 * 2 ** 20;

export function tableRoutes(gateway: Gateway): FastifyPluginAsyncTypebox {
  return async server => {
    const { sessions, limits, metrics } = gateway;
    const reading = { access: 'read' } as const;
    const signalOf = () => AbortSignal.timeout(limits.timeoutMs);
    /** A change that waits for others of the table, with the usual time. */
    const change = <T>(
      request: FastifyRequest,
      reply: FastifyReply,
      table: string,
      work: (session: EngineSession, signal: AbortSignal) => Promise<T>,
    ) => changeTable(gateway, request, reply, table, limits.timeoutMs, 'alone', work);

    server.get(
      '/tables',
      {
        config: reading,
        schema: {
          summary: 'List the tables of the lake',
          operationId: 'listTables',
          tags,
          response: { 200: content(json, TableList, 'The tables'), ...problems(401) },
        },
      },
      async () => {
        const answer = await sessions.queries.use(signalOf(), session => tables(session, {}));
        return {
          tables: (answer.rows ?? []).map(row => {
            const [namespace, table, rows, files, bytes, snapshots, at] = row as [
              string,
              string,
              ...(number | null)[],
            ];
            return {
              name: `${namespace}.${table}`,
              namespace,
              table,
              rows,
              files,
              bytes,
              snapshots,
              changed_at: at === null ? null : (at as unknown as Date).toISOString(),
            };
          }),
          warnings: [...(answer.warnings ?? [])],
        };
      },
    );

    server.post(
      '/tables',
      {
        config: { access: 'write' },
        schema: {
          summary: 'Make a table',
          operationId: 'createTable',
          tags,
          body: CreateBody,
          response: {
            201: content(json, DoneAnswer, 'The table is there'),
            ...problems(401, 404, 408, 409, 413, 415, 422),
          },
        },
      },
      async (request, reply) => {
        const { table, columns, partitioned_by, sorted_by, if_not_exists, properties, ...rest } =
          request.body;
        requirePlainProperties(Object.keys(properties ?? {}));
        const done = await change(request, reply, table, (session, signal) =>
          create(
            session,
            {
              table,
              columns,
              ...rest,
              ...(properties === undefined ? {} : { properties }),
              ...(partitioned_by === undefined ? {} : { partitionedBy: partitioned_by }),
              ...(sorted_by === undefined ? {} : { sortedBy: sorted_by }),
              ifNotExists: if_not_exists === true,
            },
            { signal },
          ),
        );
        return reply.code(201).send({ table, text: done.text });
      },
    );

    server.get(
      '/tables/:table',
      {
        config: reading,
        schema: {
          summary: "A table's columns, partitioning, key, properties and refs",
          operationId: 'describeTable',
          tags,
          params: TableParams,
          response: { 200: content(json, TableDetails, 'The table'), ...problems(401, 404) },
        },
      },
      async request =>
        sessions.queries.use(signalOf(), async session =>
          detailsOf(await requireTable(session, request.params.table)),
        ),
    );

    server.delete(
      '/tables/:table',
      {
        config: { access: 'write' },
        schema: {
          summary: 'Drop a table',
          operationId: 'dropTable',
          tags,
          params: TableParams,
          querystring: DropParams,
          response: {
            200: content(json, DoneAnswer, 'The table is gone'),
            ...problems(401, 404, 408, 409, 422),
          },
        },
      },
      async (request, reply) => {
        const { table } = request.params;
        const purge = request.query.purge === true;
        const answer = await change(request, reply, table, (session, signal) =>
          drop(session, { table, purge }, { signal }),
        );
        return reply.send({ table, text: answer.text });
      },
    );

    server.get(
      '/tables/:table/snapshots',
      {
        config: reading,
        schema: {
          summary: "A table's history, newest first",
          operationId: 'listSnapshots',
          tags,
          params: TableParams,
          response: { 200: content(json, SnapshotList, 'The snapshots'), ...problems(401, 404) },
        },
      },
      async request =>
        sessions.queries.use(signalOf(), async session =>
          snapshotsOf(await requireTable(session, request.params.table)),
        ),
    );

    server.get(
      '/tables/:table/preview',
      {
        config: reading,
        schema: {
          summary: 'The first rows of a table',
          operationId: 'previewTable',
          tags,
          params: TableParams,
          querystring: PreviewParams,
          response: { 200: queryAnswers(), ...problems(401, 404, 406, 408, 413, 422) },
        },
      },
      async (request, reply) => {
        const { limit = 100, ...options } = request.query;
        const name = request.params.table.split('.').map(sqlName).join('.');
        return answerQuery(gateway, request, reply, {
          sql: `SELECT * FROM ${name} LIMIT ${limit}`,
          limit,
          ...options,
        });
      },
    );

    server.post(
      '/tables/:table/upsert',
      {
        config: { access: 'write' },
        bodyLimit: upsertBytes,
        schema: {
          summary: 'Update the rows whose key is there, insert the others',
          operationId: 'upsertRows',
          tags,
          params: TableParams,
          headers: IdempotencyHeader,
          body: UpsertBody,
          response: {
            200: content(json, ChangeAnswer, 'What was done'),
            ...problems(401, 404, 408, 409, 413, 415, 422),
          },
        },
      },
      async (request, reply) => {
        const { table } = request.params;
        const { rows, on, when_matched_delete: whenMatchedDelete } = request.body;
        const key = request.headers['idempotency-key'];
        const lines = Readable.from(
          (function* () {
            for (const row of rows) yield Buffer.from(`${JSON.stringify(row)}\n`);
          })(),
          { objectMode: false },
        );
        const upload = await receive(lines, undefined, 'ndjson', sessions.uploads, limits, signalOf());
        try {
          const done = await change(request, reply, table, async (session, signal) => {
            if (whenMatchedDelete !== undefined)
              await requireLakeCondition(session, whenMatchedDelete, limits, signal);
            return ingestUpload(
              session,
              upload,
              {
                table,
                mode: 'upsert',
                create: false,
                format: 'ndjson',
                fileOptions: {},
                ...(on === undefined ? {} : { key: on }),
                ...(whenMatchedDelete === undefined ? {} : { whenMatchedDelete }),
                ...(key === undefined ? {} : { idempotencyKey: key }),
              },
              signal,
            );
          });
          if (!done.replayed && done.snapshot_id !== null) metrics.commits.inc();
          return await reply.send(done);
        } finally {
          await upload.remove();
        }
      },
    );

    server.post(
      '/tables/:table/delete',
      {
        config: { access: 'write' },
        schema: {
          summary: 'Delete the rows for which a condition holds',
          operationId: 'deleteRows',
          tags,
          params: TableParams,
          body: DeleteBody,
          response: {
            200: content(json, ChangeAnswer, 'What was done'),
            ...problems(401, 404, 408, 409, 413, 415, 422),
          },
        },
      },
      async (request, reply) => {
        const { table } = request.params;
        const { where } = request.body;
        const answer = await change(request, reply, table, async (session, signal) => {
          await requireLakeCondition(session, where, limits, signal);
          return deleteRows(session, { table, where }, { signal });
        });
        if (answer.snapshotId !== undefined) metrics.commits.inc();
        return reply.send(changed(table, answer));
      },
    );

    server.post(
      '/tables/:table/evolve',
      {
        config: { access: 'write' },
        schema: {
          summary: "Change a table's columns, partitioning, order, key or properties",
          description: 'All changes in one commit; no file is rewritten.',
          operationId: 'evolveTable',
          tags,
          params: TableParams,
          body: EvolveBody,
          response: {
            200: content(json, DoneAnswer, 'What was done'),
            ...problems(401, 404, 408, 409, 413, 415, 422),
          },
        },
      },
      async (request, reply) => {
        const { table } = request.params;
        const changes = request.body.changes as EvolveChange[];
        for (const asked of changes) {
          if (asked.kind === 'set') requirePlainProperties(Object.keys(asked.properties));
          if (asked.kind === 'unset') requirePlainProperties(asked.keys);
        }
        const answer = await change(request, reply, table, (session, signal) =>
          evolve(session, { table, changes }, { signal }),
        );
        return reply.send({ table, text: answer.text });
      },
    );

    server.post(
      '/tables/:table/rollback',
      {
        config: { access: 'write' },
        schema: {
          summary: 'Make an earlier version the current one',
          operationId: 'rollbackTable',
          tags,
          params: TableParams,
          body: RollbackBody,
          response: {
            200: content(json, DoneAnswer, 'What was done'),
            ...problems(401, 404, 408, 409, 413, 415, 422),
          },
        },
      },
      async (request, reply) => {
        const { table } = request.params;
        const to = rollbackTarget(request.body);
        const answer = await change(request, reply, table, (session, signal) =>
          rollback(session, { table, to }, { signal }),
        );
        const snapshotId = answer.snapshotId === undefined ? null : String(answer.snapshotId);
        return reply.send({ table, text: answer.text, snapshot_id: snapshotId });
      },
    );
  };
}

/** Properties that say where files are written stay out of reach: they would reach any folder of the machine. */
function requirePlainProperties(names: readonly string[]): void {
  const found = names.find(name => /\b(path|location|folder|directory|impl|uri)\b/i.test(name));
  if (found === undefined) return;
  throw new GatewayError(403, 'PROPERTY_REFUSED', `The property "${found}" can't be set here.`, {
    hint: 'Set it with the command line or in a notebook.',
  });
}

function rollbackTarget(body: {
  readonly snapshot?: string;
  readonly as_of?: string;
  readonly tag?: string;
  readonly steps?: number;
}): Version {
  const { snapshot, as_of: asOf, tag, steps } = body;
  if (snapshot !== undefined) return { kind: 'snapshot', id: BigInt(snapshot) };
  if (asOf !== undefined) return { kind: 'timestamp', text: asOf };
  if (tag !== undefined) return { kind: 'tag', name: tag };
  return { kind: 'previous', steps: steps! };
}

function detailsOf({ identifier, metadata }: LoadedTable) {
  const schema = currentSchema(metadata);
  const snapshot = currentSnapshot(metadata);
  const rows = snapshot?.summary['total-records'];
  return {
    name: identifier.name,
    namespace: formatNamespace(identifier.namespace),
    format_version: metadata.formatVersion,
    uuid: metadata.tableUuid,
    snapshot_id: snapshot === undefined ? null : String(snapshot.snapshotId),
    columns: schema.fields.map(({ id, name, type, required, doc }) => ({
      id,
      name,
      type: typeToString(type),
      required,
      comment: doc ?? null,
    })),
    key: schema.identifierFieldIds.map(id => fieldPath(schema, id) ?? String(id)),
    partitioned_by: currentSpec(metadata)
      .fields.filter(field => field.transform.kind !== 'void')
      .map(field => transformText(field.transform, schema, field.sourceId)),
    sorted_by: currentSortOrder(metadata).fields.map(
      field =>
        `${transformText(field.transform, schema, field.sourceId)} ${field.direction} ${field.nullOrder.replace('-', ' ')}`,
    ),
    properties: metadata.properties,
    refs: Object.entries(metadata.refs).map(([name, ref]) => ({
      name,
      type: ref.type,
      snapshot_id: String(ref.snapshotId),
    })),
    rows: snapshot === undefined ? 0 : rows === undefined ? null : Number(rows),
  };
}

function snapshotsOf({ metadata }: LoadedTable) {
  return {
    snapshots: metadata.snapshots
      .map((snapshot, index) => ({ snapshot, index }))
      .sort((a, b) => b.snapshot.timestampMs - a.snapshot.timestampMs || b.index - a.index)
      .map(({ snapshot }) => ({
        snapshot_id: String(snapshot.snapshotId),
        parent_id: snapshot.parentSnapshotId === undefined ? null : String(snapshot.parentSnapshotId),
        committed_at: new Date(snapshot.timestampMs).toISOString(),
        operation: snapshot.operation ?? null,
        is_current: snapshot.snapshotId === metadata.currentSnapshotId,
        summary: snapshot.summary,
      })),
  };
}
