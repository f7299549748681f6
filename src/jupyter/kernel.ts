import { setTimeout as delay } from 'node:timers/promises';
import { LakebookError } from '../iceberg/errors.ts';
import { toErrorInfo } from '../notebook/error-info.ts';
import type { ErrorInfo, KernelSettings } from '../notebook/protocol.ts';
import { cellKind } from './cell-kind.ts';
import type { Connection } from './connection.ts';
import { Engine } from './engine.ts';
import { History } from './history.ts';
import { completeness } from './is-complete.ts';
import { kernelInfo } from './kernel-info.ts';
import { type Message, MessageCodec, type Received } from './message.ts';
import { CellOutputs, errorContent } from './outputs.ts';
import { KernelSockets } from './sockets.ts';
import { fromCodePoints, toCodePoints } from './text-offsets.ts';

export interface JupyterKernelOptions {
  readonly connection: Connection;
  /** Folder whose lake is used; the nearest lakebook.json from there upwards. */
  readonly folder: string;
  /** Where relative paths in cells start. */
  readonly workingDirectory: string;
  readonly settings?: KernelSettings;
  /** Lakebook's version. */
  readonly version: string;
  /** Takes lines for the log; never contents of cells or results. */
  readonly log: (text: string) => void;
}

type Content = Readonly<Record<string, unknown>>;
type Handler = (request: Received) => Promise<Content>;

/**
 * How long a failed cell's answer waits, in milliseconds, so that cells sent together with it, which may still be on
 * their way, are known and left out. Whatever is sent in answer to the failure comes later and runs.
 */
const abortGraceMs = 20;

/**
 * A Jupyter kernel: the messaging protocol's five channels on one side, Lakebook's own kernel process on the other.
 * Requests on the shell channel are answered one after the other, those on the control channel at once.
 * @see https://jupyter-client.readthedocs.io/en/stable/messaging.html
 */
export class JupyterKernel {
  readonly #options: JupyterKernelOptions;
  readonly #codec: MessageCodec;
  readonly #sockets: KernelSockets;
  readonly #engine: Engine;
  readonly #history = new History();
  /** Requests on the shell channel that wait, the oldest first. */
  readonly #queue: Received[] = [];
  readonly #aborted = new WeakSet<Received>();
  readonly #ended = Promise.withResolvers<void>();
  #working = false;
  #ending = false;
  #executionCount = 0;

  private constructor(options: JupyterKernelOptions, sockets: KernelSockets) {
    const { connection, log } = options;
    this.#options = options;
    this.#codec = new MessageCodec(connection.key, connection.hash);
    this.#sockets = sockets;
    this.#engine = new Engine({ ...options, log });
  }

  /** Listens on the connection's ports. @throws LakebookError (JUPYTER_UNAVAILABLE, JUPYTER_CONNECTION) */
  static async start(options: JupyterKernelOptions): Promise<JupyterKernel> {
    const kernel = new JupyterKernel(options, await KernelSockets.bind(options.connection));
    kernel.#engine.warm();
    void kernel.#receive('shell');
    void kernel.#receive('control');
    void kernel.#publish('status', { execution_state: 'starting' }, {});
    return kernel;
  }

  /** Resolves when the kernel was shut down. */
  async untilEnded(): Promise<void> {
    await this.#ended.promise;
  }

  /** Stops the cell that runs, as an interrupt request does. */
  async interrupt(): Promise<void> {
    await this.#engine.interrupt();
  }

  /** Ends the kernel process and closes the sockets. */
  async close(): Promise<void> {
    if (this.#ending) return this.#ended.promise;
    this.#ending = true;
    await this.#engine.close();
    this.#sockets.close();
    this.#ended.resolve();
  }

  readonly #shellHandlers: Readonly<Record<string, Handler>> = {
    kernel_info_request: async () => this.#kernelInfo(),
    execute_request: request => this.#execute(request),
    complete_request: request => this.#complete(request.message.content),
    inspect_request: request => this.#inspect(request.message.content),
    is_complete_request: async ({ message }) => {
      const status = completeness(String(message.content.code ?? ''));
      return status === 'incomplete' ? { status, indent: '' } : { status };
    },
    history_request: async ({ message }) => {
      const withOutput = message.content.output === true;
      const entries = this.#history.find(message.content);
      return {
        status: 'ok',
        history: entries.map(({ session, line, input }) => [
          session,
          line,
          withOutput ? [input, null] : input,
        ]),
      };
    },
    comm_info_request: async () => ({ status: 'ok', comms: {} }),
    connect_request: async () => {
      const { ports } = this.#options.connection;
      return {
        status: 'ok',
        ...Object.fromEntries(Object.entries(ports).map(([channel, port]) => [`${channel}_port`, port])),
      };
    },
  };

  readonly #controlHandlers: Readonly<Record<string, Handler>> = {
    kernel_info_request: async () => this.#kernelInfo(),
    interrupt_request: async () => {
      await this.interrupt();
      return { status: 'ok' };
    },
    shutdown_request: request => this.#shutdown(request),
  };

  async #receive(channel: 'shell' | 'control'): Promise<void> {
    for await (const frames of this.#sockets.receive(channel)) {
      try {
        const request = this.#codec.decode(frames);
        if (channel === 'control') void this.#answer(channel, request);
        else {
          this.#queue.push(request);
          void this.#work();
        }
      } catch (error) {
        // Nobody to answer to: whoever sent it has not shown that it may.
        this.#options.log((error as Error).message);
      }
    }
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (;;) {
      const request = this.#queue.shift();
      if (request === undefined) break;
      await this.#answer('shell', request);
    }
    this.#working = false;
  }

  async #answer(channel: 'shell' | 'control', request: Received): Promise<void> {
    const { header } = request.message;
    const { msg_type: type } = header;
    if (/^comm_/.test(type) && type !== 'comm_info_request') {
      await this.#refuseComm(request);
      return;
    }
    const handlers = channel === 'control' ? this.#controlHandlers : this.#shellHandlers;
    // Older clients shut down on the shell channel.
    const handler = type === 'shutdown_request' ? this.#controlHandlers[type] : handlers[type];
    if (handler === undefined) {
      this.#options.log(`no answer to a message of type ${type} on the ${channel} channel`);
      return;
    }
    await this.#publish('status', { execution_state: 'busy' }, header);
    let content: Content;
    try {
      content = this.#aborted.has(request) ? { status: 'aborted' } : await handler(request);
    } catch (error) {
      if (!(error instanceof LakebookError)) this.#options.log((error as Error).stack ?? String(error));
      content = { status: 'error', ...errorContent(toErrorInfo(error), '') };
    }
    await this.#reply(channel, type.replace(/_request$/, '_reply'), content, request);
    await this.#publish('status', { execution_state: 'idle' }, header);
    if (type === 'shutdown_request') await this.close();
  }

  async #reply(
    channel: 'shell' | 'control',
    type: string,
    content: Content,
    request: Received,
  ): Promise<void> {
    const message = this.#codec.create(type, content, request.message.header);
    await this.#send(() => this.#sockets.send(channel, this.#codec.encode(message, request.identities)));
  }

  async #publish(type: string, content: Content, parent: Message['parent']): Promise<void> {
    const message = this.#codec.create(type, content, parent);
    // The topic, for clients that subscribe to some messages only.
    const topic = Buffer.from(`kernel.lakebook.${type}`);
    await this.#send(() => this.#sockets.publish(this.#codec.encode(message, [topic])));
  }

  /** A message that can't go out, because the kernel ends for instance, is no reason to fail. */
  async #send(send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (error) {
      this.#options.log(`a message was not sent: ${(error as Error).message}`);
    }
  }

  #kernelInfo(): Content {
    return { status: 'ok', ...kernelInfo(this.#options.version) };
  }

  async #execute(request: Received): Promise<Content> {
    const { header, content, metadata } = request.message;
    const code = String(content.code ?? '');
    const silent = content.silent === true;
    const keepsHistory = !silent && content.store_history !== false;
    if (keepsHistory && code.trim() !== '') {
      this.#executionCount++;
      this.#history.add(this.#executionCount, code);
    }
    const executionCount = this.#executionCount;
    const publish = (type: string, what: Content): void => {
      if (!silent) void this.#publish(type, what, header);
    };
    publish('execute_input', { code, execution_count: executionCount });
    const done = { execution_count: executionCount, user_expressions: {}, payload: [] };
    if (code.trim() === '') return { status: 'ok', ...done };
    const outputs = new CellOutputs(executionCount, ({ type, content: what }) => publish(type, what));
    // A number that no other cell has: the results of a cell that isn't counted are not those of the last one.
    const number = keepsHistory ? executionCount : 0;
    const error = await this.#run(code, metadata, number, outputs, publish);
    if (error === undefined) {
      outputs.finish();
      return { status: 'ok', ...done };
    }
    if (content.stop_on_error !== false) await this.#abortWaiting();
    outputs.finish();
    const told = errorContent(error, code);
    publish('error', told);
    return { status: 'error', ...told, ...done };
  }

  /** @returns the error that ended the cell */
  async #run(
    code: string,
    metadata: Content,
    executionCount: number,
    outputs: CellOutputs,
    publish: (type: string, content: Content) => void,
  ): Promise<ErrorInfo | undefined> {
    const { language, tags } = cellKind(code, metadata);
    const cellId = typeof metadata.cellId === 'string' ? metadata.cellId : `execution-${executionCount}`;
    if (this.#engine.takeDeath()) {
      const text = 'The engine was started anew: results, names and parameters of earlier cells are gone.\n';
      publish('stream', { name: 'stderr', text });
    }
    try {
      const { error } = await this.#engine.execute(
        { cellId, source: code, language, tags, executionCount },
        { onOutput: (output, index) => outputs.add(output, index) },
      );
      return error;
    } catch (error) {
      return toErrorInfo(error);
    }
  }

  /** Cells that were sent together with one that failed don't run. */
  async #abortWaiting(): Promise<void> {
    await delay(abortGraceMs);
    for (const request of this.#queue) {
      if (request.message.header.msg_type === 'execute_request') this.#aborted.add(request);
    }
  }

  async #complete({ code, cursor_pos }: Content): Promise<Content> {
    const { source, offset, language } = cursorIn(code, cursor_pos);
    const { start, end, items } = await this.#engine.complete(source, language, offset);
    const place = { start: toCodePoints(source, start), end: toCodePoints(source, end) };
    return {
      status: 'ok',
      matches: items.map(item => item.insert ?? item.label),
      cursor_start: place.start,
      cursor_end: place.end,
      metadata: {
        _jupyter_types_experimental: items.map(item => ({
          ...place,
          text: item.insert ?? item.label,
          type: item.kind,
          ...(item.detail === undefined ? {} : { signature: item.detail }),
        })),
      },
    };
  }

  async #inspect({ code, cursor_pos }: Content): Promise<Content> {
    const { source, offset, language } = cursorIn(code, cursor_pos);
    const found = await this.#engine.inspect(source, language, offset);
    const data = found === null ? {} : { 'text/markdown': found.markdown, 'text/plain': found.markdown };
    return { status: 'ok', found: found !== null, data, metadata: {} };
  }

  /** Every client is told; the kernel ends when the answer is out. */
  async #shutdown({ message }: Received): Promise<Content> {
    const content = { status: 'ok', restart: message.content.restart === true };
    await this.#publish('shutdown_reply', content, message.header);
    return content;
  }

  /** There are no comms: one that is opened is closed at once, as the protocol wants it. */
  async #refuseComm({ message }: Received): Promise<void> {
    if (message.header.msg_type !== 'comm_open') return;
    await this.#publish('comm_close', { comm_id: message.content.comm_id, data: {} }, message.header);
  }
}

function cursorIn(code: unknown, cursor: unknown) {
  const source = String(code ?? '');
  const offset = typeof cursor === 'number' ? fromCodePoints(source, cursor) : source.length;
  return { source, offset, language: cellKind(source, {}).language };
}
