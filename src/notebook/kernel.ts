import { totalmem } from 'node:os';
import path from 'node:path';
import { engineNames } from '../engine/remote/engines.ts';
import { EngineSession } from '../engine/session.ts';
import { InterruptedError, LakebookError, ValidationError } from '../iceberg/errors.ts';
import { engine as chooseEngine } from '../lake/index.ts';
import type { AssistContext } from './assist-context.ts';
import { checkRequest } from './check-request.ts';
import { complete } from './complete.ts';
import { diagnose } from './diagnose.ts';
import { toErrorInfo } from './error-info.ts';
import { executeCell } from './execute.ts';
import { Explorer } from './explorer.ts';
import { inspect } from './inspect.ts';
import { openLakeOf } from './open-lake-of.ts';
import type { Parameters } from './parameters.ts';
import {
  type ExecuteReply,
  type KernelEvent,
  type KernelMethod,
  type KernelSettings,
  type LakeInfo,
  protocolVersion,
  type ReplyOf,
  type RequestOf,
} from './protocol.ts';
import { exportRows } from './results/export.ts';
import { ResultRegistry } from './results/registry.ts';
import { sideRows } from './results/side-query.ts';

const defaultPreviewRows = 100;
/** How often other processes' commits are looked for, in milliseconds. */
const catalogPollMs = 1000;
/** Progress is told at most this often, in milliseconds. */
const progressIntervalMs = 100;

type Handlers = {
  readonly [M in KernelMethod]: (request: RequestOf<M>) => Promise<ReplyOf<M>>;
};

interface Opened {
  readonly session: EngineSession;
  readonly registry: ResultRegistry;
  readonly explorer: Explorer;
  readonly settings: KernelSettings;
  readonly info: LakeInfo;
}

/**
 * A notebook kernel: one lake, one engine session, cells one after the other. It answers the methods of the
 * protocol; `src/notebook/kernel-process.ts` connects it to a parent process, tests and the headless runner may
 * use it as it is.
 */
export class Kernel {
  readonly #emit: (event: KernelEvent) => void;
  #opened: Opened | undefined;
  #parameters: Parameters = {};
  #executionCount = 0;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #running: { readonly cellId: string } | undefined;
  /** Aborted by `interrupt`, for the running cell and all that wait; then replaced. */
  #interruption = new AbortController();
  #poll: NodeJS.Timeout | undefined;
  #catalogVersion: string | undefined;

  constructor(emit: (event: KernelEvent) => void) {
    this.#emit = emit;
  }

  /** Answers a request. @throws LakebookError */
  async handle<M extends KernelMethod>(method: M, request: RequestOf<M>): Promise<ReplyOf<M>> {
    checkRequest(method, request);
    const handler = this.#handlers[method] as (request: RequestOf<M>) => Promise<ReplyOf<M>>;
    return handler(request);
  }

  readonly #handlers: Handlers = {
    hello: async () => ({
      protocol: protocolVersion,
      pid: process.pid,
      node: process.versions.node,
    }),
    open: request => this.#open(request),
    execute: request => this.#enqueue(request),
    interrupt: async () => {
      this.#interrupt();
      return null;
    },
    complete: async ({ source, language, offset }) => {
      return complete(this.#assist(), source, language, Math.min(offset, source.length));
    },
    inspect: async ({ source, language, offset }) => {
      return inspect(this.#assist(), source, language, Math.min(offset, source.length));
    },
    diagnose: async ({ source, language }) => {
      return diagnose(this.#assist(), source, language);
    },
    fetchWindow: ({ resultId, view, offset, limit }) =>
      this.#get().registry.window(resultId, view, offset, limit),
    fetchRows: ({ resultId, view, offset, limit }) =>
      this.#get().registry.rows(resultId, view, offset, limit),
    columnSummary: ({ resultId, column }) => this.#get().registry.summary(resultId, column),
    chart: ({ resultId, view, chart }) => this.#get().registry.chart(resultId, view, chart),
    releaseResult: async ({ resultId }) => {
      await this.#get().registry.release(resultId);
      return null;
    },
    exportResult: async ({ resultId, view, format, path: file }) => {
      const { session, registry } = this.#get();
      const read = (offset: number, limit: number) => registry.window(resultId, view, offset, limit);
      const query = await registry.relation(resultId, view);
      return { rows: await exportRows(session, query, read, format, file) };
    },
    namespaces: ({ parent }) => this.#get().explorer.namespaces(parent),
    tables: ({ namespace }) => this.#get().explorer.tables(namespace),
    table: ({ table }) => this.#get().explorer.table(table),
    tableMetadata: ({ table }) => this.#get().explorer.metadata(table),
    tableFiles: ({ table, limit }) => this.#get().explorer.files(table, limit),
    tablePartitions: ({ table }) => this.#get().explorer.partitions(table),
    status: () => this.#status(),
    chooseEngine: async ({ engine }) => ({
      text: (await chooseEngine(this.#get().session, { engine })).text,
    }),
    shutdown: async () => {
      await this.close();
      return null;
    },
  };

  /** Stops what runs and closes the lake. */
  async close(): Promise<void> {
    clearInterval(this.#poll);
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    this.#interrupt();
    await this.#last;
    await opened.registry.close();
    await opened.session.close();
    await opened.session.lake.close();
  }

  #get(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    throw new ValidationError('No lake is open.', { hint: 'Send `open` first.' }, 'NOT_OPEN');
  }

  #assist(): AssistContext {
    const { session, explorer, registry } = this.#get();
    return { session, explorer, results: registry, parameters: this.#parameters };
  }

  async #open({ folder, workingDirectory = folder, settings = {} }: RequestOf<'open'>): Promise<LakeInfo> {
    if (this.#opened !== undefined) {
      const same = path.resolve(workingDirectory) === this.#opened.session.workingDirectory;
      if (same) return this.#opened.info;
      throw new ValidationError('The kernel has a lake open already.', {
        hint: 'Start another kernel for another folder.',
      });
    }
    const lake = await openLakeOf(path.resolve(folder));
    try {
      const session = await EngineSession.open({
        lake,
        workingDirectory,
        memoryLimit: settings.memoryLimit || defaultMemoryLimit(),
        threads: settings.threads || undefined,
      });
      if (settings.engineHintBytes !== undefined) session.engines.hintBytes = settings.engineHintBytes;
      if (settings.engine !== undefined) {
        try {
          session.engines.choose(settings.engine);
        } catch (error) {
          await session.close();
          throw error;
        }
      }
      const { name, root, warehouse, defaultNamespace } = lake;
      this.#opened = {
        session,
        registry: new ResultRegistry(session),
        explorer: new Explorer(session),
        settings,
        info: { name, root, warehouse, defaultNamespace },
      };
    } catch (error) {
      await lake.close();
      throw error;
    }
    this.#watchCatalog();
    return this.#opened.info;
  }

  async #enqueue(request: RequestOf<'execute'>): Promise<ExecuteReply> {
    const { signal } = this.#interruption;
    this.#waiting++;
    const run = this.#last.then(() => {
      this.#waiting--;
      return this.#execute(request, signal);
    });
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #execute(request: RequestOf<'execute'>, signal: AbortSignal): Promise<ExecuteReply> {
    const executionCount = request.executionCount ?? this.#executionCount + 1;
    this.#executionCount = executionCount;
    const start = performance.now();
    const reply = (status: ExecuteReply['status'], more: Partial<ExecuteReply> = {}): ExecuteReply => ({
      status,
      executionCount,
      elapsedMs: performance.now() - start,
      ...more,
    });
    if (signal.aborted) return reply('interrupted', { error: toErrorInfo(new InterruptedError()) });
    const { cellId, run } = request;
    this.#running = { cellId };
    this.#emit({ event: 'status', state: 'busy', cellId });
    const resume = this.#opened?.registry.idle.hold();
    try {
      const { session, registry, settings } = this.#get();
      const before = registry.idsOfCell(cellId);
      let lastProgress = 0;
      try {
        const parameters = await executeCell(request, {
          session,
          registry,
          parameters: { ...this.#parameters, ...request.parameters },
          previewRows: request.previewRows ?? settings.previewRows ?? defaultPreviewRows,
          executionCount,
          signal,
          emit: (index, output) => this.#emit({ event: 'output', cellId, run, index, output }),
          progress: progress => {
            const now = performance.now();
            if (now - lastProgress < progressIntervalMs) return;
            lastProgress = now;
            this.#emit({ event: 'progress', cellId, run, progress });
          },
        });
        if (parameters === undefined) return reply('ok');
        this.#parameters = parameters;
        return reply('ok', { parameters });
      } finally {
        // The cell may have read its own last result, so that goes only now.
        for (const id of before) await registry.release(id);
      }
    } catch (error) {
      if (error instanceof InterruptedError || signal.aborted) {
        return reply('interrupted', { error: toErrorInfo(new InterruptedError()) });
      }
      if (!(error instanceof LakebookError)) this.#log('error', error);
      return reply('error', { error: toErrorInfo(error) });
    } finally {
      resume?.();
      this.#running = undefined;
      this.#emit({ event: 'status', state: 'idle', cellId });
      void this.#lookForCommits();
    }
  }

  #interrupt(): void {
    this.#interruption.abort();
    this.#interruption = new AbortController();
  }

  #watchCatalog(): void {
    void this.#lookForCommits();
    this.#poll = setInterval(() => void this.#lookForCommits(), catalogPollMs);
    this.#poll.unref();
  }

  async #lookForCommits(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    try {
      const version = await opened.session.lake.catalog.version();
      const changed = this.#catalogVersion !== undefined && version !== this.#catalogVersion;
      this.#catalogVersion = version;
      if (!changed) return;
      opened.explorer.forget();
      this.#emit({ event: 'catalogChanged' });
    } catch (error) {
      // A catalog that can't be asked now is told by the next request that needs it.
      this.#log('warn', error);
    }
  }

  async #status(): Promise<ReplyOf<'status'>> {
    const { session, registry } = this.#get();
    const { engines } = session;
    const [row] = await sideRows(
      session,
      `SELECT CAST((SELECT sum(memory_usage_bytes) FROM duckdb_memory()) AS DOUBLE) AS used,
version() AS version, current_setting('memory_limit') AS memory_limit,
CAST(current_setting('threads') AS DOUBLE) AS threads`,
    );
    return {
      busy: this.#running !== undefined,
      waiting: this.#waiting,
      memoryBytes: process.memoryUsage.rss(),
      engineMemoryBytes: Number(row!.used),
      memoryLimit: String(row!.memory_limit),
      threads: Number(row!.threads),
      engine:
        engines.current === 'duckdb'
          ? `DuckDB ${String(row!.version).replace(/^v/, '')}`
          : engineNames[engines.current],
      chosenEngine: engines.current,
      otherEngines: engines.remote,
      results: registry.size,
    };
  }

  #log(level: 'warn' | 'error', error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#emit({ event: 'log', level, message });
  }
}

function defaultMemoryLimit(): string {
  return `${Math.floor((totalmem() * 0.6) / 2 ** 20)}MiB`;
}
