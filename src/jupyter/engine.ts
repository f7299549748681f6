import { InterruptedError, LakebookError } from '../iceberg/errors.ts';
import { type ExecuteHandlers, type ExecuteResult, KernelClient } from '../notebook/kernel-client.ts';
import type { CellLanguage } from '../notebook/lakebook-file.ts';
import type { CompleteReply, InspectReply, KernelSettings, RequestOf } from '../notebook/protocol.ts';

export interface EngineOptions {
  /** Folder whose lake is used. */
  readonly folder: string;
  /** Where relative paths in cells start. */
  readonly workingDirectory: string;
  readonly settings?: KernelSettings;
  readonly log: (text: string) => void;
}

/**
 * The kernel process behind the sockets. A lake that can't be opened is an error of each cell until it can, and the
 * process is started anew when it died, as a cell may use up all memory.
 */
export class Engine {
  readonly #options: EngineOptions;
  #client: KernelClient | undefined;
  #starting: Promise<KernelClient> | undefined;
  #opening: Promise<KernelClient> | undefined;
  #died = false;
  #closed = false;
  /** How often it was asked to stop. */
  #interrupts = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Starts the process and opens the lake ahead of the first cell, which tells what is wrong with it. */
  warm(): void {
    this.#open().catch(error => this.#options.log(`the lake is not open: ${(error as Error).message}`));
  }

  /** Whether the process before this one died, which is told once. */
  takeDeath(): boolean {
    const died = this.#died;
    this.#died = false;
    return died;
  }

  /** Runs a cell. @throws LakebookError when the lake can't be opened or the process dies; InterruptedError */
  async execute(
    request: Omit<RequestOf<'execute'>, 'run'>,
    handlers: ExecuteHandlers,
  ): Promise<ExecuteResult> {
    const before = this.#interrupts;
    const client = await this.#open();
    // While the lake was opened, which may take long.
    if (this.#interrupts !== before) throw new InterruptedError();
    return client.execute(request, handlers);
  }

  /** Stops the cell that runs. */
  async interrupt(): Promise<void> {
    this.#interrupts++;
    if (this.#client?.isRunning) await this.#client.interrupt();
  }

  async complete(source: string, language: CellLanguage, offset: number): Promise<CompleteReply> {
    const none = { start: offset, end: offset, items: [] };
    return this.#assist(client => client.request('complete', { source, language, offset }), none);
  }

  async inspect(source: string, language: CellLanguage, offset: number): Promise<InspectReply | null> {
    return this.#assist(client => client.request('inspect', { source, language, offset }), null);
  }

  /** Ends the process, also one that is just starting. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#starting?.catch(() => undefined);
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }

  /** Help that fails is no help; the next cell tells what is wrong with the lake. */
  async #assist<T>(work: (client: KernelClient) => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work(await this.#open());
    } catch (error) {
      if (!(error instanceof LakebookError)) throw error;
      this.#options.log(`no help: ${error.message}`);
      return otherwise;
    }
  }

  #open(): Promise<KernelClient> {
    if (this.#opening === undefined) {
      const opening = this.#startAndOpen();
      this.#opening = opening;
      // The next cell tries again.
      opening.catch(() => this.#forget(opening));
    }
    return this.#opening;
  }

  #forget(opening: Promise<KernelClient>): void {
    if (this.#opening === opening) this.#opening = undefined;
  }

  async #startAndOpen(): Promise<KernelClient> {
    const { folder, workingDirectory, settings } = this.#options;
    if (!this.#closed && !this.#client?.isRunning) {
      this.#starting = this.#start();
      await this.#starting;
    }
    const client = this.#client;
    if (this.#closed || client === undefined) {
      throw new LakebookError('KERNEL_DIED', 'The kernel was shut down.');
    }
    await client.request('open', {
      folder,
      workingDirectory,
      ...(settings === undefined ? {} : { settings }),
    });
    return client;
  }

  async #start(): Promise<KernelClient> {
    const client = await KernelClient.start();
    this.#client = client;
    client.onEvent(event => {
      if (event.event === 'log') this.#options.log(event.message);
    });
    client.onExit(error => {
      if (this.#client !== client || error === undefined) return;
      this.#client = undefined;
      this.#opening = undefined;
      this.#died = true;
    });
    return client;
  }
}
