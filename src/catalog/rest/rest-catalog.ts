import { NotFoundError } from '../../iceberg/errors.ts';
import { asObject, asString } from '../../iceberg/json.ts';
import { currentSchema, currentSortOrder, currentSpec, type TableMetadata } from '../../iceberg/metadata.ts';
import { checkRequirements } from '../../iceberg/metadata-builder.ts';
import { newTableMetadata } from '../../iceberg/metadata-json.ts';
import { specToJson } from '../../iceberg/partition.ts';
import { propertyNames } from '../../iceberg/properties.ts';
import { schemaToJson } from '../../iceberg/schema.ts';
import { sortOrderToJson } from '../../iceberg/sort.ts';
import type { TableRequirement, TableUpdate } from '../../iceberg/updates.ts';
import type { S3AccessFor } from '../../storage/s3-access.ts';
import type { S3Settings } from '../../storage/settings.ts';
import type {
  Catalog,
  CreateTableRequest,
  LoadedTable,
  Namespace,
  TableCommit,
  TableIdentifier,
} from '../catalog.ts';
import type { CatalogProperties } from '../catalog-properties.ts';
import { checkNewIdentifier, formatIdentifier, formatNamespace } from '../identifiers.ts';
import type { Authenticator } from './auth.ts';
import { RestConnection, type RestServer } from './connection.ts';
import { creationOf } from './create-updates.ts';
import { endpoints } from './endpoints.ts';
import { type Doing, explained } from './errors.ts';
import type { HttpAnswer, RetryPolicy } from './http.ts';
import { type LoadTableResult, parseLoadTableResult, requireLocation } from './load-result.ts';
import { type Looks, mutate } from './mutation.ts';
import { isMissingNamespace, RestNamespaces } from './namespaces.ts';
import { isOddName } from './paths.ts';
import { reflects } from './reconcile.ts';
import { TableAccess } from './table-access.ts';
import { TableCache } from './table-cache.ts';
import { sessionOfTable } from './table-session.ts';
import { requirementToJson, updateToJson } from './updates-json.ts';
import { CatalogVersion } from './version.ts';
import { RestViews } from './views.ts';

export interface RestCatalogOptions {
  readonly name: string;
  /** `uri` is required; see `CatalogProperties`. */
  readonly properties: CatalogProperties;
  /** More properties, asked for when the first request is made: secrets that are kept elsewhere. */
  readonly secretProperties?: () => Promise<CatalogProperties>;
  /** A namespace that is made when the first table is made in it. */
  readonly defaultNamespace?: Namespace;
  /** The lake's own settings of S3, which come before what the catalog says. */
  readonly s3?: S3Settings;
  readonly retries?: RetryPolicy;
}

/**
 * A catalog behind Iceberg's REST catalog protocol. The server is asked for the first time when something is needed of
 * it. What it gives out for reaching tables' files is told by `accessTo`.
 */
export class RestCatalog implements Catalog {
  readonly name: string;
  readonly views: RestViews;
  readonly #connection: RestConnection;
  readonly #access: TableAccess;
  readonly #cache = new TableCache();
  readonly #version: CatalogVersion;
  readonly #namespaces: RestNamespaces;
  readonly #looks: Looks | undefined;

  constructor(options: RestCatalogOptions) {
    this.name = options.name;
    this.#connection = new RestConnection(options);
    this.#access = new TableAccess(this.#connection, options.s3 ?? {}, async identifier => {
      await this.#load(identifier);
    });
    this.#version = new CatalogVersion(this);
    this.#looks = options.retries && { count: 4, firstDelayMs: options.retries.firstDelayMs };
    this.#namespaces = new RestNamespaces(
      this.#connection,
      this.name,
      options.defaultNamespace ?? [],
      this.#version,
      this.#looks,
    );
    this.views = new RestViews(this.#connection, this.name, () => this.#version.changed());
  }

  /** How the storage is to reach files of the catalog's tables. */
  get accessTo(): S3AccessFor {
    return location => this.#access.accessTo(location);
  }

  /** Connects to the server. @returns its configuration, with the client's own properties in it */
  async configuration(): Promise<CatalogProperties> {
    return (await this.#connection.server()).settings.properties;
  }

  async listNamespaces(parent?: Namespace): Promise<Namespace[]> {
    return await this.#namespaces.list(parent);
  }

  async namespaceExists(namespace: Namespace): Promise<boolean> {
    return this.#namespaces.isDefault(namespace) || (await this.#namespaces.isThere(namespace));
  }

  async createNamespace(namespace: Namespace, properties?: Readonly<Record<string, string>>): Promise<void> {
    await this.#namespaces.create(namespace, properties);
  }

  async dropNamespace(namespace: Namespace): Promise<void> {
    await this.#namespaces.drop(namespace);
  }

  async namespaceProperties(namespace: Namespace): Promise<Record<string, string>> {
    return await this.#namespaces.properties(namespace);
  }

  async updateNamespaceProperties(
    namespace: Namespace,
    set: Readonly<Record<string, string>>,
    remove?: readonly string[],
  ): Promise<void> {
    await this.#namespaces.update(namespace, set, remove);
  }

  async listTables(namespace: Namespace): Promise<TableIdentifier[]> {
    if (namespace.length === 0) return [];
    const server = await this.#connection.server();
    const context = this.#namespaces.context('list the tables of', namespace);
    try {
      const found = await explained(context, () =>
        server.list(server.paths.tables(namespace), 'identifiers'),
      );
      this.#version.saw(namespace);
      const names = found.map(item => asString(asObject(item, 'identifiers').name, 'identifiers: name'));
      return names.sort().map(name => ({ namespace, name }));
    } catch (error) {
      if (this.#namespaces.isDefault(namespace) && isMissingNamespace(error)) return [];
      throw error;
    }
  }

  async tableExists(identifier: TableIdentifier): Promise<boolean> {
    const server = await this.#connection.server();
    const url = server.paths.table(identifier);
    const method = server.supports(endpoints.tableExists) ? 'HEAD' : 'GET';
    try {
      await explained(this.#tableContext('look for the table', identifier), () => server.call(method, url));
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }

  async loadTable(identifier: TableIdentifier): Promise<LoadedTable> {
    // Keys that are about to expire come with the whole of the table only.
    const kept = this.#access.isExpiring(identifier) ? undefined : this.#cache.get(identifier);
    return await this.#load(identifier, kept?.etag, kept?.table);
  }

  async createTable(identifier: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable> {
    checkNewIdentifier(identifier);
    const body = creationBody(request);
    const server = await this.#connection.server();
    await this.#namespaces.require(identifier.namespace);
    const created = await mutate({
      context: this.#newTableContext('make the table', identifier),
      send: async () => this.#keep(identifier, await this.#postTable(server, identifier, body, false)),
      // There is nothing by which a table could be known as the one that was asked for, but that it is empty.
      find: async () => {
        const found = await this.#find(identifier);
        return found?.metadata.snapshots.length === 0 && isNew(found.metadata) ? found : undefined;
      },
      looks: this.#looks,
    });
    this.#version.changed();
    return created;
  }

  async stageTable(identifier: TableIdentifier, request: CreateTableRequest): Promise<TableMetadata> {
    checkNewIdentifier(identifier);
    const body = creationBody(request);
    const server = await this.#connection.server();
    const context = this.#newTableContext('make the table', identifier);
    await this.#namespaces.require(identifier.namespace);
    const answer = await explained(context, () => this.#postTable(server, identifier, body, true));
    const { metadata, grant } = parseLoadTableResult(answer.json);
    await this.#remember(server, identifier, { metadata, grant });
    return metadata;
  }

  async createStaged(
    identifier: TableIdentifier,
    staged: TableMetadata,
    updates: readonly TableUpdate[],
  ): Promise<LoadedTable> {
    checkNewIdentifier(identifier);
    const requirements: TableRequirement[] = [{ type: 'assert-create' }];
    const all = [...creationOf(staged), ...updates];
    const context = this.#newTableContext('make the table', identifier);
    const uuid = staged.tableUuid.toLowerCase();
    return await this.#commit(
      context,
      identifier,
      requirements,
      all,
      metadata => metadata.tableUuid.toLowerCase() === uuid,
    );
  }

  async registerTable(identifier: TableIdentifier, metadataLocation: string): Promise<LoadedTable> {
    checkNewIdentifier(identifier);
    const server = await this.#connection.server();
    const { namespace, name } = identifier;
    server.require(endpoints.registerTable, `register the table ${formatIdentifier(identifier)}`);
    await this.#namespaces.require(namespace);
    const registered = await mutate({
      context: this.#newTableContext('register the table', identifier),
      send: async () => {
        const answer = await server.call('POST', `${server.paths.namespace(namespace)}/register`, {
          body: { name, 'metadata-location': metadataLocation },
          headers: delegation,
        });
        return await this.#keep(identifier, answer);
      },
      find: async () => {
        const found = await this.#find(identifier);
        return found?.metadataLocation === metadataLocation ? found : undefined;
      },
      looks: this.#looks,
    });
    this.#version.changed();
    return registered;
  }

  async renameTable(from: TableIdentifier, to: TableIdentifier): Promise<void> {
    checkNewIdentifier(to);
    const server = await this.#connection.server();
    const text = formatIdentifier(to);
    await this.#namespaces.require(to.namespace);
    await mutate({
      context: {
        ...this.#tableContext('rename the table', from),
        taken: { what: 'table', message: `The table ${text} exists already.` },
      },
      send: async () => {
        await server.call('POST', server.paths.below('tables/rename'), {
          body: { source: identifierToJson(from), destination: identifierToJson(to) },
        });
        return true;
      },
      find: async () => ((await this.tableExists(to)) && !(await this.tableExists(from))) || undefined,
      looks: this.#looks,
    });
    this.#forget(from);
    this.#version.changed();
  }

  async dropTable(identifier: TableIdentifier, options: { readonly purge?: boolean } = {}): Promise<void> {
    const server = await this.#connection.server();
    const purgeRequested = options.purge === true ? 'true' : 'false';
    await mutate({
      context: this.#tableContext('drop the table', identifier),
      send: async () => {
        await server.call('DELETE', server.paths.table(identifier), { query: { purgeRequested } });
        return true;
      },
      find: async () => !(await this.tableExists(identifier)) || undefined,
      looks: this.#looks,
    });
    this.#forget(identifier);
    this.#version.changed();
  }

  async commitTable(
    identifier: TableIdentifier,
    requirements: readonly TableRequirement[],
    updates: readonly TableUpdate[],
  ): Promise<LoadedTable> {
    if (updates.length === 0) {
      const table = await this.loadTable(identifier);
      checkRequirements(table.metadata, requirements);
      return table;
    }
    const context = this.#tableContext('commit to the table', identifier);
    return await this.#commit(context, identifier, requirements, updates, metadata =>
      reflects(metadata, updates),
    );
  }

  async commitTransaction(changes: readonly TableCommit[]): Promise<void> {
    const server = await this.#connection.server();
    const names = changes.map(({ table }) => formatIdentifier(table)).join(', ');
    const doing = `commit to ${names} at once`;
    server.require(endpoints.commitTransaction, doing);
    await mutate({
      context: { doing },
      send: async () => {
        await server.call('POST', server.paths.below('transactions/commit'), {
          body: {
            'table-changes': changes.map(({ table, requirements, updates }) => ({
              identifier: identifierToJson(table),
              requirements: requirements.map(requirementToJson),
              updates: updates.map(updateToJson),
            })),
          },
        });
        return true;
      },
      find: async () => {
        for (const { table, updates } of changes) {
          if (!reflects((await this.#load(table)).metadata, updates)) return undefined;
        }
        return true;
      },
      isCommit: true,
      looks: this.#looks,
    });
    this.#version.changed();
  }

  /** The catalog tells of no changes by itself, so others' are looked for now and then. */
  async version(): Promise<string> {
    return await this.#version.now();
  }

  async close(): Promise<void> {
    this.#version.close();
  }

  /** The tables whose metadata is at hand, for `version`. */
  get cached(): TableCache {
    return this.#cache;
  }

  async #commit(
    context: Doing,
    identifier: TableIdentifier,
    requirements: readonly TableRequirement[],
    updates: readonly TableUpdate[],
    isOurs: (metadata: TableMetadata) => boolean,
  ): Promise<LoadedTable> {
    const server = await this.#connection.server();
    const committed = await mutate({
      context,
      send: async () => {
        const auth = this.#access.authOf(identifier);
        const answer = await server.call('POST', server.paths.table(identifier), {
          body: {
            identifier: identifierToJson(identifier),
            requirements: requirements.map(requirementToJson),
            updates: updates.map(updateToJson),
          },
          ...(auth === undefined ? {} : { auth }),
        });
        // An answer to a commit has no configuration of the table: the one at hand stays good.
        const result = parseLoadTableResult(answer.json);
        const table = { identifier, metadata: result.metadata, metadataLocation: requireLocation(result) };
        this.#cache.set(table, answer.headers.get('etag'));
        return table;
      },
      find: async () => {
        const found = await this.#find(identifier);
        return found !== undefined && isOurs(found.metadata) ? found : undefined;
      },
      isCommit: true,
      looks: this.#looks,
    });
    this.#version.changed();
    return committed;
  }

  async #postTable(
    server: RestServer,
    { namespace, name }: TableIdentifier,
    body: Readonly<Record<string, unknown>>,
    stage: boolean,
  ): Promise<HttpAnswer> {
    return await server.call('POST', server.paths.tables(namespace), {
      headers: delegation,
      body: { name, ...body, 'stage-create': stage },
    });
  }

  async #load(identifier: TableIdentifier, etag?: string, kept?: LoadedTable): Promise<LoadedTable> {
    const server = await this.#connection.server();
    const answer = await explained(this.#tableContext('load the table', identifier), () =>
      server.call('GET', server.paths.table(identifier), {
        headers: { ...delegation, ...(etag === undefined ? {} : { 'if-none-match': etag }) },
      }),
    );
    if (answer.status === 304 && kept !== undefined) return kept;
    return await this.#keep(identifier, answer);
  }

  /** Undefined when there is no such table. */
  async #find(identifier: TableIdentifier): Promise<LoadedTable | undefined> {
    try {
      return await this.#load(identifier);
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  /** Keeps what a server answered to the wish for a table. */
  async #keep(identifier: TableIdentifier, answer: HttpAnswer): Promise<LoadedTable> {
    const server = await this.#connection.server();
    const result = parseLoadTableResult(answer.json);
    const metadataLocation = requireLocation(result);
    await this.#remember(server, identifier, result);
    const table = { identifier, metadata: result.metadata, metadataLocation };
    this.#cache.set(table, answer.headers.get('etag'));
    return table;
  }

  async #remember(
    server: RestServer,
    identifier: TableIdentifier,
    { metadata, metadataLocation, grant }: LoadTableResult,
  ): Promise<void> {
    server.secrets.addFrom(grant.config);
    for (const { config } of grant.credentials) server.secrets.addFrom(config);
    const auth: Authenticator = await sessionOfTable(server, grant.config);
    this.#access.remember(identifier, metadata, grant, auth, metadataLocation);
  }

  #forget(identifier: TableIdentifier): void {
    this.#cache.delete(identifier);
    this.#access.forget(identifier);
  }

  #tableContext(doing: string, identifier: TableIdentifier): Doing {
    const text = formatIdentifier(identifier);
    return {
      doing: `${doing} ${text}`,
      missing: { what: 'table', message: `There is no table ${text} in the catalog "${this.name}".` },
      isOddName: isOddName(...identifier.namespace, identifier.name),
    };
  }

  #newTableContext(doing: string, identifier: TableIdentifier): Doing {
    const text = formatIdentifier(identifier);
    const namespace = formatNamespace(identifier.namespace);
    return {
      doing: `${doing} ${text}`,
      missing: {
        what: 'namespace',
        message: `There is no namespace "${namespace}" in the catalog "${this.name}".`,
      },
      taken: { what: 'table', message: `The table ${text} exists already.` },
    };
  }
}

/** Tells the server that it may give out keys for a table's files, or sign requests for them. */
const delegation = { 'x-iceberg-access-delegation': 'vended-credentials,remote-signing' };

/** How old a table can be to be the one that was just made, in milliseconds; clocks of two machines differ. */
const newForMs = 5 * 60_000;

/**
 * What a server is told of a new table. The request is checked here as for any catalog, and its ids are given out as the
 * specification wants them; the server may give out others.
 */
function creationBody(request: CreateTableRequest): Record<string, unknown> {
  const { location } = request;
  const made = newTableMetadata({ ...request, location: location ?? 'unknown' });
  return {
    location,
    schema: schemaToJson(currentSchema(made)),
    'partition-spec': specToJson(currentSpec(made)),
    'write-order': sortOrderToJson(currentSortOrder(made)),
    properties: { ...made.properties, [propertyNames.formatVersion]: String(made.formatVersion) },
  };
}

function isNew({ lastUpdatedMs }: TableMetadata): boolean {
  return Math.abs(Date.now() - lastUpdatedMs) < newForMs;
}

function identifierToJson({ namespace, name }: TableIdentifier): Record<string, unknown> {
  return { namespace, name };
}
