import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Ajv, type AnySchema, type Options } from 'ajv';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaCompiler,
} from 'fastify';
import type { Lake } from '../catalog/open-lake.ts';
import type { Gateway, QueryAnswer } from './context.ts';
import { GatewayError, problemOf, problemType } from './http/problems.ts';
import { Locks } from './ingest/locks.ts';
import { defaultLimits, type GatewayLimits } from './limits.ts';
import type { GatewayLog } from './log.ts';
import { Metrics } from './metrics.ts';
import { Cursors } from './query/cursors.ts';
import { ResultCache } from './query/result-cache.ts';
import { docsRoutes } from './routes/docs.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { ingestRoutes } from './routes/ingest.ts';
import { queryRoutes } from './routes/query.ts';
import { tableRoutes } from './routes/tables.ts';
import { Origins } from './security/origins.ts';
import { TokenCheck, type Tokens } from './security/tokens.ts';
import { Sessions } from './sessions.ts';

export interface GatewayOptions {
  readonly lake: Lake;
  readonly tokens: Tokens;
  /** What it will listen on; `127.0.0.1` when absent. */
  readonly host?: string;
  /** More names that it answers to. */
  readonly allowedHosts?: readonly string[];
  readonly readOnly?: boolean;
  readonly limits?: Partial<GatewayLimits>;
  /** The API's version. */
  readonly version: string;
  readonly log?: GatewayLog;
}

/** Headers of a request can have so many bytes. */
const headerBytes = 16_384;
const headersMs = 10_000;

/** Makes the server; `listen` starts it, `close` ends it with its sessions. The lake stays its owner's to close. */
export async function makeGateway(options: GatewayOptions): Promise<FastifyInstance> {
  const limits = { ...defaultLimits(), ...options.limits };
  const { lake, readOnly = false, log } = options;
  const server = Fastify({
    bodyLimit: limits.bodyBytes,
    routerOptions: { maxParamLength: 1000 },
    exposeHeadRoutes: false,
    // Requests of clients that are connected already are answered; new ones are refused.
    forceCloseConnections: 'idle',
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    http: {
      maxHeaderSize: headerBytes,
      headersTimeout: headersMs,
      requestTimeout: 0,
      connectionsCheckingInterval: 2_000,
    },
    clientErrorHandler: refuseUnreadable,
    frameworkErrors: (error, request, reply) =>
      sendProblem(reply as unknown as FastifyReply, error, request.id),
  }).withTypeProvider<TypeBoxTypeProvider>();

  const sessions = await Sessions.open(lake, limits);
  const cursors = new Cursors(limits.cursors, limits.cursorMs);
  const metrics = new Metrics();
  const answers = new ResultCache<QueryAnswer>(lake.catalog, limits.cacheSize);
  const gateway: Gateway = {
    lake,
    limits,
    sessions,
    cursors,
    metrics,
    answers,
    locks: new Locks(),
    readOnly,
  };

  server.removeContentTypeParser('text/plain');
  server.setValidatorCompiler(validators());
  guardRequests(server, options, limits, readOnly);
  measure(server, metrics, log);
  server.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error, request.id);
    if (problem.status >= 500) log?.failed(request.id, problem.code, error);
    dropBody(request, reply);
    return sendProblem(reply, error, request.id);
  });
  refuseUnknown(server);
  server.addHook('onClose', async () => {
    await cursors.close();
    await sessions.close();
  });
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Lakebook gateway',
        description: 'Ingest into an Apache Iceberg lake and query it.',
        version: options.version,
        license: { name: 'MIT' },
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
      tags: [{ name: 'query' }, { name: 'tables' }, { name: 'events' }, { name: 'operation' }],
    },
    transform: ({ schema, url, route }) => {
      const body = route.config?.documentedBody;
      return { schema: body === undefined ? schema : { ...schema, body }, url };
    },
  });
  for (const routes of [queryRoutes, tableRoutes, ingestRoutes, eventRoutes, healthRoutes]) {
    await server.register(routes(gateway));
  }
  await server.register(docsRoutes());
  return server;
}

/** Says of an address that is there which methods it takes, and of others that they aren't. */
function refuseUnknown(server: FastifyInstance): void {
  const routes: { readonly pattern: RegExp; readonly method: string }[] = [];
  server.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`);
    for (const each of [method].flat()) routes.push({ pattern, method: each });
  });
  const refuse = (request: FastifyRequest): never => {
    const address = request.url.split('?')[0]!;
    const methods = routes.filter(({ pattern }) => pattern.test(address)).map(({ method }) => method);
    if (methods.length > 0) {
      throw new GatewayError(405, 'METHOD_NOT_ALLOWED', `This address takes ${methods.join(', ')}.`, {
        headers: { allow: methods.join(', ') },
      });
    }
    throw new GatewayError(404, 'ROUTE_NOT_FOUND', 'There is nothing at this address.', {
      hint: 'See /docs.',
    });
  };
  // Before anything is made of the body.
  server.addHook('onRequest', async request => {
    if (request.is404) refuse(request);
  });
  server.setNotFoundHandler(refuse);
}

/** Addresses and headers are text, which becomes numbers where numbers are asked for; bodies are taken as they are. */
function validators(): FastifySchemaCompiler<AnySchema> {
  const common: Options = { useDefaults: true, allErrors: false, removeAdditional: false, strict: false };
  const strict = new Ajv({ ...common, coerceTypes: false });
  const coercing = new Ajv({ ...common, coerceTypes: true });
  return ({ schema, httpPart }) => (httpPart === 'body' ? strict : coercing).compile(schema);
}

/**
 * The rest of a refused request's body isn't waited for: it is thrown away while the answer goes out, and the
 * connection ends, so that nothing of it can be taken for another request.
 */
function dropBody({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (raw.complete) return;
  reply.header('connection', 'close');
  raw.resume();
}

/** Who may ask, and for how long. */
function guardRequests(
  server: FastifyInstance,
  { tokens, host = '127.0.0.1', allowedHosts }: GatewayOptions,
  limits: GatewayLimits,
  readOnly: boolean,
): void {
  const origins = new Origins(host, allowedHosts);
  const check = new TokenCheck(tokens);
  server.decorateRequest('access', undefined);
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(commonHeaders);
    origins.check(request.headers);
    const needed = request.routeOptions.config.access ?? 'write';
    if (needed === 'none') return;
    const token = /^Bearer ([\w-]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1];
    const access = token === undefined ? undefined : check.accessOf(token);
    if (access === undefined) {
      throw new GatewayError(401, 'UNAUTHORIZED', 'A valid token is missing.', {
        hint: 'Send `Authorization: Bearer TOKEN`; `lakebook serve` says where the tokens are.',
        headers: { 'www-authenticate': 'Bearer' },
      });
    }
    request.access = access;
    if (needed === 'read') return;
    if (readOnly)
      throw new GatewayError(
        403,
        'READ_ONLY',
        'This server changes nothing: it was started with --read-only.',
      );
    if (access !== 'write') throw new GatewayError(403, 'FORBIDDEN', 'This token may only read.');
  });
  // Bodies that come slower than they could be typed would keep a place for ever.
  server.addHook('preParsing', async (request, reply) => {
    if (request.routeOptions.config.upload === true) return;
    const { raw } = request;
    const timer = setTimeout(() => {
      if (!reply.sent) {
        sendProblem(
          reply.header('connection', 'close'),
          new GatewayError(408, 'BODY_STOPPED', `The body was not there after ${limits.idleMs / 1000} s.`),
          request.id,
        );
      }
      reply.raw.once('finish', () => raw.destroy());
    }, limits.idleMs);
    const stop = () => clearTimeout(timer);
    raw.once('end', stop);
    raw.once('close', stop);
    reply.raw.once('close', stop);
    if (raw.complete) stop();
  });
}

const commonHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

function measure(server: FastifyInstance, metrics: Metrics, log: GatewayLog | undefined): void {
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const { method } = request;
    metrics.requests.inc({ method, route, status: reply.statusCode });
    metrics.durations.observe({ method, route }, reply.elapsedTime / 1000);
    log?.answered(request.id, method, route, reply.statusCode, reply.elapsedTime);
  });
}

function sendProblem(
  reply: Pick<FastifyReply, 'code' | 'headers' | 'type' | 'send'>,
  error: unknown,
  id: string,
) {
  const problem = problemOf(error, id);
  reply.code(problem.status);
  if (error instanceof GatewayError) reply.headers(error.headers);
  reply.type(`${problemType}; charset=utf-8`);
  return reply.send(JSON.stringify(problem));
}

/** Bytes that aren't HTTP, or could be read in two ways by two servers. */
function refuseUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
  const [status, title, code] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large', 'HEADERS_TOO_LARGE']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout', 'HEADERS_STOPPED']
        : [400, 'Bad Request', 'NOT_HTTP'];
  const type = `urn:lakebook:problem:${String(code).toLowerCase().replaceAll('_', '-')}`;
  const body = JSON.stringify({ type, title, status, detail: "The request can't be read.", code });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: ${problemType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
