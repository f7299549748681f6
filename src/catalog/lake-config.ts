import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { didYouMeanHint } from '../iceberg/did-you-mean.ts';
import { type LakebookErrorOptions, ValidationError } from '../iceberg/errors.ts';
import { errorCode, fromFsError } from '../storage/fs-errors.ts';
import { isLocal, schemeOf, stripTrailingSlashes, toFileUri, toLocalPath } from '../storage/paths.ts';
import { otherStoreOf } from '../storage/routed.ts';
import type { StorageSettings } from '../storage/settings.ts';
import type { Namespace } from './catalog.ts';
import {
  type CatalogProperties,
  propertiesOfEnvironment,
  readCatalogProperties,
} from './catalog-properties.ts';
import { fault, readObject } from './config-reader.ts';
import {
  type EngineSettings,
  noEngines,
  readEngines,
  resolveEngines,
  type WrittenEngines,
} from './engines-config.ts';
import { checkNewNamespace, parseNamespace } from './identifiers.ts';
import { type JsonNode, parseJsonSource } from './json-source.ts';
import { type PyIcebergSettings, pyIcebergSettings } from './pyiceberg-catalog.ts';
import { readPyIcebergConfig } from './pyiceberg-config.ts';
import { readStorage, resolveStorage, type WrittenStorage } from './storage-config.ts';

export const configFileName = 'lakebook.json';

/** Where a lake is. */
export interface LakeConfig {
  /** Folder of lakebook.json, or the folder that was asked for when there is none. */
  readonly root: string;
  /** Path of the lakebook.json that was read; absent for the default lake. */
  readonly file?: string;
  readonly catalog: CatalogConfig;
  /**
   * Absolute address below which tables are made: `file:///...` or `s3://...`. With a REST catalog it is what the
   * server is asked for, an address or a name, as it was written; empty when the server has one warehouse only.
   */
  readonly warehouse: string;
  /** Where unqualified table names are. */
  readonly defaultNamespace: Namespace;
  /** How object storage is reached. */
  readonly storage: StorageSettings;
  /** Engines on other machines. */
  readonly engines: EngineSettings;
}

export interface CatalogConfig {
  readonly type: 'sqlite' | 'rest';
  /** sqlite: absolute path of the file; rest: http address. */
  readonly uri: string;
  /** Name of the catalog, `catalog_name` in a SQL catalog; other tools must use the same. */
  readonly name: string;
  /**
   * By the keys of PyIceberg. rest: all settings, `uri` and `warehouse` too; sqlite: those of PyIceberg's configuration,
   * where the catalog is one of it. May hold secrets.
   */
  readonly properties?: CatalogProperties;
}

/** The environment variables that override lakebook.json. */
export const configVariables = {
  root: 'LAKEBOOK_ROOT',
  catalogType: 'LAKEBOOK_CATALOG_TYPE',
  catalogUri: 'LAKEBOOK_CATALOG_URI',
  catalogName: 'LAKEBOOK_CATALOG_NAME',
  warehouse: 'LAKEBOOK_WAREHOUSE',
  namespace: 'LAKEBOOK_NAMESPACE',
} as const;

const defaults = {
  catalogType: 'sqlite',
  catalogUri: '.lakebook/catalog.db',
  catalogName: 'lake',
  warehouse: '.lakebook/warehouse',
  namespace: 'default',
} as const;

const catalogTypes = ['sqlite', 'rest'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** A setting's text and, for errors, where it comes from. */
interface Setting {
  readonly value: string;
  /** `lakebook.json: catalog.type` or `LAKEBOOK_CATALOG_TYPE`. */
  readonly origin: string;
  readonly at?: LakebookErrorOptions;
}

type SettingKey = keyof typeof defaults;
type Settings = Partial<Record<SettingKey, Setting>>;

interface FileSettings {
  readonly settings: Settings;
  /** The catalog of PyIceberg's configuration that is meant. */
  readonly pyIceberg?: Setting;
  readonly properties: CatalogProperties;
  readonly storage: WrittenStorage;
  readonly engines: WrittenEngines;
}

/**
 * The lake that `folder` belongs to: by the lakebook.json in it or in the nearest folder above, else the default
 * lake in `folder` itself. Each setting can be overridden by its environment variable; `LAKEBOOK_ROOT` takes the
 * place of `folder`. Relative paths start at the folder of lakebook.json. Where neither a lakebook.json nor such a
 * variable nor a catalog in the folder says which lake it is, PyIceberg's default catalog is, when it is configured.
 * @throws ValidationError with file and position for a file that isn't right
 */
export async function loadLakeConfig(
  folder: string,
  environment: Environment = process.env,
): Promise<LakeConfig> {
  const start = path.resolve(folder, environment[configVariables.root] || '.');
  const found = await findConfigFile(start);
  const fromFile: FileSettings =
    found === undefined
      ? { settings: {}, properties: {}, storage: {}, engines: noEngines }
      : readSettings(found.text, found.file);
  const root = found === undefined ? start : path.dirname(found.file);
  const written: Settings = { ...fromFile.settings, ...environmentSettings(environment) };
  const { properties: told = {}, ...shared } =
    (await pyIcebergOf(fromFile.pyIceberg, written, found !== undefined, root, environment)) ?? {};
  const settings: Settings = { ...shared, ...written };
  const resolved = resolveSettings(settings, root, {
    ...told,
    ...fromFile.properties,
    ...propertiesOfEnvironment(environment),
  });
  return {
    root,
    ...(found && { file: found.file }),
    ...resolved,
    storage: resolveStorage(fromFile.storage, root, environment),
    engines: resolveEngines(fromFile.engines, resolved.catalog.name, environment),
  };
}

/** The settings of PyIceberg's catalog that `asked` names, or of its default one where nothing else says what to use. */
async function pyIcebergOf(
  asked: Setting | undefined,
  written: Settings,
  hasFile: boolean,
  root: string,
  environment: Environment,
): Promise<PyIcebergSettings | undefined> {
  const hasWarehouse = written.warehouse !== undefined;
  if (asked !== undefined) {
    const config = await readPyIcebergConfig(root, environment);
    return pyIcebergSettings(config.get(asked.value, asked.at), hasWarehouse);
  }
  const isSaid = hasFile || hasWarehouse || written.catalogType || written.catalogUri || written.catalogName;
  if (isSaid || (await isThere(path.resolve(root, defaults.catalogUri)))) return undefined;
  const config = await readPyIcebergConfig(root, environment);
  const catalog = config.find(config.defaultCatalog);
  return catalog && pyIcebergSettings(catalog);
}

async function isThere(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    // What can't be looked at is told when it's opened.
    return false;
  }
}

async function findConfigFile(start: string): Promise<{ file: string; text: string } | undefined> {
  for (let folder = start; ; folder = path.dirname(folder)) {
    const file = path.join(folder, configFileName);
    try {
      return { file, text: await readFile(file, 'utf8') };
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EISDIR')
        throw fromFsError(error, 'read', file);
    }
    if (folder === path.dirname(folder)) return undefined;
  }
}

function environmentSettings(environment: Environment): Settings {
  const settings: Settings = {};
  for (const key of Object.keys(defaults) as (keyof typeof defaults)[]) {
    const variable = configVariables[key];
    const value = environment[variable];
    if (value) settings[key] = { value, origin: variable };
  }
  return settings;
}

function readSettings(text: string, file: string): FileSettings {
  const root = parseJsonSource(text, file);
  const settings: Settings = {};
  let storage: WrittenStorage = {};
  let engines = noEngines;
  let properties: CatalogProperties = {};
  let pyIceberg: Setting | undefined;
  const read = (key: SettingKey, name: string, node: JsonNode): void => {
    if (node.kind !== 'string' || node.value.trim() === '') {
      throw fault(file, node, `"${name}" must be a text that isn't empty.`);
    }
    settings[key] = { value: node.value, origin: `${file}: ${name}`, at: { file, position: node.position } };
  };
  const readWarehouse = (name: string, node: JsonNode): void => {
    if (settings.warehouse !== undefined) throw fault(file, node, 'The warehouse is named twice.');
    read('warehouse', name, node);
  };
  readObject(file, root, 'The file', {
    $schema: () => {},
    catalog: catalog =>
      readObject(file, catalog, '"catalog"', {
        type: node => read('catalogType', 'catalog.type', node),
        uri: node => read('catalogUri', 'catalog.uri', node),
        name: node => read('catalogName', 'catalog.name', node),
        warehouse: node => readWarehouse('catalog.warehouse', node),
        pyiceberg: node => {
          if (node.kind !== 'string' || node.value.trim() === '') {
            throw fault(file, node, '"catalog.pyiceberg" must be the name of a catalog in .pyiceberg.yaml.');
          }
          const at = { file, position: node.position };
          pyIceberg = { value: node.value, origin: `${file}: catalog.pyiceberg`, at };
        },
        properties: node => {
          properties = readCatalogProperties(node, file);
        },
      }),
    warehouse: node => readWarehouse('warehouse', node),
    namespace: node => read('namespace', 'namespace', node),
    storage: node => {
      storage = readStorage(node, file);
    },
    engines: node => {
      engines = readEngines(node, file);
    },
  });
  const other = settings.catalogType ?? settings.catalogUri ?? settings.catalogName;
  if (pyIceberg !== undefined && other !== undefined) {
    throw new ValidationError(`${other.origin} is what .pyiceberg.yaml says already.`, {
      ...other.at,
      hint: 'Remove it, or catalog.pyiceberg.',
    });
  }
  return { settings, ...(pyIceberg && { pyIceberg }), properties, storage, engines };
}

function resolveSettings(
  settings: Settings,
  root: string,
  properties: CatalogProperties,
): Pick<LakeConfig, 'catalog' | 'warehouse' | 'defaultNamespace'> {
  const setting = (key: SettingKey): Setting => settings[key] ?? { value: defaults[key], origin: key };
  const type = catalogType(setting('catalogType'));
  const name = setting('catalogName').value;
  const defaultNamespace = namespace(setting('namespace'));
  if (type === 'rest') return { ...restSettings(settings, name, properties), defaultNamespace };
  const own = Object.keys(properties).length > 0 && { properties };
  return {
    catalog: { type, uri: sqliteFile(setting('catalogUri'), root), name, ...own },
    warehouse: warehouseLocation(setting('warehouse'), root),
    defaultNamespace,
  };
}

function restSettings(
  { catalogType, catalogUri, warehouse }: Settings,
  name: string,
  properties: CatalogProperties,
): Pick<LakeConfig, 'catalog' | 'warehouse'> {
  const written =
    catalogUri ?? (properties.uri === undefined ? undefined : { value: properties.uri, origin: 'uri' });
  if (written === undefined) {
    throw new ValidationError(`${catalogType?.origin}: a REST catalog needs its address.`, {
      ...catalogType?.at,
      hint: 'Set catalog.uri to the address, for example "http://localhost:8181".',
    });
  }
  const uri = restUri(written);
  const asked = warehouse?.value ?? properties.warehouse ?? '';
  const all = { ...properties, uri, ...(asked === '' ? {} : { warehouse: asked }) };
  return { catalog: { type: 'rest', uri, name, properties: all }, warehouse: asked };
}

function catalogType({ value, origin, at }: Setting): CatalogConfig['type'] {
  const type = catalogTypes.find(known => known === value);
  if (type !== undefined) return type;
  throw new ValidationError(`${origin}: there is no catalog type "${value}".`, {
    ...at,
    hint: didYouMeanHint(value, catalogTypes) ?? `It can be ${catalogTypes.join(' or ')}.`,
  });
}

function restUri({ value, origin, at }: Setting): string {
  if (/^https?:\/\/[^/]*@/i.test(value)) {
    throw new ValidationError(`${origin}: the address holds a user's name or password.`, {
      ...at,
      hint: 'Set LAKEBOOK_CATALOG_CREDENTIAL or LAKEBOOK_CATALOG_TOKEN in the environment instead.',
    });
  }
  if (/^https?:\/\/[^/]/i.test(value)) return stripTrailingSlashes(value);
  throw new ValidationError(`${origin}: "${value}" is no http address.`, {
    ...at,
    hint: 'Write the address of the REST catalog, for example "http://localhost:8181".',
  });
}

/** A path, or an address of the file as PyIceberg (`sqlite:////dir/x.db`) or Spark (`jdbc:sqlite:/dir/x.db`) have it. */
function sqliteFile({ value, origin, at }: Setting, root: string): string {
  const local = value.replace(/^sqlite(?:\+\w+)?:\/\/\//i, '').replace(/^(?:jdbc:)?sqlite:(?!\/\/)/i, '');
  const scheme = schemeOf(local);
  if (scheme === undefined) return path.resolve(root, local);
  if (scheme === 'file') return toLocalPath(local);
  throw new ValidationError(`${origin}: "${value}" is no path of a SQLite file.`, {
    ...at,
    hint: /^https?$/.test(scheme)
      ? 'For a REST catalog set catalog.type to "rest".'
      : `Write a path, for example "${defaults.catalogUri}".`,
  });
}

function warehouseLocation({ value, origin, at }: Setting, root: string): string {
  const scheme = schemeOf(value);
  if (scheme === undefined) return stripTrailingSlashes(toFileUri(path.resolve(root, value)));
  if (isLocal(value)) return stripTrailingSlashes(toFileUri(toLocalPath(value)));
  if (/^s3[an]?:\/\/[^/]/i.test(value)) return stripTrailingSlashes(value.replace(/^s3[an]?:/i, 's3:'));
  const other = otherStoreOf(value);
  const fault =
    other === undefined ? `"${value}" is no place for a warehouse` : `${other} can't be opened yet`;
  throw new ValidationError(`${origin}: ${fault}.`, {
    ...at,
    hint: 'Write a folder, a file:///dir address or s3://bucket/prefix.',
  });
}

function namespace({ value, origin, at }: Setting): Namespace {
  const levels = parseNamespace(value);
  try {
    checkNewNamespace(levels);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw new ValidationError(`${origin}: ${error.message}`, { ...at, hint: error.hint, cause: error });
  }
  return levels;
}
