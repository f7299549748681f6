import { UnsupportedError } from '../../iceberg/errors.ts';
import { asObject } from '../../iceberg/json.ts';
import { asStringMap, optional } from '../../iceberg/snapshot-json.ts';
import type { CatalogProperties } from '../catalog-properties.ts';
import type { Authenticator } from './auth.ts';
import { createAuth } from './create-auth.ts';
import { type Endpoint, supportedEndpoints } from './endpoints.ts';
import { explained } from './errors.ts';
import { Http, type HttpAnswer, type Method, newIdempotencyKey, type RetryPolicy } from './http.ts';
import { RestPaths } from './paths.ts';
import { Secrets } from './secrets.ts';
import { RestSettings } from './settings.ts';

export interface ConnectionOptions {
  readonly properties: CatalogProperties;
  /** More properties that are asked for when the first request is made, such as secrets kept elsewhere. */
  readonly secretProperties?: () => Promise<CatalogProperties>;
  readonly retries?: RetryPolicy;
}

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** For whom it's asked, where that isn't the catalog's own session. */
  readonly auth?: Authenticator;
}

/** A REST catalog server whose configuration is known. */
export class RestServer {
  readonly settings: RestSettings;
  readonly paths: RestPaths;
  readonly auth: Authenticator;
  readonly secrets: Secrets;
  /** Address of the catalog, without a slash at the end. */
  readonly base: string;
  readonly #http: Http;
  readonly #endpoints: ReadonlySet<string>;
  readonly #knowsIdempotencyKeys: boolean;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    http: Http,
    secrets: Secrets,
    settings: RestSettings,
    auth: Authenticator,
    config: { readonly endpoints: ReadonlySet<string>; readonly knowsIdempotencyKeys: boolean },
  ) {
    this.#http = http;
    this.secrets = secrets;
    this.settings = settings;
    this.auth = auth;
    this.base = settings.text('uri')!.replace(/\/+$/, '');
    this.paths = new RestPaths(this.base, settings.text('prefix'), settings.text('namespace-separator'));
    this.#endpoints = config.endpoints;
    this.#knowsIdempotencyKeys = config.knowsIdempotencyKeys;
    this.#headers = settings.below('header.');
  }

  supports(endpoint: Endpoint): boolean {
    return this.#endpoints.has(endpoint);
  }

  /** @throws UnsupportedError naming what can't be done */
  require(endpoint: Endpoint, doing: string): void {
    if (this.supports(endpoint)) return;
    throw new UnsupportedError(`Can't ${doing}: this catalog does not offer it (${endpoint}).`);
  }

  /** @throws RequestError */
  async call(method: Method, url: string, options: CallOptions = {}): Promise<HttpAnswer> {
    const { query, body, headers, auth = this.auth } = options;
    const mutates = method === 'POST' || method === 'DELETE';
    const keyed = mutates && this.#knowsIdempotencyKeys;
    return await this.#http.send({
      method,
      url: withQuery(url, query),
      body,
      headers: {
        ...this.#headers,
        ...headers,
        ...(keyed ? { 'idempotency-key': newIdempotencyKey() } : {}),
      },
      auth,
      repeatable: !mutates || keyed,
    });
  }

  /**
   * All items of a list, page by page. `name` is the field they are in.
   * @throws RequestError
   */
  async list(url: string, name: string, query: CallOptions['query'] = {}): Promise<unknown[]> {
    const pageSize = this.settings.text('rest-page-size');
    const items: unknown[] = [];
    const seen = new Set<string>();
    // An empty token says that the client can take pages.
    for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
      const { json } = await this.call('GET', url, { query: { ...query, pageToken, pageSize } });
      const answer = asObject(json, 'The list');
      const page = answer[name] ?? [];
      if (Array.isArray(page)) items.push(...page);
      const next: unknown = answer['next-page-token'];
      // A server that takes no notice of tokens gives the same one for ever.
      pageToken = typeof next === 'string' && next !== '' && !seen.has(next) ? next : undefined;
      if (pageToken !== undefined) seen.add(pageToken);
    }
    return items;
  }
}

/** Connects to the server when it's first needed; what failed is tried again the next time. */
export class RestConnection {
  readonly #options: ConnectionOptions;
  #server: Promise<RestServer> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** @throws LakebookError saying why the catalog can't be used */
  server(): Promise<RestServer> {
    this.#server ??= connect(this.#options).catch(error => {
      this.#server = undefined;
      throw error;
    });
    return this.#server;
  }
}

/**
 * Asks the server for its configuration (`GET /v1/config`): its defaults come before the client's own properties, its
 * overrides after them.
 */
async function connect({ properties, secretProperties, retries }: ConnectionOptions): Promise<RestServer> {
  const own = new RestSettings({ ...properties, ...(await secretProperties?.()) });
  const secrets = new Secrets();
  secrets.addFrom(own.properties);
  const http = new Http({
    secrets,
    timeoutMs: own.count('rest.client.socket-timeout-ms', 120_000),
    ...(retries === undefined ? {} : { retries }),
  });
  const base = own.text('uri')!.replace(/\/+$/, '');
  const auth = createAuth(http, own, secrets, base);
  const warehouse = own.text('warehouse');
  const where = warehouse === undefined ? base : `${base} (warehouse "${warehouse}")`;
  const { json } = await explained(
    {
      doing: `open the catalog at ${where}`,
      missing: { what: 'warehouse', message: `There is no REST catalog at ${where}.` },
    },
    () =>
      http.send({
        method: 'GET',
        url: withQuery(`${base}/v1/config`, { warehouse }),
        headers: own.below('header.'),
        auth,
      }),
  );
  const config = asObject(json, `The configuration of ${base}`);
  const defaults = optional(config, 'defaults', '', asStringMap) ?? {};
  const overrides = optional(config, 'overrides', '', asStringMap) ?? {};
  const settings = new RestSettings({ ...defaults, ...own.properties, ...overrides });
  secrets.addFrom(settings.properties);
  const changed = ['uri', 'token', 'credential', 'scope', 'oauth2-server-uri', 'audience', 'resource'].some(
    key => settings.properties[key] !== own.properties[key],
  );
  const later = changed || authKeysChanged(own, settings);
  return new RestServer(
    http,
    secrets,
    settings,
    // The token that was got stays good unless the server says how to get another.
    later ? createAuth(http, settings, secrets, settings.text('uri')!.replace(/\/+$/, '')) : auth,
    {
      endpoints: supportedEndpoints(config.endpoints, settings),
      knowsIdempotencyKeys: typeof config['idempotency-key-lifetime'] === 'string',
    },
  );
}

function authKeysChanged(own: RestSettings, merged: RestSettings): boolean {
  return Object.keys(merged.properties).some(
    key => key.startsWith('rest.') && own.properties[key] !== merged.properties[key],
  );
}

function withQuery(url: string, query: CallOptions['query'] = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, value);
  const text = search.toString();
  return text === '' ? url : `${url}?${text}`;
}
