import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Progress } from '../engine/progress.ts';
import { LakebookError } from '../iceberg/errors.ts';
import { fromErrorInfo } from './error-info.ts';
import {
  type CellOutput,
  type ExecuteReply,
  type KernelEvent,
  type KernelMessage,
  type KernelMethod,
  protocolVersion,
  type ReplyOf,
  type RequestOf,
} from './protocol.ts';

export interface KernelClientOptions {
  /** The kernel's script; beside this module when absent. */
  readonly kernelPath?: string;
  /** The Node (or Electron) that runs it; this process's own when absent. */
  readonly execPath?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ExecuteHandlers {
  readonly onOutput?: (output: CellOutput, index: number) => void;
  readonly onProgress?: (progress: Progress) => void;
}

export interface ExecuteResult extends ExecuteReply {
  readonly outputs: readonly CellOutput[];
}

interface Pending {
  resolve(reply: unknown): void;
  reject(error: LakebookError): void;
}

/** How long a kernel may take to start and to end by itself, in milliseconds. */
const startTimeoutMs = 60_000;
const endTimeoutMs = 3000;

/**
 * A kernel process and the requests to it. When the process dies, pending requests fail with KERNEL_DIED and so do
 * later ones, until `restart`.
 */
export class KernelClient {
  readonly #options: KernelClientOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: KernelEvent) => void>();
  readonly #exitListeners = new Set<(error: LakebookError | undefined) => void>();
  #process: ChildProcess | undefined;
  #death: LakebookError | undefined;
  #next = 1;
  #nextRun = 1;
  #opened: RequestOf<'open'> | undefined;

  private constructor(options: KernelClientOptions) {
    this.#options = options;
  }

  /** Starts a kernel process. @throws LakebookError (KERNEL_START) */
  static async start(options: KernelClientOptions = {}): Promise<KernelClient> {
    const client = new KernelClient(options);
    await client.#start();
    return client;
  }

  /** The process's id; undefined when it isn't running. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Sends a request and resolves with its answer. @throws LakebookError as the kernel did, or KERNEL_DIED */
  async request<M extends KernelMethod>(method: M, request: RequestOf<M>): Promise<ReplyOf<M>> {
    const child = this.#process;
    if (child === undefined || !child.connected) {
      throw (
        this.#death ?? new LakebookError('KERNEL_DIED', 'The kernel is not running.', { hint: restartHint })
      );
    }
    if (method === 'open') this.#opened = request as RequestOf<'open'>;
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    child.send({ id, method, request }, error => {
      if (error === null) return;
      this.#pending.delete(id);
      reject(
        new LakebookError('KERNEL_DIED', 'The kernel can not be reached.', {
          hint: restartHint,
          cause: error,
        }),
      );
    });
    return (await promise) as ReplyOf<M>;
  }

  /** Runs a cell and collects its outputs. @throws LakebookError (KERNEL_DIED); a cell's error is in the answer */
  async execute(
    request: Omit<RequestOf<'execute'>, 'run'>,
    handlers: ExecuteHandlers = {},
  ): Promise<ExecuteResult> {
    const outputs: CellOutput[] = [];
    const run = this.#nextRun++;
    const stop = this.onEvent(event => {
      if (event.event === 'output' && event.run === run) {
        outputs[event.index] = event.output;
        handlers.onOutput?.(event.output, event.index);
      } else if (event.event === 'progress' && event.run === run) handlers.onProgress?.(event.progress);
    });
    try {
      return { ...(await this.request('execute', { ...request, run })), outputs };
    } finally {
      stop();
    }
  }

  /** Stops the running cell and those that wait. */
  async interrupt(): Promise<void> {
    await this.request('interrupt', {});
  }

  /** Ends the process, whatever it does, starts another one and opens the same lake. */
  async restart(): Promise<void> {
    await this.#end(false);
    await this.#start();
    if (this.#opened !== undefined) await this.request('open', this.#opened);
  }

  /** Ends the process in order; after a while by force. */
  async close(): Promise<void> {
    await this.#end(true);
  }

  /** Ends the process at once, whatever it does. */
  async kill(): Promise<void> {
    await this.#end(false);
  }

  /** @returns a function that stops listening */
  onEvent(listener: (event: KernelEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells when the process has ended; with an error when nobody asked it to. @returns a function that stops it */
  onExit(listener: (error: LakebookError | undefined) => void): () => void {
    this.#exitListeners.add(listener);
    return () => this.#exitListeners.delete(listener);
  }

  async #start(): Promise<void> {
    const { execPath, env } = this.#options;
    const kernelPath = this.#options.kernelPath ?? findKernel();
    this.#death = undefined;
    const child = fork(kernelPath, [], {
      serialization: 'advanced',
      execArgv: [],
      // What native code prints must not get into the parent's standard output.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(execPath === undefined ? {} : { execPath }),
      env: { ...process.env, ...env, ...(process.versions.electron ? { ELECTRON_RUN_AS_NODE: '1' } : {}) },
    });
    this.#process = child;
    let errors = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000);
      this.#notify({ event: 'log', level: 'warn', message: text.trimEnd() });
    });
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#notify({ event: 'log', level: 'info', message: text.trimEnd() });
    });
    child.on('message', message => this.#receive(message as KernelMessage));
    child.on('error', error => this.#ended(child, died(`The kernel can't be started: ${error.message}`)));
    child.on('exit', (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      this.#ended(child, died(`The kernel ended unexpectedly (${how}).`, errors));
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs);
    try {
      const { protocol } = await this.request('hello', {});
      if (protocol !== protocolVersion) {
        throw new LakebookError(
          'KERNEL_START',
          `The kernel speaks protocol ${protocol}, not ${protocolVersion}.`,
          {
            hint: 'Build Lakebook again: `npm run build`.',
          },
        );
      }
    } catch (error) {
      child.kill('SIGKILL');
      const { message } = error as Error;
      throw new LakebookError('KERNEL_START', message.replace('ended unexpectedly', 'did not start'), {
        hint:
          errors
            .trim()
            .split('\n')
            .find(line => /error/i.test(line)) ?? 'Run `lakebook doctor`.',
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async #end(orderly: boolean): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const gone = new Promise<void>(resolve => child.once('exit', () => resolve()));
    this.#process = undefined;
    this.#failPending(new LakebookError('KERNEL_DIED', 'The kernel was stopped.', { hint: restartHint }));
    if (orderly && child.connected) child.send({ id: 0, method: 'shutdown', request: {} }, () => undefined);
    else child.kill('SIGKILL');
    const timer = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs);
    await gone;
    clearTimeout(timer);
    for (const listener of this.#exitListeners) listener(undefined);
  }

  #receive(message: KernelMessage): void {
    if ('event' in message) {
      this.#notify(message);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if ('error' in message) pending?.reject(fromErrorInfo(message.error));
    else pending?.resolve(message.reply);
  }

  #notify(event: KernelEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #ended(child: ChildProcess, error: LakebookError): void {
    if (this.#process !== child) return;
    this.#process = undefined;
    this.#death = error;
    this.#failPending(error);
    for (const listener of this.#exitListeners) listener(error);
  }

  #failPending(error: LakebookError): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}

const restartHint = 'Restart the kernel; the lake itself is not affected.';

function died(message: string, errors = ''): LakebookError {
  const reason = /heap out of memory|bad_alloc|Out of memory/i.test(errors) ? ' It ran out of memory.' : '';
  return new LakebookError('KERNEL_DIED', message + reason, { hint: restartHint });
}

/** The kernel beside this module: `kernel.mjs` of a build, or the sources. */
function findKernel(): string {
  for (const name of ['./kernel.mjs', './kernel-process.ts']) {
    const file = fileURLToPath(new URL(name, import.meta.url));
    if (existsSync(file)) return file;
  }
  throw new LakebookError('KERNEL_START', "The kernel's script is missing.", {
    hint: 'Build Lakebook: `npm run build`.',
  });
}
