import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** What goes wrong with one request. */
export type Fault =
  /** The connection breaks before the server hears of it. */
  | 'reset'
  /** The server does it, and the connection breaks before the answer. */
  | 'lost-answer'
  /** Half of what is sent arrives. */
  | 'half-upload'
  /** Half of the answer arrives. */
  | 'half-answer'
  /** The server is busy. */
  | 'busy'
  /** Something inside the server fails. */
  | 'error';

export const faults: readonly Fault[] = [
  'reset',
  'lost-answer',
  'half-upload',
  'half-answer',
  'busy',
  'error',
];

export interface ProxiedRequest {
  readonly method: string;
  readonly url: string;
  /** Counts from 0. */
  readonly number: number;
}

/** Stands between S3 clients and a server, and lets requests fail. Signatures stay right: the host is passed on. */
export class FaultProxy {
  /** Decides what happens to a request; undefined lets it pass. */
  decide: (request: ProxiedRequest) => Fault | undefined | Promise<Fault | undefined> = () => undefined;
  /** Milliseconds that every request takes longer. */
  latencyMs = 0;
  /** Requests so far. */
  count = 0;
  /** Bytes of answers' bodies so far. */
  bytesAnswered = 0;
  readonly #target: number;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((incoming, outgoing) => {
      this.#handle(incoming, outgoing).catch(() => incoming.socket.destroy());
    });
    this.#server.on('checkContinue', (incoming, outgoing) => {
      outgoing.writeContinue();
      this.#server.emit('request', incoming, outgoing);
    });
  }

  /** Passes on to a port of this machine. */
  static async start(target: number, port = 0): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = incoming;
    const fault = await this.decide({ method, url, number: this.count++ });
    if (this.latencyMs > 0) await delay(this.latencyMs);
    switch (fault) {
      case undefined:
        return this.#pass(incoming, outgoing);
      case 'reset':
        incoming.socket.resetAndDestroy();
        return;
      case 'busy':
      case 'error': {
        incoming.resume();
        await once(incoming, 'end');
        const [status, code] = fault === 'busy' ? [503, 'SlowDown'] : [500, 'InternalError'];
        outgoing.writeHead(status, { 'content-type': 'application/xml' });
        outgoing.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${fault}</Message></Error>`);
        return;
      }
      case 'half-upload': {
        const { headers } = incoming;
        const length = Number(headers['content-length'] ?? 0);
        const body = await collect(incoming);
        const upstream = this.#request(incoming);
        upstream.on('error', () => {});
        upstream.write(body.subarray(0, Math.floor(length / 2)));
        await delay(5);
        upstream.destroy();
        incoming.socket.resetAndDestroy();
        return;
      }
      case 'lost-answer':
      case 'half-answer': {
        const upstream = this.#request(incoming);
        incoming.pipe(upstream);
        const [answer] = (await once(upstream, 'response')) as [IncomingMessage];
        const body = await collect(answer);
        if (fault === 'half-answer') {
          outgoing.writeHead(answer.statusCode!, answer.headers);
          await new Promise(resolve =>
            outgoing.write(body.subarray(0, Math.floor(body.length / 2)), resolve),
          );
        }
        incoming.socket.destroy();
      }
    }
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const upstream = this.#request(incoming);
    incoming.pipe(upstream);
    incoming.on('error', () => upstream.destroy());
    const [answer] = (await once(upstream, 'response')) as [IncomingMessage];
    outgoing.writeHead(answer.statusCode!, answer.headers);
    answer.on('data', (chunk: Buffer) => {
      this.bytesAnswered += chunk.length;
    });
    answer.on('error', () => incoming.socket.destroy());
    answer.pipe(outgoing);
  }

  #request({ method, url, headers }: IncomingMessage) {
    const { expect: _, ...rest } = headers;
    return request({
      host: '127.0.0.1',
      port: this.#target,
      method,
      path: url,
      headers: rest,
      agent: this.#agent,
    });
  }
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
