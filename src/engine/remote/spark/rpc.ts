import {
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  type CallOptions,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  type status,
} from '@grpc/grpc-js';
import { isLoopback, type SparkConnection } from './connection.ts';
import { ErrorInfoSchema, RetryInfoSchema, StatusSchema } from './proto/google_rpc_pb.ts';

/** As large as Spark's own clients allow a message to be. */
const maxMessageBytes = 128 * 1024 * 1024;
/** How much may be on its way on a connection; HTTP/2's 64 KB would slow down connections of some distance. */
const flowControlWindow = 8 * 1024 * 1024;

/** A call that failed, with what the server says of it beside gRPC's code. */
export class RpcError extends Error {
  readonly code: status;
  /** The class of the error on the server. */
  readonly reason: string | undefined;
  /** Spark's own words on the error: `errorClass`, `sqlState`, `errorId`, `classes`, ... */
  readonly info: Readonly<Record<string, string>>;
  /** Set when the server asks to try again, in milliseconds; 0: whenever. */
  readonly retryDelayMs: number | undefined;

  constructor(error: ServiceError) {
    super(error.details, { cause: error });
    this.name = 'RpcError';
    this.code = error.code;
    const details = error.metadata?.get('grpc-status-details-bin')[0];
    let reason: string | undefined;
    let info: Readonly<Record<string, string>> = {};
    let retryDelayMs: number | undefined;
    if (details instanceof Buffer) {
      for (const any of fromBinary(StatusSchema, details).details) {
        const errorInfo = anyUnpack(any, ErrorInfoSchema);
        if (errorInfo !== undefined) {
          reason = errorInfo.reason;
          info = errorInfo.metadata;
        }
        const retryInfo = anyUnpack(any, RetryInfoSchema);
        if (retryInfo !== undefined) {
          const delay = retryInfo.retryDelay;
          retryDelayMs = Number(delay?.seconds ?? 0n) * 1000 + (delay?.nanos ?? 0) / 1e6;
        }
      }
    }
    this.reason = reason;
    this.info = info;
    this.retryDelayMs = retryDelayMs;
  }

  /** Spark's name of the error: `TABLE_OR_VIEW_NOT_FOUND`, `INVALID_HANDLE.SESSION_CLOSED`, ... */
  get errorClass(): string | undefined {
    // Some errors of sessions and operations come before there is a session to look up details in.
    return this.info.errorClass ?? /\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]/.exec(this.message)?.[1];
  }
}

/** Calls of one service over one connection, which is made with the first call and made again when it breaks. */
export class RpcChannel {
  readonly #client: Client;
  readonly #metadata: Metadata;

  constructor(connection: SparkConnection) {
    const { address, host, tls, token, headers } = connection;
    this.#client = new Client(address, tls ? credentials.createSsl() : credentials.createInsecure(), {
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      'grpc-node.flow_control_window': flowControlWindow,
      // A person is waiting: connecting is tried again soon.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 5000,
      // Several sessions at one address don't break with one connection.
      'grpc.use_local_subchannel_pool': 1,
      ...(isLoopback(host) ? { 'grpc.enable_http_proxy': 0 } : {}),
    });
    this.#metadata = new Metadata();
    for (const [name, value] of headers) this.#metadata.set(name, value);
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token}`);
  }

  /** @throws RpcError */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    timeoutMs: number,
  ): Promise<MessageShape<O>> {
    const options: CallOptions = { deadline: Date.now() + timeoutMs };
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        pathOf(method),
        (message: MessageShape<I>) => asBuffer(toBinary(method.input, message)),
        bytes => fromBinary(method.output, asBytes(bytes)),
        request,
        this.#metadata,
        options,
        (error, response) => {
          if (error === null) resolve(response!);
          else reject(new RpcError(error));
        },
      );
    });
  }

  /** The messages that answer a request, as they are asked for. Ending the iteration cancels the call. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageShape<I>,
    signal: AbortSignal,
  ): AsyncGenerator<MessageShape<O>, void> {
    const call: ClientReadableStream<MessageShape<O>> = this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: MessageShape<I>) => asBuffer(toBinary(method.input, message)),
      bytes => fromBinary(method.output, asBytes(bytes)),
      request,
      this.#metadata,
    );
    // A call that is cancelled ends in an error that nobody may be listening to any more.
    call.on('error', () => undefined);
    const onAbort = () => call.cancel();
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const message of call) yield message as MessageShape<O>;
    } catch (error) {
      throw isServiceError(error) ? new RpcError(error) : error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      call.cancel();
    }
  }

  close(): void {
    this.#client.close();
  }
}

function pathOf(method: { readonly name: string; readonly parent: { readonly typeName: string } }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Without Buffer's own methods: parts of it are to be taken by Arrow, for which `slice` must copy. */
function asBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === 'number';
}
