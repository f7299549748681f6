import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll } from 'vitest';

export interface Received {
  readonly method: string;
  /** Without the query, as it came: encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, or form parameters as an object; undefined when there is no body. */
  readonly body: unknown;
  readonly text: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly text?: string;
  /** Ends the connection in place of an answer. */
  readonly cut?: true;
}

export type Handler = (request: Received) => Reply | undefined | Promise<Reply | undefined>;

/** A little HTTP server of this process that plays a REST catalog; what no handler answers is a 404. */
export class FakeServer {
  readonly requests: Received[] = [];
  readonly #server: Server;
  #handlers: Handler[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  /** It ends after the test file. */
  static async start(): Promise<FakeServer> {
    const server = createServer();
    const fake = new FakeServer(server);
    server.on('request', (request, response) => void fake.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    afterAll(() => fake.stop());
    return fake;
  }

  get uri(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Handlers are asked in order; the ones of before are forgotten. */
  handle(...handlers: Handler[]): void {
    this.requests.length = 0;
    this.#handlers = handlers;
  }

  /** The requests whose method and path match, without those for the configuration. */
  to(method: string, path: RegExp | string): Received[] {
    return this.requests.filter(
      request =>
        request.method === method &&
        (typeof path === 'string' ? request.path === path : path.test(request.path)),
    );
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = await receive(request);
    this.requests.push(received);
    let reply: Reply | undefined;
    for (const handler of this.#handlers) {
      reply = await handler(received);
      if (reply !== undefined) break;
    }
    send(reply ?? failure(404, 'NoSuchRouteException', `no route ${received.path}`), response);
  }
}

export async function receive(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const [path, query] = request.url!.split('?');
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  return {
    method: request.method!,
    path: path!,
    query: new URLSearchParams(query),
    headers: request.headers as Record<string, string>,
    body: text === '' ? undefined : isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text),
    text,
  };
}

export function send({ status = 200, headers, json, text, cut }: Reply, response: ServerResponse): void {
  if (cut) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(text ?? (json === undefined ? undefined : JSON.stringify(json)));
}

/** An `IcebergErrorResponse`. */
export function failure(status: number, type: string, message: string): Reply {
  return { status, json: { error: { message, type, code: status } } };
}

/** Answers requests of one method and path. */
export function on(
  method: string,
  path: RegExp | string,
  reply: Reply | ((request: Received) => Reply | undefined | Promise<Reply | undefined>),
): Handler {
  return request => {
    if (request.method !== method) return undefined;
    if (typeof path === 'string' ? request.path !== path : !path.test(request.path)) return undefined;
    return typeof reply === 'function' ? reply(request) : reply;
  };
}

/** The configuration of a server. */
export function config(answer: object = {}): Handler {
  return on('GET', '/v1/config', { json: { defaults: {}, overrides: {}, ...answer } });
}
