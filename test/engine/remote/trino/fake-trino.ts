import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { afterAll } from 'vitest';
import { TrinoEngine, type TrinoOptions } from '../../../../src/engine/remote/trino/trino-engine.ts';

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: unknown;
  /** Breaks the connection instead. */
  readonly broken?: boolean;
}

type Answer = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;

/** A server that answers what a test has written, and keeps what it was asked. */
export class FakeTrino {
  readonly requests: FakeRequest[] = [];
  readonly #server: Server;
  #answer: Answer;

  private constructor(answer: Answer) {
    this.#answer = answer;
    this.#server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      const { method = '', url = '', headers } = request;
      const asked = { method, path: url, headers, body };
      this.requests.push(asked);
      const { status = 200, headers: more = {}, body: answered, broken } = await this.#answer(asked);
      if (broken) {
        request.socket.destroy();
        return;
      }
      response.writeHead(status, { 'Content-Type': 'application/json', ...more });
      response.end(
        Buffer.isBuffer(answered) || typeof answered === 'string' ? answered : JSON.stringify(answered),
      );
    });
  }

  static async start(answer: Answer): Promise<FakeTrino> {
    const fake = new FakeTrino(answer);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    afterAll(() => {
      fake.#server.closeAllConnections();
      fake.#server.close();
    });
    return fake;
  }

  get uri(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Answers otherwise from now on, and forgets what it was asked. */
  reply(answer: Answer): void {
    this.requests.length = 0;
    this.#answer = answer;
  }

  /** Answers a statement with these, one after the other, each at an address of its own. */
  replyInTurn(answers: readonly FakeAnswer[]): void {
    this.reply(({ method, path }) => {
      if (method === 'DELETE') return { status: 204, body: '' };
      const turn = path === '/v1/statement' ? 0 : Number(path.split('/').at(-1));
      const answer = answers[turn]!;
      const isLast = turn === answers.length - 1;
      const next = isLast ? {} : { nextUri: `${this.uri}/v1/statement/executing/q/s/${turn + 1}` };
      return answer.body === undefined || typeof answer.body !== 'object'
        ? answer
        : { ...answer, body: { id: 'q', ...next, stats: { state: 'RUNNING' }, ...answer.body } };
    });
  }

  engine(options: Partial<TrinoOptions> = {}): TrinoEngine {
    const engine = new TrinoEngine({ uri: this.uri, user: 'ann', catalog: 'lake', ...options });
    afterAll(() => engine.close());
    return engine;
  }

  /** `GET /v1/...` and so on, in order. */
  get asked(): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path}`);
  }
}

export const bigints = [{ name: 'n', typeSignature: { rawType: 'bigint' } }];
