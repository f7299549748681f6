import {
  AlreadyExistsError,
  CommitConflictError,
  LakebookError,
  NotFoundError,
  ValidationError,
} from '../../iceberg/errors.ts';
import { asArray, asObject, asString } from '../../iceberg/json.ts';
import { asStringMap, optional } from '../../iceberg/snapshot-json.ts';
import type { Namespace } from '../catalog.ts';
import { checkNewNamespace, formatNamespace } from '../identifiers.ts';
import { requireApart } from '../namespace-properties.ts';
import type { RestConnection } from './connection.ts';
import { endpoints } from './endpoints.ts';
import { type Doing, explained } from './errors.ts';
import { type Looks, mutate } from './mutation.ts';
import { isOddName } from './paths.ts';
import type { CatalogVersion } from './version.ts';

/** The namespaces of a REST catalog. The default one counts as there, and is made when it's first needed. */
export class RestNamespaces {
  readonly #connection: RestConnection;
  readonly #catalog: string;
  readonly #default: Namespace;
  readonly #version: CatalogVersion;
  readonly #looks: Looks | undefined;

  constructor(
    connection: RestConnection,
    catalog: string,
    defaultNamespace: Namespace,
    version: CatalogVersion,
    looks: Looks | undefined,
  ) {
    this.#connection = connection;
    this.#catalog = catalog;
    this.#default = defaultNamespace;
    this.#version = version;
    this.#looks = looks;
  }

  /** Direct children of `parent`, or top-level namespaces. @throws NotFoundError('namespace') */
  async list(parent: Namespace = []): Promise<Namespace[]> {
    const server = await this.#connection.server();
    const query = parent.length === 0 ? {} : { parent: server.paths.parent(parent) };
    const context =
      parent.length === 0
        ? { doing: 'list the namespaces of the catalog' }
        : this.context('list the namespaces below', parent);
    const found = await explained(context, () => server.list(server.paths.namespaces(), 'namespaces', query));
    const levels = found.map(item => asArray(item, 'namespaces').map(level => asString(level, 'namespaces')));
    // Some servers list what is below the children too.
    const children = levels.filter(
      each => each.length === parent.length + 1 && parent.every((level, index) => each[index] === level),
    );
    this.#version.saw(parent);
    return children.sort((a, b) => (formatNamespace(a) < formatNamespace(b) ? -1 : 1));
  }

  isDefault(namespace: Namespace): boolean {
    return namespace.length > 0 && formatNamespace(namespace) === formatNamespace(this.#default);
  }

  /** Whether the server has it. */
  async isThere(namespace: Namespace): Promise<boolean> {
    if (namespace.length === 0) return false;
    const server = await this.#connection.server();
    const method = server.supports(endpoints.namespaceExists) ? 'HEAD' : 'GET';
    try {
      await explained(this.context('look for the namespace', namespace), () =>
        server.call(method, server.paths.namespace(namespace)),
      );
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }

  /**
   * Servers needn't look whether a new table's namespace is there. The default one is made here.
   * @throws NotFoundError('namespace')
   */
  async require(namespace: Namespace): Promise<void> {
    if (await this.isThere(namespace)) return;
    if (!this.isDefault(namespace)) {
      throw new NotFoundError('namespace', this.context('', namespace).missing!.message, {
        hint: `Make it with CREATE SCHEMA ${formatNamespace(namespace)}.`,
      });
    }
    for (let depth = 1; depth <= namespace.length; depth++) {
      await this.create(namespace.slice(0, depth)).catch(error => {
        // There is a level above already, or another process was faster.
        if (!(error instanceof AlreadyExistsError)) throw error;
      });
    }
  }

  /** @throws AlreadyExistsError('namespace') */
  async create(namespace: Namespace, properties: Readonly<Record<string, string>> = {}): Promise<void> {
    checkNewNamespace(namespace);
    const text = formatNamespace(namespace);
    const server = await this.#connection.server();
    await mutate({
      context: {
        doing: `make the namespace "${text}"`,
        taken: { what: 'namespace', message: `The namespace "${text}" exists already.` },
        missing: { what: 'namespace', message: `There is no namespace to make "${text}" in.` },
      },
      send: async () => {
        await server.call('POST', server.paths.namespaces(), { body: { namespace, properties } });
        return true;
      },
      find: async () => (await this.isThere(namespace)) || undefined,
      looks: this.#looks,
    });
    this.#version.changed();
  }

  /** @throws NotFoundError('namespace'), ValidationError `NAMESPACE_NOT_EMPTY` */
  async drop(namespace: Namespace): Promise<void> {
    const server = await this.#connection.server();
    await mutate({
      context: this.context('drop the namespace', namespace),
      send: async () => {
        await server.call('DELETE', server.paths.namespace(namespace));
        return true;
      },
      find: async () => !(await this.isThere(namespace)) || undefined,
      looks: this.#looks,
    }).catch(error => {
      // Servers of old answer 409 without saying what it is about.
      if (!(error instanceof CommitConflictError)) throw error;
      throw new ValidationError(
        `The namespace "${formatNamespace(namespace)}" is not empty.`,
        { hint: 'Drop or move what is in it first.', cause: error },
        'NAMESPACE_NOT_EMPTY',
      );
    });
    this.#version.changed();
  }

  /** @throws NotFoundError('namespace') */
  async properties(namespace: Namespace): Promise<Record<string, string>> {
    const server = await this.#connection.server();
    const context = this.context('read the properties of the namespace', namespace);
    try {
      const { json } = await explained(context, () => server.call('GET', server.paths.namespace(namespace)));
      return optional(asObject(json, 'The namespace'), 'properties', '', asStringMap) ?? {};
    } catch (error) {
      if (this.isDefault(namespace) && isMissingNamespace(error)) return {};
      throw error;
    }
  }

  /** @throws NotFoundError('namespace') */
  async update(
    namespace: Namespace,
    set: Readonly<Record<string, string>>,
    remove: readonly string[] = [],
  ): Promise<void> {
    requireApart(set, remove);
    const server = await this.#connection.server();
    if (this.isDefault(namespace)) await this.require(namespace);
    await mutate({
      context: this.context('change the properties of the namespace', namespace),
      send: async () => {
        const url = `${server.paths.namespace(namespace)}/properties`;
        await server.call('POST', url, { body: { removals: remove, updates: set } });
        return true;
      },
      find: async () => {
        const now = await this.properties(namespace);
        const isSet = Object.entries(set).every(([key, value]) => now[key] === value);
        return (isSet && remove.every(key => !Object.hasOwn(now, key))) || undefined;
      },
      looks: this.#looks,
    });
    this.#version.changed();
  }

  /** What is done with a namespace, for messages: `doing` goes before its name. */
  context(doing: string, namespace: Namespace): Doing {
    const text = formatNamespace(namespace);
    const message = `There is no namespace "${text}" in the catalog "${this.#catalog}".`;
    return {
      doing: `${doing} "${text}"`,
      missing: { what: 'namespace', message },
      isOddName: isOddName(...namespace),
    };
  }
}

export function isMissingNamespace(error: unknown): boolean {
  return error instanceof LakebookError && error.code === 'NAMESPACE_NOT_FOUND';
}
