import { schemeOf } from '../storage/paths.ts';
import { RoutedStorage, type RoutedStorageOptions } from '../storage/routed.ts';
import type { Storage } from '../storage/storage.ts';
import type { Catalog, Namespace } from './catalog.ts';
import type { CatalogProperties } from './catalog-properties.ts';
import type { EngineSettings } from './engines-config.ts';
import { type LakeConfig, loadLakeConfig } from './lake-config.ts';
import { s3KeysOf, s3SettingsOf } from './rest/s3-settings.ts';
import { SqliteCatalog } from './sqlite.ts';

/** An opened lake: a catalog, and the storage that its tables are in. */
export interface Lake {
  /** The catalog's name, the first part of `lake.namespace.table` in SQL. */
  readonly name: string;
  readonly catalog: Catalog;
  readonly storage: Storage;
  /** Absolute address below which tables are made; empty where only the catalog's server knows it. */
  readonly warehouse: string;
  /** Where unqualified table names are. */
  readonly defaultNamespace: Namespace;
  /** Folder of lakebook.json, where relative file names in a lake's notebooks start. */
  readonly root: string;
  /** Engines on other machines that read and write the same tables; absent: none. */
  readonly engines?: EngineSettings;
  close(): Promise<void>;
}

export interface OpenLakeOptions {
  /** Takes the place of the configuration's. */
  readonly storage?: Storage;
  /** How the configuration's storage works, where that isn't what serves users best. */
  readonly s3?: RoutedStorageOptions;
  /** More properties of a REST catalog, asked for when the catalog is first used: secrets that are kept elsewhere. */
  readonly secretProperties?: () => Promise<CatalogProperties>;
}

/**
 * Opens the lake of a configuration, or of a folder (see `loadLakeConfig`). Nothing is made on disk before the first
 * change, and no server is asked before the first request: a lake that isn't there yet reads as an empty one.
 * @throws ValidationError for a configuration that isn't right, LakebookError `NODE_TOO_OLD`
 */
export async function openLake(
  configOrFolder: LakeConfig | string,
  options: OpenLakeOptions = {},
): Promise<Lake> {
  const config = typeof configOrFolder === 'string' ? await loadLakeConfig(configOrFolder) : configOrFolder;
  return config.catalog.type === 'rest' ? await openRest(config, options) : await openSqlite(config, options);
}

async function openSqlite(config: LakeConfig, options: OpenLakeOptions): Promise<Lake> {
  const { warehouse, defaultNamespace } = config;
  const { uri, name } = config.catalog;
  const storage: Storage = options.storage ?? new RoutedStorage(config.storage, s3Options(config, options));
  const catalog = await SqliteCatalog.open({ uri, name, warehouse, storage, defaultNamespace });
  return lakeOf(config, catalog, storage, warehouse);
}

/** With the keys of S3 that PyIceberg's configuration may hold; a profile, or that nothing is signed, comes first. */
function s3Options(
  { catalog, storage }: LakeConfig,
  { s3 }: OpenLakeOptions,
): RoutedStorageOptions | undefined {
  const { properties } = catalog;
  if (properties === undefined) return s3;
  const settings = s3SettingsOf(storage.s3, properties);
  const keys =
    settings.profile === undefined && settings.anonymous !== true ? s3KeysOf(properties) : undefined;
  const reached = { settings, ...(keys && { keys: async () => keys }) };
  return { ...s3, accessFor: async () => reached };
}

async function openRest(config: LakeConfig, options: OpenLakeOptions): Promise<Lake> {
  // Its code is loaded by those who have such a catalog.
  const { RestCatalog } = await import('./rest/rest-catalog.ts');
  const catalog = new RestCatalog({
    name: config.catalog.name,
    properties: config.catalog.properties ?? { uri: config.catalog.uri },
    defaultNamespace: config.defaultNamespace,
    s3: config.storage.s3,
    ...(options.secretProperties && { secretProperties: options.secretProperties }),
  });
  const storage: Storage =
    options.storage ?? new RoutedStorage(config.storage, { ...options.s3, accessFor: catalog.accessTo });
  // What a server calls its warehouse needn't be an address.
  const isAddress = /^(file|s3)$/.test(schemeOf(config.warehouse) ?? '');
  return lakeOf(config, catalog, storage, isAddress ? config.warehouse : '');
}

function lakeOf(config: LakeConfig, catalog: Catalog, storage: Storage, warehouse: string): Lake {
  const { defaultNamespace, root, engines } = config;
  const close = async () => {
    await catalog.close();
    await storage.close?.();
  };
  return { name: config.catalog.name, catalog, storage, warehouse, defaultNamespace, root, engines, close };
}
