import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import { type Lake, openLake } from '../../src/catalog/open-lake.ts';
import type { GatewayLimits } from '../../src/gateway/limits.ts';
import { type GatewayOptions, makeGateway } from '../../src/gateway/server.ts';

export const tokens = { read: 'r'.repeat(40), write: 'w'.repeat(40) };

const smallLimits: Partial<GatewayLimits> = {
  queries: 2,
  changes: 2,
  memoryBytes: 2 ** 30,
  tempBytes: 2 ** 30,
  timeoutMs: 60_000,
  idleMs: 20_000,
};

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into as JSON
type Json = any;

export interface Answer<T = Json> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
  readonly text: string;
}

/** A gateway on a lake of its own, listening on a free port of this machine. */
export class TestGateway {
  readonly folder: string;
  readonly lake: Lake;
  readonly server: FastifyInstance;
  readonly url: string;
  readonly lines: string[] = [];

  private constructor(folder: string, lake: Lake, server: FastifyInstance, url: string, lines: string[]) {
    this.folder = folder;
    this.lake = lake;
    this.server = server;
    this.url = url;
    this.lines = lines;
  }

  static async open(
    options: Partial<Omit<GatewayOptions, 'lake' | 'limits'>> & {
      readonly limits?: Partial<GatewayLimits>;
      readonly folder?: string;
    } = {},
  ): Promise<TestGateway> {
    const { folder: given, limits, ...rest } = options;
    const folder = given ?? mkdtempSync(path.join(tmpdir(), 'lakebook-gateway-test-'));
    const config = await loadLakeConfig(folder, {});
    const lake = await openLake(config);
    const lines: string[] = [];
    const { streamLog } = await import('../../src/gateway/log.ts');
    const server = await makeGateway({
      lake,
      tokens,
      version: '0.0.0',
      limits: { ...smallLimits, ...limits },
      log: streamLog({ write: text => lines.push(text) }),
      ...rest,
    });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    return new TestGateway(folder, lake, server, url, lines);
  }

  /** Ends the server; `keep` leaves the lake for another one. */
  async close(keep = false): Promise<void> {
    await this.server.close();
    await this.lake.close();
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }

  async call<T = Json>(
    method: string,
    address: string,
    options: {
      readonly body?: unknown;
      readonly raw?: string | Uint8Array;
      readonly headers?: Record<string, string>;
      readonly token?: string | null;
    } = {},
  ): Promise<Answer<T>> {
    const { body, raw, headers = {}, token = tokens.write } = options;
    const response = await fetch(`${this.url}${address}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(raw === undefined ? {} : { body: raw as string }),
    });
    const text = await response.text();
    const isJson =
      /json/.test(response.headers.get('content-type') ?? '') &&
      !/ndjson/.test(response.headers.get('content-type')!);
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : text) as T,
    };
  }

  get<T = Json>(address: string, options = {}): Promise<Answer<T>> {
    return this.call<T>('GET', address, options);
  }

  post<T = Json>(address: string, body: unknown, options = {}): Promise<Answer<T>> {
    return this.call<T>('POST', address, { body, ...options });
  }

  query<T = Json>(sql: string, more: object = {}, options = {}): Promise<Answer<T>> {
    return this.post<T>('/query', { sql, ...more }, options);
  }

  ingest(
    table: string,
    csv: string | Uint8Array,
    parameters = '',
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return this.call('POST', `/ingest/${table}${parameters}`, {
      raw: csv,
      headers: { 'content-type': 'text/csv', ...headers },
    });
  }

  /** Rows of a query that must succeed. */
  async rows(sql: string): Promise<unknown[][]> {
    const answer = await this.query(sql);
    if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
    return answer.body.rows;
  }
}
