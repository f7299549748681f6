import type { RemoteOutcome } from '../remote-engine.ts';

/**
 * What a coordinator wants to be told with every statement, for it keeps nothing of a session: properties, prepared
 * statements, roles and the transaction. Answers change it through `X-Trino-Set-...` headers.
 */
export class TrinoSession {
  readonly #properties: Map<string, string>;
  readonly #prepared = new Map<string, string>();
  readonly #roles = new Map<string, string>();
  readonly #lakeCatalog: string;
  /** What `USE` chose when it isn't in the lake's catalog. */
  #elsewhere: { readonly catalog: string; readonly schema: string } | undefined;
  #path: string | undefined;
  #transaction: string | undefined;
  #authorizationUser: string | undefined;

  /** `lakeCatalog` is the engine's name of the lake's catalog. */
  constructor(lakeCatalog: string, properties: Readonly<Record<string, string>> = {}) {
    this.#lakeCatalog = lakeCatalog;
    this.#properties = new Map(Object.entries(properties));
  }

  /** The transaction that `START TRANSACTION` began. */
  get transaction(): string | undefined {
    return this.#transaction;
  }

  /** Headers of a statement of `user`, whose unqualified names are in a namespace of the lake. */
  headers(user: string, namespace: readonly string[] | undefined): Record<string, string> {
    const schema = this.#elsewhere?.schema ?? namespace?.join('.');
    return {
      'X-Trino-Catalog': this.#elsewhere?.catalog ?? this.#lakeCatalog,
      ...(schema === undefined ? {} : { 'X-Trino-Schema': schema }),
      'X-Trino-User': this.#authorizationUser ?? user,
      ...(this.#authorizationUser === undefined ? {} : { 'X-Trino-Original-User': user }),
      // Without it a transaction can't be begun.
      'X-Trino-Transaction-Id': this.#transaction ?? 'NONE',
      ...pairs('X-Trino-Session', this.#properties),
      ...pairs('X-Trino-Prepared-Statement', this.#prepared),
      ...pairs('X-Trino-Role', this.#roles),
      ...(this.#path === undefined ? {} : { 'X-Trino-Path': this.#path }),
    };
  }

  /** Takes over what an answer changes. @returns what `USE` chose */
  update(headers: Headers): RemoteOutcome['used'] {
    for (const [name, value] of entries(headers, 'X-Trino-Set-Session')) this.#properties.set(name, value);
    for (const name of list(headers, 'X-Trino-Clear-Session')) this.#properties.delete(name);
    for (const [name, value] of entries(headers, 'X-Trino-Added-Prepare')) this.#prepared.set(name, value);
    for (const name of list(headers, 'X-Trino-Deallocated-Prepare')) {
      this.#prepared.delete(decodeValue(name));
    }
    for (const [catalog, role] of entries(headers, 'X-Trino-Set-Role')) this.#roles.set(catalog, role);
    this.#path = headers.get('X-Trino-Set-Path') ?? this.#path;
    this.#authorizationUser = headers.get('X-Trino-Set-Authorization-User') ?? this.#authorizationUser;
    if (headers.has('X-Trino-Reset-Authorization-User')) this.#authorizationUser = undefined;
    this.#transaction = headers.get('X-Trino-Started-Transaction-Id') ?? this.#transaction;
    if (headers.has('X-Trino-Clear-Transaction-Id')) this.#transaction = undefined;
    const schema = headers.get('X-Trino-Set-Schema');
    if (schema === null) return undefined;
    const catalog = headers.get('X-Trino-Set-Catalog') ?? this.#elsewhere?.catalog ?? this.#lakeCatalog;
    this.#elsewhere = catalog === this.#lakeCatalog ? undefined : { catalog, schema };
    return { catalog, namespace: schema.split('.') };
  }
}

/** `name=value` pairs with encoded values; no header when there are none. */
function pairs(header: string, values: ReadonlyMap<string, string>): Record<string, string> {
  if (values.size === 0) return {};
  const text = [...values].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  return { [header]: text.join(',') };
}

function list(headers: Headers, name: string): string[] {
  // Several headers of a name are joined with commas, which encoded values don't hold.
  return (headers.get(name) ?? '')
    .split(',')
    .map(text => text.trim())
    .filter(text => text !== '');
}

function entries(headers: Headers, name: string): [string, string][] {
  return list(headers, name).map(text => {
    const [key, value = ''] = text.split('=', 2);
    return [decodeValue(key!), decodeValue(value)];
  });
}

/** Java's URL encoding writes a space as a plus. */
function decodeValue(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
