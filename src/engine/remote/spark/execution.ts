import { randomUUID } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { InterruptedError } from '../../../iceberg/errors.ts';
import {
  type ExecutePlanRequest,
  ExecutePlanRequestSchema,
  type ExecutePlanResponse,
  type PlanSchema,
  type ReattachExecuteRequest,
  ReattachExecuteRequestSchema,
} from './proto/spark_connect_pb.ts';
import { Backoff } from './retry.ts';
import { RpcError } from './rpc.ts';
import type { SparkSession } from './session.ts';

/**
 * Size of the pieces in which batches of rows come, in bytes: gRPC's client takes up to 16 messages ahead of whoever
 * reads them. Servers before Spark 4.1 send batches in one piece, of up to 4 MB.
 */
const chunkBytes = 1024 * 1024;

/**
 * How long a stream may be silent, in milliseconds. Spark tells its progress every few seconds and ends each stream
 * after two minutes, so a silent one is a connection that is dead without knowing.
 */
const silenceMs = 180_000;

/**
 * The execution of a plan. It is *reattachable*: the server goes on when the connection breaks, and a new stream of
 * responses begins after the last one that was received. Spark also ends streams by itself that get long.
 */
export class Execution {
  readonly operationId = randomUUID();
  readonly #session: SparkSession;
  readonly #request: ExecutePlanRequest;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.stop();
  #hasEnded = false;
  #lastResponseId: string | undefined;
  #isReleasing = false;

  constructor(session: SparkSession, plan: MessageInitShape<typeof PlanSchema>, signal?: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
    this.#request = create(ExecutePlanRequestSchema, {
      ...session.common,
      operationId: this.operationId,
      plan,
      requestOptions: [
        { requestOption: { case: 'reattachOptions', value: { reattachable: true } } },
        {
          requestOption: {
            case: 'resultChunkingOptions',
            value: { allowArrowBatchChunking: true, preferredArrowChunkSize: BigInt(chunkBytes) },
          },
        },
      ],
    });
    if (signal?.aborted === true) this.stop();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * Every response in order, each once; one iteration only. Ending it early stops the execution on the server.
   * @throws InterruptedError, SessionLostError, and RpcError for what the server says
   */
  async *responses(): AsyncGenerator<ExecutePlanResponse, void> {
    const backoff = new Backoff(this.#session.policy, this.#session.isKnown);
    let isAttached = false;
    try {
      while (!this.#stop.signal.aborted) {
        try {
          for await (const response of this.#stream(isAttached)) {
            if (response.responseType.case === 'resultComplete') return;
            backoff.reset();
            this.#lastResponseId = response.responseId;
            yield response;
            this.#releaseSeen();
          }
          // A stream that ends without `resultComplete` says that there is more to come.
          isAttached = true;
        } catch (error) {
          if (!this.#stop.signal.aborted) isAttached = await this.#recover(error, backoff);
        }
      }
      throw new InterruptedError();
    } finally {
      this.#end();
    }
  }

  /** Stops the execution: its jobs on the server, and the iteration here at once. */
  stop(): void {
    if (this.#hasEnded || this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#session.interrupt(this.operationId);
    this.#end();
  }

  /** One stream of responses: the execution's first, or one that goes on after the last response. */
  async *#stream(isAttached: boolean): AsyncGenerator<ExecutePlanResponse, void> {
    const silence = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, silence.signal]);
    const watch = () => setTimeout(() => silence.abort(), silenceMs);
    let timer = watch();
    try {
      const responses = isAttached
        ? this.#session.reattach(this.#reattachRequest(), signal)
        : this.#session.execute(this.#request, signal);
      for await (const response of responses) {
        clearTimeout(timer);
        yield response;
        timer = watch();
      }
    } catch (error) {
      // A silent stream is taken for one that has ended.
      if (!silence.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Waits before a stream that broke is taken up again.
   * @returns whether the server may have the execution, so that a new stream of it can be asked for
   * @throws the error, when it is the statement's own, or another attempt wouldn't help
   */
  async #recover(error: unknown, backoff: Backoff): Promise<boolean> {
    const errorClass = error instanceof RpcError ? error.errorClass : undefined;
    if (errorClass === 'INVALID_HANDLE.OPERATION_ALREADY_EXISTS') return true;
    // The request never reached the server.
    if (errorClass === 'INVALID_HANDLE.OPERATION_NOT_FOUND' && this.#lastResponseId === undefined)
      return false;
    const lost = this.#session.asLost(error);
    if (lost !== undefined) throw lost;
    try {
      await backoff.pause(error, this.#stop.signal);
    } catch (cause) {
      if (!this.#stop.signal.aborted) throw cause;
    }
    return this.#session.isKnown;
  }

  #reattachRequest(): ReattachExecuteRequest {
    return create(ReattachExecuteRequestSchema, {
      ...this.#session.common,
      operationId: this.operationId,
      lastResponseId: this.#lastResponseId,
    });
  }

  /** The server keeps responses in case they got lost: it's told what has arrived, one call at a time. */
  #releaseSeen(): void {
    if (this.#isReleasing || this.#hasEnded) return;
    this.#isReleasing = true;
    void this.#session.release(this.operationId, this.#lastResponseId).then(() => {
      this.#isReleasing = false;
    });
  }

  /** The server may forget the execution; it also stops what still runs of it. */
  #end(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    void this.#session.release(this.operationId);
  }
}
