import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Gateway } from '../context.ts';
import { CommitFeed } from '../events/commit-feed.ts';
import { GatewayError } from '../http/problems.ts';
import { problems } from '../http/schemas.ts';

/** A comment now and then keeps proxies from ending a quiet stream. */
const heartbeatMs = 15_000;

export function eventRoutes(gateway: Gateway): FastifyPluginAsyncTypebox {
  return async server => {
    const { lake, limits, metrics } = gateway;
    const feed = new CommitFeed(lake);
    server.addHook('preClose', async () => feed.close());
    metrics.gauge('event_followers', 'Clients that follow /events.', () => feed.followers);
    server.get(
      '/events',
      {
        config: { access: 'read' },
        schema: {
          summary: 'Follow commits as server-sent events',
          description:
            'An event `commit` for each new snapshot of any table, whoever made it, with JSON: `table`, `snapshot_id`, `operation`, `committed_at`, `rows`, `rows_added`, `rows_deleted`.',
          operationId: 'followCommits',
          tags: ['events'],
          response: {
            200: { description: 'The stream', content: { 'text/event-stream': { schema: Type.String() } } },
            ...problems(401),
          },
        },
      },
      async (_request, reply) => {
        if (feed.followers >= limits.followers) {
          throw new GatewayError(429, 'TOO_MANY_FOLLOWERS', 'Too many clients follow already.');
        }
        const { raw } = reply;
        const stop = await feed.follow(text => {
          // A client that doesn't read must not fill our memory: it may come again.
          if (raw.writableLength > 1 << 20) raw.destroy();
          else raw.write(text);
        });
        reply.hijack();
        raw.writeHead(200, {
          ...(reply.getHeaders() as Record<string, string>),
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
        });
        raw.write('retry: 3000\n\n');
        const heartbeat = setInterval(() => raw.write(':\n\n'), heartbeatMs);
        raw.once('close', () => {
          clearInterval(heartbeat);
          stop();
        });
        feed.onClose(raw, () => raw.end());
      },
    );
  };
}
