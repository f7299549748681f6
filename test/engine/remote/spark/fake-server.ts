import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type status,
} from '@grpc/grpc-js';
import { RecordBatchStreamWriter, tableFromArrays } from 'apache-arrow';
import {
  ErrorInfoSchema,
  RetryInfoSchema,
  StatusSchema,
} from '../../../../src/engine/remote/spark/proto/google_rpc_pb.ts';
import {
  type ExecutePlanRequest,
  type ExecutePlanResponse,
  ExecutePlanResponseSchema,
  type ReattachExecuteRequest,
  SparkConnectService,
} from '../../../../src/engine/remote/spark/proto/spark_connect_pb.ts';

/** What a stream of responses does. Responses get the session's ids. */
export type Step =
  | { readonly send: ExecutePlanResponse['responseType']; readonly id?: string }
  | {
      readonly fail: {
        code: status;
        message: string;
        errorClass?: string;
        retryMs?: number;
        errorId?: string;
      };
    }
  /** The stream ends; whoever hasn't seen `resultComplete` is to come back. */
  | { readonly end: true }
  /** The stream stays open and silent. */
  | { readonly wait: true };

export const complete: Step = { send: { case: 'resultComplete', value: {} as never } };

/** A server of Spark Connect that answers as a test says, to see what a client does. */
export class FakeSpark {
  /** What streams do, in the order in which they are opened. */
  readonly streams: Step[][] = [];
  /** Names of the calls that came, with what tells them apart. */
  readonly calls: string[] = [];
  /** Headers of the last call. */
  metadata = new Metadata();
  serverSideSessionId = 'server-side-1';
  errorDetails: (errorId: string) => object = () => ({});
  readonly #server = new Server();
  #port = 0;
  #nextResponse = 1;

  static async start(): Promise<FakeSpark> {
    const fake = new FakeSpark();
    const { method } = SparkConnectService;
    fake.#server.addService(
      definitions() as never,
      {
        [method.executePlan.name]: (call: ServerWritableStream<ExecutePlanRequest, ExecutePlanResponse>) =>
          fake.#stream(call, `execute ${kindOf(call.request)}`),
        [method.reattachExecute.name]: (
          call: ServerWritableStream<ReattachExecuteRequest, ExecutePlanResponse>,
        ) => fake.#stream(call, `reattach after ${call.request.lastResponseId ?? 'nothing'}`),
        ...Object.fromEntries(
          Object.values(method)
            .filter(({ methodKind }) => methodKind === 'unary')
            .map(({ name, output }) => [
              name,
              (call: ServerUnaryCall<{ sessionId: string; errorId?: string }, unknown>, answer: Answer) => {
                fake.calls.push(nameOf(name, call.request));
                fake.metadata = call.metadata;
                const extra =
                  call.request.errorId === undefined ? {} : fake.errorDetails(call.request.errorId);
                const common = {
                  sessionId: call.request.sessionId,
                  serverSideSessionId: fake.serverSideSessionId,
                };
                answer(null, create(output as DescMessage, { ...common, ...extra } as never));
              },
            ]),
        ),
      } as never,
    );
    fake.#port = await new Promise((resolve, reject) =>
      fake.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
    return fake;
  }

  get url(): string {
    return `sc://127.0.0.1:${this.#port}`;
  }

  /** Calls but those that tell the server what it may forget. */
  get statements(): string[] {
    return this.calls.filter(call => !/^(?:ReleaseExecute|Config|FetchErrorDetails)/.test(call));
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #stream(
    call: ServerWritableStream<ExecutePlanRequest | ReattachExecuteRequest, ExecutePlanResponse>,
    name: string,
  ): void {
    this.calls.push(name);
    this.metadata = call.metadata;
    const { sessionId, operationId } = call.request;
    const ids = { sessionId, serverSideSessionId: this.serverSideSessionId, operationId };
    for (const step of this.streams.shift() ?? [complete]) {
      if ('send' in step) {
        const responseId = step.id ?? `r${this.#nextResponse++}`;
        call.write(
          create(ExecutePlanResponseSchema, { ...ids, responseId, responseType: step.send as never }),
        );
      } else if ('fail' in step) {
        call.emit('error', failure(step.fail));
        return;
      } else if ('wait' in step) {
        return;
      } else {
        break;
      }
    }
    call.end();
  }
}

type Answer = (error: null, response: unknown) => void;

function kindOf({ plan }: ExecutePlanRequest): string {
  const { opType } = plan!;
  if (opType.case === 'root') return 'relation';
  const { commandType } = opType.value!;
  const { relType } = (commandType.value as { input: { relType: { value: { query: string } } } }).input;
  return relType.value.query;
}

function nameOf(name: string, request: object): string {
  const release = (request as { release?: { case: string } }).release?.case;
  return release === undefined ? name : `${name} ${release}`;
}

function failure(fail: {
  code: status;
  message: string;
  errorClass?: string;
  retryMs?: number;
  errorId?: string;
}): object {
  const metadata = new Metadata();
  const details = [];
  if (fail.errorClass !== undefined || fail.errorId !== undefined) {
    const info: Record<string, string> = {};
    if (fail.errorClass !== undefined) info.errorClass = fail.errorClass;
    if (fail.errorId !== undefined) info.errorId = fail.errorId;
    details.push(
      anyPack(
        ErrorInfoSchema,
        create(ErrorInfoSchema, {
          reason: 'org.apache.spark.Error',
          domain: 'org.apache.spark',
          metadata: info,
        }),
      ),
    );
  }
  if (fail.retryMs !== undefined) {
    const retryDelay = { seconds: 0n, nanos: fail.retryMs * 1e6 };
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  if (details.length > 0) {
    const bytes = toBinary(
      StatusSchema,
      create(StatusSchema, { code: fail.code, message: fail.message, details }),
    );
    metadata.set('grpc-status-details-bin', Buffer.from(bytes));
  }
  return { code: fail.code, details: fail.message, metadata };
}

function definitions(): object {
  return Object.fromEntries(
    Object.values(SparkConnectService.method).map(({ name, input, output, methodKind }) => [
      name,
      {
        path: `/${SparkConnectService.typeName}/${name}`,
        requestStream: false,
        responseStream: methodKind === 'server_streaming',
        requestSerialize: (message: MessageShape<DescMessage>) =>
          Buffer.from(toBinary(input, message as never)),
        requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
        responseSerialize: (message: MessageShape<DescMessage>) =>
          Buffer.from(toBinary(output, message as never)),
        responseDeserialize: (bytes: Buffer) => fromBinary(output, bytes),
      },
    ]),
  );
}

/** The answer to a command that makes it a query, which is to be run then. */
export const isQuery: Step = {
  send: {
    case: 'sqlCommandResult',
    value: { relation: { relType: { case: 'sql', value: { query: 'q' } } } },
  } as never,
};

/** Rows of one column `id`, from a number on, in pieces. */
export function rows(start: number, count: number, pieces = 1): Step[] {
  const id = Int32Array.from({ length: count }, (_, index) => start + index);
  const writer = RecordBatchStreamWriter.writeAll(tableFromArrays({ id }));
  const bytes = writer.toUint8Array(true);
  const size = Math.ceil(bytes.length / pieces);
  return Array.from({ length: pieces }, (_, index) => ({
    send: {
      case: 'arrowBatch',
      value: {
        rowCount: BigInt(count),
        startOffset: BigInt(start),
        data: bytes.slice(index * size, (index + 1) * size),
        ...(pieces === 1 ? {} : { chunkIndex: BigInt(index), numChunksInBatch: BigInt(pieces) }),
      },
    } as never,
  }));
}
