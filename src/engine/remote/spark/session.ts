import { randomUUID } from 'node:crypto';
import { create, type DescMessage, type DescMethodUnary, type MessageShape } from '@bufbuild/protobuf';
import { LakebookError } from '../../../iceberg/errors.ts';
import type { SparkConnection } from './connection.ts';
import {
  AnalyzePlanRequestSchema,
  ConfigRequest_OperationSchema,
  ConfigRequestSchema,
  type ExecutePlanRequest,
  type ExecutePlanResponse,
  FetchErrorDetailsRequestSchema,
  type FetchErrorDetailsResponse,
  InterruptRequest_InterruptType,
  InterruptRequestSchema,
  type ReattachExecuteRequest,
  ReleaseExecuteRequestSchema,
  ReleaseSessionRequestSchema,
  SparkConnectService,
  UserContextSchema,
} from './proto/spark_connect_pb.ts';
import { Backoff, type RetryPolicy } from './retry.ts';
import { RpcChannel, RpcError } from './rpc.ts';

const methods = SparkConnectService.method;

/** How long a call other than a statement's may take, in milliseconds. */
const callTimeoutMs = 60_000;
/** How long the end of a session waits for the server. */
const farewellMs = 5000;

/** The server has no such session (any more): it was restarted, or ended the session. What the session held is gone. */
export class SessionLostError extends LakebookError {
  constructor(name: string, cause: unknown) {
    super('ENGINE_SESSION_LOST', `${name} doesn't know this session any more.`, {
      hint:
        'It was restarted, or ended the session. Run the cell again in the new session; temporary views, ' +
        'variables and settings of the old one are gone.',
      cause,
    });
  }
}

/** Errors of Spark that mean that a session is gone. */
const lostSession = /^INVALID_HANDLE\.SESSION_(?:NOT_FOUND|CHANGED|CLOSED)$/;

interface ServerSide {
  readonly sessionId: string;
  readonly serverSideSessionId: string;
}

/** A session of Spark Connect: the fields that every request has, and the calls beside those of statements. */
export class SparkSession {
  readonly id: string;
  readonly policy: RetryPolicy;
  readonly #name: string;
  readonly #channel: RpcChannel;
  readonly #connection: SparkConnection;
  /** The server's own id of the session, from its first answer; another one later is another session. */
  #serverSideId: string | undefined;
  readonly #background = new Set<Promise<void>>();

  /** `name` is how errors call the server. Connecting happens with the first call. */
  constructor(name: string, connection: SparkConnection, policy: RetryPolicy) {
    this.#name = name;
    this.#connection = connection;
    this.#channel = new RpcChannel(connection);
    this.policy = policy;
    this.id = connection.sessionId ?? randomUUID();
  }

  /** Whether the server has answered before. */
  get isKnown(): boolean {
    return this.#serverSideId !== undefined;
  }

  /** The fields that all requests have in common. */
  get common() {
    const { userId, userAgent } = this.#connection;
    const client = `lakebook os/${process.platform} node/${process.versions.node}`;
    return {
      sessionId: this.id,
      clientObservedServerSideSessionId: this.#serverSideId,
      userContext: create(UserContextSchema, { userId, userName: userId }),
      clientType: userAgent === undefined ? client : `${userAgent} ${client}`,
    };
  }

  /** The server's version: `4.1.4`. */
  async version(): Promise<string> {
    const response = await this.#call(
      methods.analyzePlan,
      create(AnalyzePlanRequestSchema, {
        ...this.common,
        analyze: { case: 'sparkVersion', value: {} },
      }),
    );
    return response.result.value?.version ?? '';
  }

  /** What settings are set to; those that aren't set, and have no default, are left out. */
  async options(...keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const response = await this.#configure({ case: 'getOption', value: { keys: [...keys] } });
    return new Map(
      response.pairs.flatMap(({ key, value }) => (value === undefined ? [] : [[key, value] as const])),
    );
  }

  /** Changes settings of this session; those that the server doesn't know or let change stay as they are. */
  async setOptions(options: Readonly<Record<string, string>>): Promise<void> {
    const pairs = Object.entries(options).map(([key, value]) => ({ key, value }));
    await this.#configure({ case: 'set', value: { pairs, silent: true } });
  }

  execute(request: ExecutePlanRequest, signal: AbortSignal): AsyncGenerator<ExecutePlanResponse, void> {
    return this.#verified(this.#channel.stream(methods.executePlan, request, signal));
  }

  reattach(request: ReattachExecuteRequest, signal: AbortSignal): AsyncGenerator<ExecutePlanResponse, void> {
    return this.#verified(this.#channel.stream(methods.reattachExecute, request, signal));
  }

  /** Stops an execution's jobs, in the background. */
  interrupt(operationId: string): void {
    this.#inBackground(
      this.#call(
        methods.interrupt,
        create(InterruptRequestSchema, {
          ...this.common,
          interruptType: InterruptRequest_InterruptType.OPERATION_ID,
          interrupt: { case: 'operationId', value: operationId },
        }),
      ),
    );
  }

  /** Lets the server forget an execution, or its responses up to one, in the background. */
  release(operationId: string, untilResponseId?: string): Promise<void> {
    return this.#inBackground(
      this.#call(
        methods.releaseExecute,
        create(ReleaseExecuteRequestSchema, {
          ...this.common,
          operationId,
          release:
            untilResponseId === undefined
              ? { case: 'releaseAll', value: {} }
              : { case: 'releaseUntil', value: { responseId: untilResponseId } },
        }),
      ),
    );
  }

  /** What Spark says of an error in full; undefined when it doesn't remember it. */
  async errorDetails(errorId: string): Promise<FetchErrorDetailsResponse | undefined> {
    try {
      return await this.#call(
        methods.fetchErrorDetails,
        create(FetchErrorDetailsRequestSchema, { ...this.common, errorId }),
      );
    } catch (error) {
      // The error that is told without them matters more than why they can't be had.
      if (error instanceof LakebookError || error instanceof RpcError) return undefined;
      throw error;
    }
  }

  /** Ends the session on the server, if it answers, and the connection. */
  async close(): Promise<void> {
    // What runs is on its way to its end already: the server gets these calls first.
    await Promise.race([Promise.all(this.#background), delay(farewellMs)]);
    if (this.isKnown) {
      const request = create(ReleaseSessionRequestSchema, {
        sessionId: this.id,
        userContext: this.common.userContext,
        clientType: this.common.clientType,
      });
      // A server that is gone has no session to end.
      await this.#channel.unary(methods.releaseSession, request, farewellMs).catch(() => undefined);
    }
    this.#channel.close();
  }

  /** Closes the connection to a session that is lost. */
  abandon(): void {
    this.#channel.close();
  }

  async #configure(opType: {
    case: 'set' | 'getOption';
    value: object;
  }): Promise<MessageShape<typeof methods.config.output>> {
    const operation = create(ConfigRequest_OperationSchema, { opType } as never);
    return this.#call(methods.config, create(ConfigRequestSchema, { ...this.common, operation }));
  }

  async #call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
  ): Promise<MessageShape<O>> {
    const backoff = new Backoff(this.policy, this.isKnown);
    for (;;) {
      try {
        const response = await this.#channel.unary(method, request, callTimeoutMs);
        this.#verify(response as unknown as ServerSide);
        return response;
      } catch (error) {
        await backoff.pause(this.asLost(error) ?? error);
      }
    }
  }

  async *#verified(
    responses: AsyncGenerator<ExecutePlanResponse, void>,
  ): AsyncGenerator<ExecutePlanResponse, void> {
    for await (const response of responses) {
      this.#verify(response);
      yield response;
    }
  }

  /** Some answers don't name the session: those about errors. */
  #verify({ sessionId, serverSideSessionId }: ServerSide): void {
    const isOther = this.#serverSideId !== undefined && serverSideSessionId !== this.#serverSideId;
    if ((sessionId !== '' && sessionId !== this.id) || (serverSideSessionId !== '' && isOther)) {
      throw new SessionLostError(this.#name, new Error(`answer of session ${sessionId}`));
    }
    if (serverSideSessionId !== '') this.#serverSideId = serverSideSessionId;
  }

  /** The error as a lost session's, if that is what it means. */
  asLost(error: unknown): SessionLostError | undefined {
    if (!(error instanceof RpcError) || !lostSession.test(error.errorClass ?? '')) return undefined;
    return new SessionLostError(this.#name, error);
  }

  #inBackground(work: Promise<unknown>): Promise<void> {
    // Whatever of this fails, the server does by itself after a while.
    const done = work.then(
      () => undefined,
      () => undefined,
    );
    this.#background.add(done);
    void done.then(() => this.#background.delete(done));
    return done;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms).unref());
}
