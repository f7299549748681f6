import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a client and a server and cuts their connections. */
export class TcpProxy {
  /** Where new connections lead; undefined: they are refused. */
  target: number | undefined;
  /** When set, connections are cut after they have brought so many bytes from the server. */
  cutAfterBytes: number | undefined;
  /** How many connections there were, and how many were cut. */
  connections = 0;
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer(socket => this.#pass(socket));
  }

  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy();
    proxy.target = target;
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts all connections there are. */
  cut(): void {
    if (this.#sockets.size > 0) this.cuts += 1;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  #pass(client: Socket): void {
    if (this.target === undefined) {
      client.resetAndDestroy();
      return;
    }
    this.connections += 1;
    const server = connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
    client.pipe(server);
    let bytes = 0;
    server.on('data', (data: Buffer) => {
      bytes += data.length;
      if (this.cutAfterBytes !== undefined && bytes > this.cutAfterBytes) {
        this.cuts += 1;
        client.resetAndDestroy();
        server.resetAndDestroy();
      } else if (!client.write(data)) {
        server.pause();
        client.once('drain', () => server.resume());
      }
    });
  }
}
