import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Gateway } from '../context.ts';
import { GatewayError } from '../http/problems.ts';
import { content, problems } from '../http/schemas.ts';

const Healthy = Type.Object({ status: Type.Literal('ok') });
const readyMs = 5_000;

export function healthRoutes(gateway: Gateway): FastifyPluginAsyncTypebox {
  return async server => {
    const { lake, sessions, metrics, cursors } = gateway;
    metrics.gauge('queries_running', 'Queries that run.', () => sessions.queries.running);
    metrics.gauge('queries_waiting', 'Queries that wait.', () => sessions.queries.waiting);
    metrics.gauge('changes_running', 'Changes of tables that run.', () => sessions.changes.running);
    metrics.gauge('changes_waiting', 'Changes of tables that wait.', () => sessions.changes.waiting);
    metrics.gauge('cursors', 'Results that are kept for reading page by page.', () => cursors.count);
    const tags = ['operation'];
    const response = { 200: content('application/json', Healthy, 'It is'), ...problems() };
    server.get(
      '/healthz',
      {
        config: { access: 'none' },
        schema: { summary: 'Whether the server runs', operationId: 'health', tags, security: [], response },
      },
      async () => ({ status: 'ok' as const }),
    );
    server.get(
      '/readyz',
      {
        config: { access: 'none' },
        schema: {
          summary: 'Whether the lake can be queried',
          operationId: 'ready',
          tags,
          security: [],
          response: { ...response, ...problems(503) },
        },
      },
      async () => {
        try {
          await lake.catalog.version();
          await sessions.queries.use(AbortSignal.timeout(readyMs), session =>
            session.duckdb.rows('SELECT 1'),
          );
        } catch {
          throw new GatewayError(503, 'NOT_READY', 'The catalog or the engine does not answer.');
        }
        return { status: 'ok' as const };
      },
    );
    server.get(
      '/metrics',
      {
        config: { access: 'read' },
        schema: {
          summary: 'Numbers for Prometheus',
          operationId: 'metrics',
          tags,
          response: { 200: content('text/plain', Type.String(), 'The metrics'), ...problems(401) },
        },
      },
      async (_request, reply) =>
        reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
    );
  };
}
