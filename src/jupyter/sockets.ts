import type { Publisher, Router } from 'zeromq';
import { LakebookError } from '../iceberg/errors.ts';
import { addressOf, type Channel, type Connection } from './connection.ts';

/** How long a closing socket goes on sending, in milliseconds. */
const lingerMs = 1000;

export type Frames = readonly Uint8Array[];
export type ReceivingChannel = 'shell' | 'control' | 'stdin';

type ZeroMq = typeof import('zeromq');
type Routers = Readonly<Record<ReceivingChannel | 'hb', Router>>;

/** The five sockets of a kernel, bound. */
export class KernelSockets {
  readonly #routers: Routers;
  readonly #publisher: Publisher;
  /** A socket takes one message at a time: each waits for the one before it. */
  readonly #sending = new Map<Router | Publisher, Promise<void>>();

  private constructor(routers: Routers, publisher: Publisher) {
    this.#routers = routers;
    this.#publisher = publisher;
  }

  /** Binds the sockets of a connection. @throws LakebookError (JUPYTER_UNAVAILABLE, JUPYTER_CONNECTION) */
  static async bind(connection: Connection): Promise<KernelSockets> {
    const zeromq = await loadZeroMq();
    const options = {
      linger: lingerMs,
      // Without a limit: a published message beyond it would be lost.
      sendHighWaterMark: 0,
      ...(connection.curve === undefined
        ? {}
        : {
            curveServer: true,
            curvePublicKey: connection.curve.publicKey,
            curveSecretKey: connection.curve.secretKey,
          }),
    };
    const router = () => new zeromq.Router(options);
    const routers = { shell: router(), control: router(), stdin: router(), hb: router() };
    const publisher = new zeromq.Publisher(options);
    const sockets = new KernelSockets(routers, publisher);
    try {
      for (const [channel, socket] of Object.entries({ ...routers, iopub: publisher })) {
        await socket.bind(addressOf(connection, channel as Channel));
      }
    } catch (error) {
      sockets.close();
      throw new LakebookError(
        'JUPYTER_CONNECTION',
        `The kernel can't listen where the connection file says: ${(error as Error).message}.`,
        { hint: 'Start the kernel again; another program may have taken a port.', cause: error },
      );
    }
    void sockets.#beat();
    return sockets;
  }

  /** Messages of a channel as they come; ends when the sockets are closed. */
  async *receive(channel: ReceivingChannel): AsyncGenerator<Frames> {
    for await (const frames of this.#routers[channel]) yield frames;
  }

  async send(channel: ReceivingChannel, frames: Frames): Promise<void> {
    await this.#send(this.#routers[channel], frames);
  }

  async publish(frames: Frames): Promise<void> {
    await this.#send(this.#publisher, frames);
  }

  /** Closes the sockets; what is on its way still goes out. */
  close(): void {
    for (const socket of [...Object.values(this.#routers), this.#publisher]) socket.close();
  }

  /** The heartbeat: what comes goes back. */
  async #beat(): Promise<void> {
    for await (const frames of this.#routers.hb) await this.#send(this.#routers.hb, frames);
  }

  #send(socket: Router | Publisher, frames: Frames): Promise<void> {
    const sent = (this.#sending.get(socket) ?? Promise.resolve()).then(async () => {
      // Whoever is gone needs no answer.
      if (!socket.closed) await socket.send(frames as Uint8Array[]);
    });
    this.#sending.set(
      socket,
      sent.catch(() => undefined),
    );
    return sent;
  }
}

/** Whether this machine's ZeroMQ can encrypt. @throws LakebookError (JUPYTER_UNAVAILABLE) */
export async function hasCurve(): Promise<boolean> {
  return (await loadZeroMq()).capability.curve === true;
}

async function loadZeroMq(): Promise<ZeroMq> {
  try {
    return await import('zeromq');
  } catch (error) {
    throw new LakebookError('JUPYTER_UNAVAILABLE', "ZeroMQ, which Jupyter talks by, can't be loaded.", {
      hint: 'Use the npm package of Lakebook (`npm run setup` in a checkout): the editor extension comes without it.',
      cause: error,
    });
  }
}
