import * as vscode from 'vscode';
import type { LakebookError } from '../../iceberg/errors.ts';
import { type ExecuteHandlers, type ExecuteResult, KernelClient } from '../../notebook/kernel-client.ts';
import type { KernelMethod, KernelSettings, LakeInfo, ReplyOf, RequestOf } from '../../notebook/protocol.ts';
import { type Log, logError } from '../log.ts';
import type { Environment } from '../scripts.ts';

export interface KernelPlace {
  /** Folder whose lake is opened (it, or the nearest above it that has a lakebook.json). */
  readonly folder: string;
  /** Where relative paths start. */
  readonly workingDirectory: string;
  readonly settings: KernelSettings;
  /** What the process gets beside this one's variables. */
  readonly environment: Environment;
}

export type KernelState = 'stopped' | 'starting' | 'idle' | 'busy';

/**
 * A kernel as the editor needs it: the process starts with the first request, and again after it died. Requests that
 * were under way when it died fail with KERNEL_DIED.
 */
export class Kernel implements vscode.Disposable {
  readonly #place: () => Promise<KernelPlace>;
  readonly #kernelPath: string;
  readonly #log: Log;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #committed = new vscode.EventEmitter<void>();
  readonly #died = new vscode.EventEmitter<LakebookError>();
  #client: Promise<KernelClient> | undefined;
  #lake: LakeInfo | undefined;
  #state: KernelState = 'stopped';
  #disposed = false;
  #hasRun = false;

  /** The state or the lake is another one. */
  readonly onDidChange = this.#changed.event;
  /** Somebody committed to the lake, perhaps another process. */
  readonly onDidCommit = this.#committed.event;
  /** The process ended and nobody asked it to. */
  readonly onDidDie = this.#died.event;

  /** @param place asked for whenever a process starts, so that settings that changed count */
  constructor(kernelPath: string, place: () => Promise<KernelPlace>, log: Log) {
    this.#kernelPath = kernelPath;
    this.#place = place;
    this.#log = log;
  }

  get state(): KernelState {
    return this.#state;
  }

  /** Whether a cell was ever run: it may hold names and results then. */
  get hasRun(): boolean {
    return this.#hasRun;
  }

  /** The lake that is open; undefined before the first request. */
  get lake(): LakeInfo | undefined {
    return this.#lake;
  }

  /** Starts the process if it doesn't run. @throws LakebookError */
  async start(): Promise<LakeInfo> {
    await this.#running();
    return this.#lake!;
  }

  /** @throws LakebookError */
  async request<M extends KernelMethod>(method: M, request: RequestOf<M>): Promise<ReplyOf<M>> {
    const client = await this.#running();
    return client.request(method, request);
  }

  /** Runs a cell. @throws LakebookError (KERNEL_DIED, KERNEL_START); a cell's own error is in the answer */
  async execute(
    request: Omit<RequestOf<'execute'>, 'run'>,
    handlers: ExecuteHandlers = {},
  ): Promise<ExecuteResult> {
    const client = await this.#running();
    this.#hasRun = true;
    return client.execute(request, handlers);
  }

  /** Stops the running cell and those that wait; nothing when no process runs. */
  async interrupt(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    if (client?.isRunning) await client.interrupt();
  }

  /** Ends the process, whatever it does, and starts another one. @throws LakebookError */
  async restart(): Promise<void> {
    await this.stop();
    await this.#running();
  }

  /** Ends the process at once. */
  async stop(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    this.#set('stopped');
    // An orderly end would wait for what runs.
    await client?.kill();
  }

  dispose(): void {
    this.#disposed = true;
    void this.#client?.then(
      client => client.close(),
      () => undefined,
    );
    this.#client = undefined;
    for (const emitter of [this.#changed, this.#committed, this.#died]) emitter.dispose();
  }

  async #running(): Promise<KernelClient> {
    this.#client ??= this.#open().catch(error => {
      this.#client = undefined;
      this.#set('stopped');
      throw error;
    });
    return this.#client;
  }

  async #open(): Promise<KernelClient> {
    this.#set('starting');
    const { environment, ...place } = await this.#place();
    const client = await KernelClient.start({ kernelPath: this.#kernelPath, env: environment });
    try {
      this.#lake = await client.request('open', place);
    } catch (error) {
      await client.close();
      throw error;
    }
    client.onEvent(event => {
      if (event.event === 'status') this.#set(event.state);
      else if (event.event === 'catalogChanged') this.#committed.fire();
      else if (event.event === 'log') this.#log[event.level](`kernel ${client.pid ?? ''}: ${event.message}`);
    });
    client.onExit(error => {
      if (error === undefined || this.#disposed) return;
      logError(this.#log, 'kernel', error);
      this.#client = undefined;
      this.#set('stopped');
      this.#died.fire(error);
    });
    this.#log.info(`kernel ${client.pid} opened the lake ${this.#lake.name} of ${this.#lake.root}`);
    this.#set('idle');
    return client;
  }

  #set(state: KernelState): void {
    if (this.#disposed || this.#state === state) return;
    this.#state = state;
    this.#changed.fire();
  }
}
