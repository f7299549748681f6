import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DefaultVersion } from '../../engine/statement-result.ts';
import { timeoutOf } from '../change.ts';
import type { Gateway } from '../context.ts';
import { accepted } from '../http/accept.ts';
import { GatewayError } from '../http/problems.ts';
import { requestSignal } from '../http/request-signal.ts';
import { problems, QueryBody, QueryParams, queryAnswers } from '../http/schemas.ts';
import { arrow, csv, mediaTypes, ndjson, type QueryFormat } from '../query/formats.ts';
import { jsonPage, parquetAnswer, type QueryRequest, runQuery } from '../query/query.ts';

const formats = Object.keys(mediaTypes) as QueryFormat[];

export interface QueryOptions {
  readonly sql: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly limit?: number;
  readonly page_size?: number;
  readonly timeout?: number;
  readonly snapshot?: string;
  readonly as_of?: string;
  readonly layout?: 'rows' | 'columns';
}

export function queryRoutes(gateway: Gateway): FastifyPluginAsyncTypebox {
  return async server => {
    const responses = { 200: queryAnswers(), ...problems(401, 404, 406, 408, 410, 413, 415, 422) };
    server.get(
      '/query',
      {
        config: { access: 'read' },
        schema: {
          summary: 'Run a query, or read the next page of one',
          operationId: 'query',
          tags: ['query'],
          querystring: QueryParams,
          response: responses,
        },
      },
      async (request, reply) => {
        const { cursor, sql, ...options } = request.query;
        if (cursor !== undefined) {
          if (sql !== undefined) throw oneOf();
          return readPage(gateway, request, reply, cursor, options.page_size, options.layout);
        }
        if (sql === undefined) throw oneOf();
        return answerQuery(gateway, request, reply, { sql, ...options });
      },
    );
    server.post(
      '/query',
      {
        config: { access: 'read' },
        schema: {
          summary: 'Run a query with bound parameters',
          operationId: 'queryWithParameters',
          tags: ['query'],
          body: QueryBody,
          response: responses,
        },
      },
      async (request, reply) => answerQuery(gateway, request, reply, request.body),
    );
  };
}

function oneOf(): GatewayError {
  return new GatewayError(400, 'INVALID_REQUEST', 'Give either `sql` or `cursor`.');
}

/** Runs a query and answers in the format that the client likes best. */
export async function answerQuery(
  gateway: Gateway,
  request: FastifyRequest,
  reply: FastifyReply,
  options: QueryOptions,
): Promise<FastifyReply> {
  const format = accepted(request.headers.accept, formats, mediaTypes);
  const { limits, sessions, cursors } = gateway;
  const paged = options.page_size !== undefined;
  if (paged && format !== 'json') {
    throw new GatewayError(
      406,
      'NOT_ACCEPTABLE',
      'Pages are given in JSON; the other formats give all rows in one piece.',
    );
  }
  const start = performance.now();
  const ends = requestSignal(request, reply, timeoutOf(gateway, options.timeout));
  const { signal } = ends;
  const most = paged || format !== 'json' ? limits.rows : limits.jsonRows;
  const query: QueryRequest = {
    sql: options.sql,
    parameters: options.parameters ?? {},
    maxRows: Math.min(options.limit ?? most, most),
    version: versionOf(options),
  };
  try {
    if (format === 'parquet') {
      const { stream, bytes } = await sessions.queries.useKnowing(signal, session =>
        parquetAnswer(session, sessions.answers, query, limits, signal),
      );
      return send(reply.header('content-length', bytes), format, stream);
    }
    if (format !== 'json') {
      const { result } = await sessions.queries.useKnowing(signal, session =>
        runQuery(session, query, limits, signal),
      );
      reply.raw.once('close', () => void result.close());
      const make = { ndjson, csv, arrow }[format];
      return send(reply, format, make(result));
    }
    const layout = options.layout ?? 'rows';
    const pageRows = Math.min(options.page_size ?? query.maxRows, limits.jsonRows);
    const make = () =>
      sessions.queries.useKnowing(signal, async session => {
        const { result, guarded } = await runQuery(session, query, limits, signal);
        let isKept = false;
        try {
          const page = await jsonPage(result, 0, pageRows, layout);
          let next: string | undefined;
          if (paged || result.complete) await result.finished();
          if (paged && page.rows < result.rowCount) {
            next = cursors.add(result, request.access ?? 'read', page.rows);
            isKept = true;
          }
          const value = { page, truncated: result.truncated, next };
          return {
            value,
            size: page.text.length,
            ...(guarded.isRepeatable ? { reads: guarded.tables } : {}),
          };
        } finally {
          if (!isKept) await result.close();
        }
      });
    if (paged) {
      const { page, truncated, next } = (await make()).value;
      return sendJson(reply, page, truncated, next, start);
    }
    const { sql, parameters, version, maxRows } = query;
    const key = JSON.stringify([sql, parameters, version, maxRows, layout]);
    const { value, isHit } = await gateway.answers.answer(key, make);
    reply.header('x-cache', isHit ? 'hit' : 'miss');
    return sendJson(reply, value.page, value.truncated, undefined, start);
  } catch (error) {
    throw ends.explain(error);
  } finally {
    ends.done();
  }
}

async function readPage(
  { cursors, limits }: Gateway,
  request: FastifyRequest,
  reply: FastifyReply,
  cursor: string,
  pageSize: number | undefined,
  layout: 'rows' | 'columns' = 'rows',
): Promise<FastifyReply> {
  const start = performance.now();
  const { id, result, offset } = cursors.find(cursor, request.access ?? 'read');
  const page = await jsonPage(result, offset, Math.min(pageSize ?? 1000, limits.jsonRows), layout);
  const end = offset + page.rows;
  const next = end < result.rowCount ? `${id}.${end}` : undefined;
  return sendJson(reply, page, result.truncated, next, start);
}

function sendJson(
  reply: FastifyReply,
  page: { readonly text: string; readonly rows: number },
  truncated: boolean,
  next: string | undefined,
  start: number,
): FastifyReply {
  const elapsed = Math.round((performance.now() - start) * 1000) / 1000;
  const more = next === undefined ? '' : `,"next":${JSON.stringify(next)}`;
  return send(
    reply,
    'json',
    `{${page.text},"row_count":${page.rows},"truncated":${truncated}${more},"elapsed_ms":${elapsed}}`,
  );
}

function send(reply: FastifyReply, format: QueryFormat, payload: unknown): FastifyReply {
  const type = mediaTypes[format];
  reply.header(
    'content-type',
    /^(text\/csv|application\/json)$/.test(type) ? `${type}; charset=utf-8` : type,
  );
  return reply.send(payload);
}

export function versionOf({
  snapshot,
  as_of: asOf,
}: Pick<QueryOptions, 'snapshot' | 'as_of'>): DefaultVersion | undefined {
  if (snapshot !== undefined && asOf !== undefined) {
    throw new GatewayError(400, 'INVALID_REQUEST', 'Give either `snapshot` or `as_of`.');
  }
  if (snapshot !== undefined) return { unit: 'version', text: snapshot };
  return asOf === undefined ? undefined : { unit: 'timestamp', text: asOf };
}
