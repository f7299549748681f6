import { NotFoundError } from '../../iceberg/errors.ts';
import { asObject, asString } from '../../iceberg/json.ts';
import { type Schema, schemaToJson } from '../../iceberg/schema.ts';
import {
  type ViewMetadata,
  type ViewVersion,
  viewMetadataFromJson,
  viewVersionToJson,
} from '../../iceberg/view-metadata.ts';
import type { Namespace, TableIdentifier } from '../catalog.ts';
import { checkNewIdentifier, formatIdentifier, formatNamespace } from '../identifiers.ts';
import type { LoadedView, ViewCatalog, ViewDefinition } from '../views.ts';
import type { RestConnection, RestServer } from './connection.ts';
import { endpoints } from './endpoints.ts';
import { type Doing, explained } from './errors.ts';
import { mutate } from './mutation.ts';
import { isOddName } from './paths.ts';

/** The views of a REST catalog. @throws UnsupportedError where the server has none */
export class RestViews implements ViewCatalog {
  readonly #connection: RestConnection;
  readonly #catalog: string;
  readonly #changed: () => void;

  /** @param changed is called after every change */
  constructor(connection: RestConnection, catalog: string, changed: () => void) {
    this.#connection = connection;
    this.#catalog = catalog;
    this.#changed = changed;
  }

  /** Empty where the server has no views. */
  async listViews(namespace: Namespace): Promise<TableIdentifier[]> {
    const server = await this.#connection.server();
    if (namespace.length === 0 || !server.supports(endpoints.listViews)) return [];
    const text = formatNamespace(namespace);
    const missing = `There is no namespace "${text}" in the catalog "${this.#catalog}".`;
    const found = await explained(
      { doing: `list the views of "${text}"`, missing: { what: 'namespace', message: missing } },
      () => server.list(server.paths.views(namespace), 'identifiers'),
    );
    const names = found.map(item => asString(asObject(item, 'identifiers').name, 'identifiers: name'));
    return names.sort().map(name => ({ namespace, name }));
  }

  async viewExists(view: TableIdentifier): Promise<boolean> {
    const server = await this.#connection.server();
    if (!server.supports(endpoints.loadView)) return false;
    const method = server.supports(endpoints.viewExists) ? 'HEAD' : 'GET';
    try {
      await explained(this.#context('look for the view', view), () =>
        server.call(method, server.paths.view(view)),
      );
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }

  async loadView(view: TableIdentifier): Promise<LoadedView> {
    const server = await this.#connection.server();
    const context = this.#context('load the view', view);
    if (!server.supports(endpoints.loadView)) throw new NotFoundError('view', context.missing!.message);
    const { json } = await explained(context, () => server.call('GET', server.paths.view(view)));
    return parseView(view, json);
  }

  async createView(view: TableIdentifier, definition: ViewDefinition): Promise<LoadedView> {
    checkNewIdentifier(view);
    const { namespace, name } = view;
    const server = await this.#require(endpoints.createView, `make the view ${formatIdentifier(view)}`);
    const created = await mutate({
      context: {
        ...this.#context('make the view', view),
        missing: {
          what: 'namespace',
          message: `There is no namespace "${formatNamespace(namespace)}" in the catalog "${this.#catalog}".`,
        },
        taken: {
          what: 'view',
          message: `There is a table or view ${formatIdentifier(view)} already.`,
        },
      },
      send: async () => {
        const { json } = await server.call('POST', server.paths.views(namespace), {
          body: {
            name,
            location: definition.location,
            schema: schemaToJson({ ...definition.schema, schemaId: 0 }),
            'view-version': viewVersionToJson(versionOf(definition, 1, 0)),
            properties: definition.properties ?? {},
          },
        });
        return parseView(view, json);
      },
      find: () => this.#find(view, definition),
    });
    this.#changed();
    return created;
  }

  async replaceView(view: TableIdentifier, definition: ViewDefinition): Promise<LoadedView> {
    const server = await this.#require(endpoints.updateView, `replace the view ${formatIdentifier(view)}`);
    const before = await this.loadView(view);
    const updates = replacementOf(before.metadata, definition);
    if (updates.length === 0) return before;
    const replaced = await mutate({
      context: this.#context('replace the view', view),
      send: async () => {
        const { json } = await server.call('POST', server.paths.view(view), {
          body: {
            identifier: { namespace: view.namespace, name: view.name },
            requirements: [{ type: 'assert-view-uuid', uuid: before.metadata.viewUuid }],
            updates,
          },
        });
        return parseView(view, json);
      },
      find: () => this.#find(view, definition),
    });
    this.#changed();
    return replaced;
  }

  async dropView(view: TableIdentifier): Promise<void> {
    const server = await this.#require(endpoints.dropView, `drop the view ${formatIdentifier(view)}`);
    await mutate({
      context: this.#context('drop the view', view),
      send: async () => {
        await server.call('DELETE', server.paths.view(view));
        return true;
      },
      find: async () => !(await this.viewExists(view)) || undefined,
    });
    this.#changed();
  }

  async renameView(from: TableIdentifier, to: TableIdentifier): Promise<void> {
    checkNewIdentifier(to);
    const server = await this.#require(endpoints.renameView, `rename the view ${formatIdentifier(from)}`);
    await mutate({
      context: {
        ...this.#context('rename the view', from),
        taken: { what: 'view', message: `There is a table or view ${formatIdentifier(to)} already.` },
      },
      send: async () => {
        const source = { namespace: from.namespace, name: from.name };
        const destination = { namespace: to.namespace, name: to.name };
        await server.call('POST', server.paths.below('views/rename'), { body: { source, destination } });
        return true;
      },
      find: async () => ((await this.viewExists(to)) && !(await this.viewExists(from))) || undefined,
    });
    this.#changed();
  }

  async #require(endpoint: (typeof endpoints)[keyof typeof endpoints], doing: string): Promise<RestServer> {
    const server = await this.#connection.server();
    server.require(endpoint, doing);
    return server;
  }

  /** The view, when it shows what the definition says. */
  async #find(view: TableIdentifier, definition: ViewDefinition): Promise<LoadedView | undefined> {
    try {
      const found = await this.loadView(view);
      const current = found.metadata.versions.find(
        ({ versionId }) => versionId === found.metadata.currentVersionId,
      );
      const isSame = JSON.stringify(current?.representations) === JSON.stringify(definition.representations);
      return isSame ? found : undefined;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  #context(doing: string, view: TableIdentifier): Doing {
    const text = formatIdentifier(view);
    return {
      doing: `${doing} ${text}`,
      missing: { what: 'view', message: `There is no view ${text} in the catalog "${this.#catalog}".` },
      isOddName: isOddName(...view.namespace, view.name),
    };
  }
}

/**
 * The updates that make a view show what a definition says; none when it does already. Servers don't add a schema or a
 * version that the view has, and then know none that -1, the one added last, could mean.
 */
function replacementOf(metadata: ViewMetadata, definition: ViewDefinition): object[] {
  const { schemas, versions, currentVersionId } = metadata;
  const updates: object[] = [];
  const schema = schemas.find(each => sameColumns(each, definition.schema));
  if (schema === undefined) {
    const schemaId = Math.max(...schemas.map(each => each.schemaId)) + 1;
    updates.push({ action: 'add-schema', schema: schemaToJson({ ...definition.schema, schemaId }) });
  }
  const wanted = versionOf(definition, nextId(versions), schema?.schemaId ?? -1);
  const version = versions.find(each => sameVersion(each, wanted));
  if (version === undefined) {
    updates.push({ action: 'add-view-version', 'view-version': viewVersionToJson(wanted) });
  }
  if (version === undefined || version.versionId !== currentVersionId) {
    updates.push({ action: 'set-current-view-version', 'view-version-id': version?.versionId ?? -1 });
  }
  const changed = Object.entries(definition.properties ?? {}).filter(
    ([key, value]) => metadata.properties[key] !== value,
  );
  if (changed.length > 0) updates.push({ action: 'set-properties', updates: Object.fromEntries(changed) });
  return updates;
}

function nextId(versions: readonly ViewVersion[]): number {
  return Math.max(...versions.map(({ versionId }) => versionId)) + 1;
}

function sameVersion(a: ViewVersion, b: ViewVersion): boolean {
  const plain = ({ schemaId, representations, defaultCatalog, defaultNamespace }: ViewVersion) =>
    JSON.stringify([schemaId, representations, defaultCatalog, defaultNamespace]);
  return plain(a) === plain(b);
}

function sameColumns(a: Schema, b: Schema): boolean {
  const plain = (schema: Schema) => JSON.stringify(schemaToJson({ ...schema, schemaId: 0 }));
  return plain(a) === plain(b);
}

function versionOf(definition: ViewDefinition, versionId: number, schemaId: number): ViewVersion {
  const { representations, defaultNamespace, defaultCatalog } = definition;
  return {
    versionId,
    timestampMs: Date.now(),
    schemaId,
    summary: { 'engine-name': 'lakebook' },
    representations: representations.map(({ sql, dialect }) => ({ sql, dialect })),
    defaultNamespace,
    ...(defaultCatalog === undefined ? {} : { defaultCatalog }),
  };
}

function parseView(identifier: TableIdentifier, json: unknown): LoadedView {
  const object = asObject(json, 'The loaded view');
  return {
    identifier,
    metadata: viewMetadataFromJson(object.metadata),
    metadataLocation: asString(object['metadata-location'], 'metadata-location'),
  };
}
