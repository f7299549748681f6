import type { Lake } from '../catalog/open-lake.ts';
import type { Locks } from './ingest/locks.ts';
import type { GatewayLimits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { Cursors } from './query/cursors.ts';
import type { JsonPage } from './query/query.ts';
import type { ResultCache } from './query/result-cache.ts';
import type { Access } from './security/tokens.ts';
import type { Sessions } from './sessions.ts';

export interface QueryAnswer {
  readonly page: JsonPage;
  readonly truncated: boolean;
  readonly next?: string;
}

/** What all routes work with. */
export interface Gateway {
  readonly lake: Lake;
  readonly limits: GatewayLimits;
  readonly sessions: Sessions;
  readonly cursors: Cursors;
  readonly metrics: Metrics;
  /** Of queries in JSON. */
  readonly answers: ResultCache<QueryAnswer>;
  /** One for each table that is being changed. */
  readonly locks: Locks;
  /** Changes are refused, whatever the token. */
  readonly readOnly: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request's token lets it do; undefined on routes that need none. */
    access: Access | undefined;
  }
  interface FastifyContextConfig {
    /** `write` when absent: a route that says nothing is the safest. */
    access?: Access | 'none';
    /** Bodies of the route are streams that may go on for long. */
    upload?: boolean;
    /** What the OpenAPI document says of such a body. */
    documentedBody?: object;
  }
}
