import { LakebookError } from '../../../iceberg/errors.ts';
import type { LiteralValue, RemoteEngine, RemoteQueryOptions, RemoteRows } from '../remote-engine.ts';
import { type TrinoAddress, TrinoConnection } from './connection.ts';
import { encodings } from './segments.ts';
import { TrinoSession } from './session.ts';
import { TrinoStatement } from './statement.ts';

export interface TrinoOptions extends TrinoAddress {
  /** The engine's name of the lake's catalog. */
  readonly catalog: string;
  /** Session properties from the beginning. */
  readonly properties?: Readonly<Record<string, string>>;
  /** How rows are packed that the server puts aside (spools); all that can be read when absent, none: rows come in answers. */
  readonly encodings?: readonly string[];
}

/** What this client understands beside the first version of the protocol: types with any precision, ... */
const capabilities = 'PATH,PARAMETRIC_DATETIME,SESSION_AUTHORIZATION';

/** Trino, over its HTTP protocol. */
export class TrinoEngine implements RemoteEngine {
  readonly kind = 'trino';
  readonly name: string;
  readonly catalog: string;
  readonly #connection: TrinoConnection;
  readonly #session: TrinoSession;
  readonly #encodings: readonly string[];
  readonly #stop = new AbortController();

  /** @throws LakebookError when a password would be sent in the clear */
  constructor(options: TrinoOptions) {
    this.#connection = new TrinoConnection(options);
    this.#session = new TrinoSession(options.catalog, options.properties);
    this.#encodings = options.encodings ?? encodings;
    this.name = `Trino at ${options.uri}`;
    this.catalog = options.catalog;
  }

  query(sql: string, options: RemoteQueryOptions = {}): Promise<RemoteRows> {
    const { signal } = this.#stop;
    return TrinoStatement.start({
      connection: this.#connection,
      session: this.#session,
      sql,
      headers: this.#headers(options.namespace),
      options: {
        ...options,
        signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]),
      },
    });
  }

  literal(value: LiteralValue): string {
    switch (typeof value) {
      case 'string':
        return `'${value.replaceAll("'", "''")}'`;
      case 'bigint':
        return BigInt.asIntN(64, value) === value ? signed(String(value)) : `DECIMAL '${value}'`;
      case 'number':
        if (Number.isNaN(value)) return 'nan()';
        if (!Number.isFinite(value)) return signed(`${value < 0 ? '-' : ''}infinity()`);
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) return signed(String(value));
        // An exponent makes a double of a number that would be a decimal.
        return signed(
          Object.is(value, -0) ? '-0E0' : value.toExponential().replace('e+', 'E').replace('e', 'E'),
        );
      default:
        return String(value);
    }
  }

  async check({ signal }: { readonly signal?: AbortSignal } = {}): Promise<string> {
    const version = await this.#version(signal);
    const rows = await this.query(`SHOW SCHEMAS FROM "${this.catalog.replaceAll('"', '""')}"`, { signal });
    let schemas = 0;
    for await (const batch of rows.batches) schemas += batch.numRows;
    return `Trino ${version}, catalog ${this.catalog}, ${schemas} ${schemas === 1 ? 'schema' : 'schemas'}`;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    if (this.#session.transaction === undefined) return;
    // What a transaction holds would stay held until the server's own patience ends.
    const rollback = await TrinoStatement.start({
      connection: this.#connection,
      session: this.#session,
      sql: 'ROLLBACK',
      headers: this.#headers(undefined),
      options: {},
    }).catch(() => undefined);
    for await (const _ of rollback?.batches ?? []);
  }

  async #version(signal: AbortSignal | undefined): Promise<string> {
    const { bytes } = await this.#connection.send({
      method: 'GET',
      url: this.#connection.url('/v1/info'),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = Buffer.from(bytes).toString('utf8');
    try {
      const { nodeVersion, starting } = JSON.parse(text) as {
        nodeVersion: { version: string };
        starting: boolean;
      };
      if (!starting) return nodeVersion.version;
    } catch (error) {
      throw new LakebookError(
        'ENGINE_RESPONSE',
        `What answers at ${this.#connection.address.uri} isn't Trino.`,
        {
          hint: 'Set engines.trino.uri to the address of the coordinator.',
          cause: error,
        },
      );
    }
    throw new LakebookError('ENGINE_STARTING', `${this.name} is starting.`, {
      hint: 'Try again in a moment.',
    });
  }

  #headers(namespace: readonly string[] | undefined): Record<string, string> {
    return {
      ...this.#session.headers(this.#connection.address.user, namespace),
      'X-Trino-Source': 'lakebook',
      'X-Trino-Client-Capabilities': capabilities,
      ...(this.#encodings.length === 0 ? {} : { 'X-Trino-Query-Data-Encoding': this.#encodings.join(',') }),
      'X-Trino-Time-Zone': Intl.DateTimeFormat().resolvedOptions().timeZone,
    };
  }
}

/** Two minus signs side by side would begin a comment. */
function signed(text: string): string {
  return text.startsWith('-') ? `(${text})` : text;
}
