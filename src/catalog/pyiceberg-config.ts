import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { didYouMeanHint } from '../iceberg/did-you-mean.ts';
import { type LakebookErrorOptions, NotFoundError, ValidationError } from '../iceberg/errors.ts';
import { errorCode, fromFsError } from '../storage/fs-errors.ts';
import { parseYamlSource, type YamlEntry } from './yaml-source.ts';

/*
 * PyIceberg's configuration as PyIceberg reads it (pyiceberg/utils/config.py): the first `.pyiceberg.yaml` of
 * $PYICEBERG_HOME, the home directory and the current one, with the variables PYICEBERG_CATALOG__NAME__KEY of the
 * environment over it. Keys don't mind their case; all values are text. They may hold secrets, so no value but that of
 * `type` and `uri`'s scheme ever goes into a message.
 * https://py.iceberg.apache.org/configuration/
 */

export const pyIcebergFileName = '.pyiceberg.yaml';
const prefix = 'pyiceberg_';
const defaultName = 'default';

type Environment = Readonly<Record<string, string | undefined>>;

/** A value with where it comes from. */
export interface PyIcebergValue {
  readonly value: string;
  /** `/home/me/.pyiceberg.yaml: catalog.prod.uri` or `PYICEBERG_CATALOG__PROD__URI`. */
  readonly origin: string;
  /** The place in the file; empty for a variable. */
  readonly at: LakebookErrorOptions;
}

/** A value or a mapping; keys in lower case. */
type Node = PyIcebergValue | PyIcebergMap;

interface PyIcebergMap {
  readonly entries: Map<string, Node>;
  readonly origin: string;
  readonly at: LakebookErrorOptions;
}

/** A catalog's properties by their keys in lower case, `type`, `uri` and `warehouse` among them. */
export interface PyIcebergCatalog {
  /** As it was asked for: the `catalog_name` of a SQL catalog. */
  readonly name: string;
  readonly properties: ReadonlyMap<string, PyIcebergValue>;
  /** Where the catalog is configured, for messages. */
  readonly origin: string;
  readonly at: LakebookErrorOptions;
}

/** PyIceberg's configuration. */
export class PyIcebergConfig {
  readonly #root: PyIcebergMap;
  /** The file that was read. */
  readonly file: string | undefined;

  constructor(root: PyIcebergMap, file: string | undefined) {
    this.#root = root;
    this.file = file;
  }

  /** The catalog that PyIceberg opens when none is named. @throws ValidationError */
  get defaultCatalog(): string {
    const given = this.#root.entries.get('default-catalog');
    if (given === undefined) return defaultName;
    if ('entries' in given) throw fault(given, 'must be the name of a catalog.');
    return given.value || defaultName;
  }

  /** Names of all catalogs, in lower case. @throws ValidationError */
  get catalogs(): readonly string[] {
    return [...this.#catalogs().entries.keys()];
  }

  /** A catalog; undefined when it isn't configured. @throws ValidationError when it isn't right */
  find(name: string): PyIcebergCatalog | undefined {
    const found = this.#catalogs().entries.get(name.toLowerCase());
    if (found === undefined) return undefined;
    if (!('entries' in found)) throw fault(found, 'must have properties below it, such as uri.');
    const properties = new Map(found.entries.get('auth') === undefined ? [] : authProperties(found));
    for (const [key, value] of found.entries) {
      if (key === 'auth') continue;
      if ('entries' in value) {
        throw fault(value, 'must be a single value.', `Write its keys out, for example "${key}.endpoint".`);
      }
      properties.set(key, value);
    }
    return { name, properties, origin: found.origin, at: found.at };
  }

  /** @throws NotFoundError naming the catalogs there are; ValidationError */
  get(name: string, at: LakebookErrorOptions = {}): PyIcebergCatalog {
    const found = this.find(name);
    if (found !== undefined) return found;
    const names = this.catalogs;
    const where = this.file ?? "PyIceberg's configuration";
    throw new NotFoundError('catalog', `${where} has no catalog "${name}".`, {
      ...at,
      hint:
        didYouMeanHint(name.toLowerCase(), names) ??
        (names.length > 0
          ? `It has ${names.join(', ')}.`
          : `${pyIcebergFileName} is looked for in $PYICEBERG_HOME, the home directory and the folder.`),
    });
  }

  #catalogs(): PyIcebergMap {
    const catalogs = this.#root.entries.get('catalog');
    if (catalogs === undefined) return { entries: new Map(), origin: this.#root.origin, at: {} };
    if (!('entries' in catalogs)) throw fault(catalogs, 'must have catalogs below it, by name.');
    return catalogs;
  }
}

/**
 * Reads PyIceberg's configuration, which may be empty.
 * @param folder what is PyIceberg's current directory
 * @throws ValidationError with file, line and column for a file that isn't right
 */
export async function readPyIcebergConfig(
  folder: string,
  environment: Environment = process.env,
): Promise<PyIcebergConfig> {
  const { PYICEBERG_HOME, HOME, USERPROFILE } = environment;
  const home = process.platform === 'win32' ? USERPROFILE : HOME;
  let root: PyIcebergMap = { entries: new Map(), origin: 'PYICEBERG_*', at: {} };
  let file: string | undefined;
  for (const directory of [PYICEBERG_HOME, home, folder]) {
    if (!directory) continue;
    file = path.resolve(directory, pyIcebergFileName);
    const found = await readFileIfThere(file);
    if (found !== undefined && found.entries.size > 0) {
      root = found;
      break;
    }
    file = undefined;
  }
  applyEnvironment(root, environment);
  return new PyIcebergConfig(root, file);
}

async function readFileIfThere(file: string): Promise<PyIcebergMap | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw fromFsError(error, 'read', file);
  }
  return mapOf(await parseYamlSource(text, file), file, file, {});
}

function mapOf(
  source: readonly YamlEntry[],
  file: string,
  origin: string,
  at: LakebookErrorOptions,
): PyIcebergMap {
  const entries = new Map<string, Node>();
  for (const { key, keyPosition, value } of source) {
    const below = origin === file ? `${file}: ${key}` : `${origin}.${key}`;
    const place = { file, position: value.position ?? keyPosition };
    const node =
      value.kind === 'map'
        ? mapOf(value.entries, file, below, place)
        : { value: value.text, origin: below, at: place };
    entries.set(key.toLowerCase(), node);
  }
  return { entries, origin, at };
}

/** PYICEBERG_CATALOG__PROD__S3__ENDPOINT is catalog.prod.s3.endpoint; of `_` in a key PyIceberg makes `-`. */
function applyEnvironment(root: PyIcebergMap, environment: Environment): void {
  for (const [variable, value] of Object.entries(environment)) {
    const name = variable.toLowerCase();
    if (!name.startsWith(prefix) || value === undefined) continue;
    const [first = '', second, ...rest] = name.slice(prefix.length).split('__');
    const parts = [first, ...(second === undefined ? [] : [second])].map(part => part.replaceAll('_', '-'));
    if (rest.length > 0) parts.push(rest.join('.').replaceAll('_', '-'));
    setValue(root, parts, { value, origin: variable, at: {} });
  }
}

function setValue(root: PyIcebergMap, parts: readonly string[], value: PyIcebergValue): void {
  let map = root;
  for (const part of parts.slice(0, -1)) {
    let next = map.entries.get(part);
    if (next === undefined) {
      next = { entries: new Map(), origin: value.origin, at: {} };
      map.entries.set(part, next);
    }
    if (!('entries' in next)) {
      throw new ValidationError(
        `${value.origin} sets a property of "${part}", which ${next.origin} gives a value.`,
        { ...next.at, hint: 'Remove one of the two.' },
      );
    }
    map = next;
  }
  map.entries.set(parts.at(-1)!, value);
}

/** PyIceberg's `auth` of a REST catalog has its own properties below it; here with the keys of Iceberg's library. */
const authKeys: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  noop: {},
  basic: { username: 'rest.auth.basic.username', password: 'rest.auth.basic.password' },
  oauth2: { token_url: 'oauth2-server-uri', scope: 'scope' },
};
const authTypes: Readonly<Record<string, string>> = { noop: 'none' };

function authProperties(catalog: PyIcebergMap): Map<string, PyIcebergValue> {
  const auth = catalog.entries.get('auth')!;
  const type = 'entries' in auth ? auth.entries.get('type') : undefined;
  if (!('entries' in auth) || type === undefined || 'entries' in type) {
    throw fault(auth, 'must have a type below it: noop, basic or oauth2.');
  }
  const keys = Object.hasOwn(authKeys, type.value) ? authKeys[type.value]! : undefined;
  if (keys === undefined) {
    throw fault(type, `"${type.value}" can't be used here.`, 'It can be noop, basic or oauth2.');
  }
  const below = auth.entries.get(type.value);
  const given = below !== undefined && 'entries' in below ? below.entries : new Map<string, Node>();
  const text = (key: string): PyIcebergValue | undefined => {
    const value = given.get(key);
    if (value !== undefined && 'entries' in value) throw fault(value, 'must be a single value.');
    return value;
  };
  const properties = new Map<string, PyIcebergValue>([
    ['rest.auth.type', { ...type, value: authTypes[type.value] ?? type.value }],
  ]);
  for (const [key, property] of Object.entries(keys)) {
    const value = text(key);
    if (value !== undefined) properties.set(property, value);
  }
  const id = text('client_id');
  const secret = text('client_secret');
  if (type.value === 'oauth2' && id !== undefined && secret !== undefined) {
    properties.set('credential', { ...secret, value: `${id.value}:${secret.value}` });
  }
  return properties;
}

function fault(
  { origin, at }: { readonly origin: string; readonly at: LakebookErrorOptions },
  message: string,
  hint?: string,
): ValidationError {
  return new ValidationError(`${origin} ${message}`, { ...at, hint });
}
