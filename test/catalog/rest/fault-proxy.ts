import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll } from 'vitest';
import { type Received, type Reply, receive, send } from './fake-server.ts';

/** What a proxy does with a request. */
export interface Fault {
  /** Answered in the place of the server, which sees nothing of the request. */
  readonly instead?: Reply;
  /** The server does it, and its answer is this one. */
  readonly after?: Reply | ((answer: Reply) => Reply | Promise<Reply>);
}

/** A proxy in front of a real REST catalog that plays tricks on single requests. */
export class FaultProxy {
  readonly requests: Received[] = [];
  readonly #server: Server;
  readonly #target: string;
  #fault: (request: Received) => Fault | undefined | Promise<Fault | undefined> = () => undefined;

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.#target = target;
  }

  /** @param target address of the catalog, with its path. The proxy ends after the test file. */
  static async start(target: string): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, target);
    server.on('request', async (request, response) => {
      const received = await receive(request);
      proxy.requests.push(received);
      send(await proxy.#answer(received), response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    afterAll(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    return proxy;
  }

  get uri(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** From now on `fault` says what happens to each request; what was recorded is forgotten. */
  play(fault: (request: Received) => Fault | undefined | Promise<Fault | undefined> = () => undefined): void {
    this.requests.length = 0;
    this.#fault = fault;
  }

  async #answer(request: Received): Promise<Reply> {
    const fault = await this.#fault(request);
    if (fault?.instead !== undefined) return fault.instead;
    const answer = await this.#forward(request);
    if (fault?.after === undefined) return answer;
    return typeof fault.after === 'function' ? await fault.after(answer) : fault.after;
  }

  async #forward({ method, path, query, headers, text }: Received): Promise<Reply> {
    const { host, connection, 'content-length': _length, 'accept-encoding': _encoding, ...passed } = headers;
    const search = query.toString();
    const response = await fetch(`${this.#target}${path}${search === '' ? '' : `?${search}`}`, {
      method,
      headers: passed,
      ...(text === '' ? {} : { body: text }),
    });
    const etag = response.headers.get('etag');
    return {
      status: response.status,
      text: await response.text(),
      ...(etag === null ? {} : { headers: { etag } }),
    };
  }
}

/** The answer with its JSON changed. */
export function edited(answer: Reply, change: (json: Record<string, unknown>) => void): Reply {
  // Ids of snapshots have more digits than a number of JavaScript: they're kept as they are written.
  const text = answer.text!.replace(/:\s*(\d{16,})/g, ':"#$1"');
  const json = JSON.parse(text) as Record<string, unknown>;
  change(json);
  return { ...answer, text: JSON.stringify(json).replace(/"#(\d+)"/g, '$1') };
}
