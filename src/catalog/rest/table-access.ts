import { LakebookError } from '../../iceberg/errors.ts';
import type { TableMetadata } from '../../iceberg/metadata.ts';
import { dataFolder, metadataFolder } from '../../iceberg/metadata.ts';
import { joinLocation } from '../../storage/paths.ts';
import type { S3Access, S3Keys } from '../../storage/s3-access.ts';
import type { S3Settings } from '../../storage/settings.ts';
import type { TableIdentifier } from '../catalog.ts';
import type { CatalogProperties } from '../catalog-properties.ts';
import { formatIdentifier } from '../identifiers.ts';
import type { Authenticator } from './auth.ts';
import type { RestConnection } from './connection.ts';
import { endpoints } from './endpoints.ts';
import { explained } from './errors.ts';
import { parseCredentials, type StorageCredential, type TableGrant } from './load-result.ts';
import { remoteSigner } from './remote-signing.ts';
import { s3KeysOf, s3SettingsOf } from './s3-settings.ts';
import { keyOf } from './table-cache.ts';
import { hasOwnToken } from './table-session.ts';

/** Tables whose access is kept, the last used ones. */
const keptTables = 500;
/** Keys are got anew this long before they expire, or when a tenth of their time is left. In milliseconds. */
const earliestRenewalMs = 5 * 60_000;
/** Keys that were got less than this long ago aren't the reason when the server turns them down. In milliseconds. */
const freshMs = 1000;

/** A table with what the catalog gave out for its files. */
interface Granted {
  readonly identifier: TableIdentifier;
  /** Folders of the table. */
  readonly folders: readonly string[];
  readonly grant: TableGrant;
  readonly auth: Authenticator;
  /** When the credentials came, in milliseconds since the epoch. */
  readonly since: number;
}

/** One way to the files of a table: by one of its credentials, or by its own configuration. */
interface Way {
  /** What addresses begin with; `s3://` where a server writes `s3a://`. */
  readonly prefix: string;
  readonly key: string;
  readonly config: CatalogProperties;
}

/**
 * How the files of the catalog's tables are reached: with keys that the catalog gives out for a table and renews, with
 * requests that it signs, or as its configuration and the lake's own settings say.
 */
export class TableAccess {
  readonly #connection: RestConnection;
  readonly #own: S3Settings;
  readonly #reload: (identifier: TableIdentifier) => Promise<void>;
  /** In order of last use. */
  readonly #tables = new Map<string, Granted>();
  /** Kept while their table is, so that clients are. */
  readonly #accesses = new Map<string, S3Access>();
  readonly #renewals = new Map<string, Promise<void>>();
  #general: Promise<S3Access | undefined> | undefined;

  /**
   * @param own the lake's settings
   * @param reload loads a table anew, with its credentials, and tells `remember`
   */
  constructor(
    connection: RestConnection,
    own: S3Settings,
    reload: (identifier: TableIdentifier) => Promise<void>,
  ) {
    this.#connection = connection;
    this.#own = own;
    this.#reload = reload;
  }

  remember(
    identifier: TableIdentifier,
    metadata: TableMetadata,
    grant: TableGrant,
    auth: Authenticator,
    metadataLocation?: string,
  ): void {
    const folders = [metadata.location, dataFolder(metadata), metadataFolder(metadata)];
    if (metadataLocation !== undefined) folders.push(metadataLocation.replace(/\/[^/]*$/, ''));
    this.#keep({ identifier, folders: folders.map(plainPrefix), grant, auth, since: Date.now() });
  }

  forget(identifier: TableIdentifier): void {
    this.#drop(keyOf(identifier));
  }

  /** Whether keys for a table's files may be about to expire, so that loading the table has to bring new ones. */
  isExpiring(identifier: TableIdentifier): boolean {
    const granted = this.#tables.get(keyOf(identifier));
    if (granted === undefined) return false;
    if (hasOwnToken(granted.grant.config)) return true;
    return waysOf(granted).some(({ config }) => {
      const keys = s3KeysOf({ ...granted.grant.config, ...config });
      return keys !== undefined && isExpiring(keys, granted.since);
    });
  }

  /** Whether the catalog gave out anything for a table. */
  authOf(identifier: TableIdentifier): Authenticator | undefined {
    return this.#tables.get(keyOf(identifier))?.auth;
  }

  /** The access for a file or folder. @throws LakebookError when the catalog can't be asked */
  async accessTo(location: string): Promise<S3Access | undefined> {
    const found = this.#find(location);
    if (found === undefined) return await this.#generalAccess();
    const { granted, way } = found;
    const key = keyOf(granted.identifier);
    this.#tables.delete(key);
    this.#tables.set(key, granted);
    const id = `${key} ${way.key}`;
    let access = this.#accesses.get(id);
    if (access === undefined) {
      access = await this.#make(granted, way);
      this.#accesses.set(id, access);
    }
    return access;
  }

  /** The table that the address is in counts first, then the longest prefix, as the specification says. */
  #find(location: string): { granted: Granted; way: Way } | undefined {
    const plain = plainPrefix(location);
    let best: { granted: Granted; way: Way; rank: readonly [number, number] } | undefined;
    for (const granted of this.#tables.values()) {
      const folder = Math.max(0, ...granted.folders.map(each => (isBelow(plain, each) ? each.length : 0)));
      for (const way of waysOf(granted)) {
        if (!isUnder(plain, way.prefix)) continue;
        const rank = [folder, way.prefix.length] as const;
        const isBetter =
          best === undefined ||
          rank[0] > best.rank[0] ||
          (rank[0] === best.rank[0] && rank[1] >= best.rank[1]);
        if (isBetter) best = { granted, way, rank };
      }
    }
    return best;
  }

  /** For what belongs to no table that was loaded: the properties of the catalog. */
  #generalAccess(): Promise<S3Access | undefined> {
    this.#general ??= this.#makeGeneral().catch(error => {
      this.#general = undefined;
      throw error;
    });
    return this.#general;
  }

  async #makeGeneral(): Promise<S3Access | undefined> {
    const { settings } = await this.#connection.server();
    const s3 = s3SettingsOf(this.#own, settings.properties);
    const keys = this.#keysWin(s3) ? s3KeysOf(settings.properties) : undefined;
    return { settings: s3, ...(keys === undefined ? {} : { keys: async () => keys }) };
  }

  /** A profile, or that nothing is to be signed, is what the user chose; keys of the catalog don't count then. */
  #keysWin({ profile, anonymous }: S3Settings): boolean {
    return profile === undefined && anonymous !== true;
  }

  async #make(granted: Granted, { key, config }: Way): Promise<S3Access> {
    const server = await this.#connection.server();
    const { identifier } = granted;
    const properties = { ...server.settings.properties, ...granted.grant.config, ...config };
    const settings = s3SettingsOf(this.#own, properties);
    if (!this.#keysWin(settings)) return { settings };
    const id = keyOf(identifier);
    if (s3KeysOf(properties) !== undefined) {
      return {
        settings,
        keys: () => this.#keys(identifier, key),
        renew: () => {
          const current = this.#tables.get(id);
          if (current !== undefined && Date.now() - current.since > freshMs) {
            this.#tables.set(id, { ...current, since: 0 });
          }
        },
      };
    }
    if (properties['s3.remote-signing-enabled']?.toLowerCase() !== 'true') return { settings };
    const now = () => this.#tables.get(id) ?? granted;
    return {
      settings,
      sign: remoteSigner(server, identifier, () => ({ grant: now().grant, auth: now().auth })),
    };
  }

  /** Keys by the way `key` of a table, renewed when they are about to expire or were turned down. */
  async #keys(identifier: TableIdentifier, key: string): Promise<S3Keys> {
    const found = await this.#currentKeys(identifier, key);
    const isStale = found === undefined || found.since === 0 || isExpiring(found.keys, found.since);
    if (!isStale) return found.keys;
    try {
      await this.#renewOnce(identifier);
    } catch (error) {
      // Good for some minutes yet: the next request tries again.
      const isGood = found?.keys.expiration !== undefined && found.keys.expiration.getTime() > Date.now();
      if (!isGood || found.since === 0) throw error;
      return found.keys;
    }
    const renewed = await this.#currentKeys(identifier, key);
    if (renewed !== undefined) return renewed.keys;
    throw new LakebookError(
      'S3_NO_CREDENTIALS',
      `The catalog gives no more keys for the files of ${formatIdentifier(identifier)}.`,
      { hint: 'Ask the administrator of the catalog for the right to read or write the table.' },
    );
  }

  async #currentKeys(
    identifier: TableIdentifier,
    key: string,
  ): Promise<{ keys: S3Keys; since: number } | undefined> {
    const { settings } = await this.#connection.server();
    const granted = this.#tables.get(keyOf(identifier));
    const way = granted && waysOf(granted).find(each => each.key === key);
    if (way === undefined) return undefined;
    const keys = s3KeysOf({ ...settings.properties, ...granted!.grant.config, ...way.config });
    return keys === undefined ? undefined : { keys, since: granted!.since };
  }

  #renewOnce(identifier: TableIdentifier): Promise<void> {
    const key = keyOf(identifier);
    let renewal = this.#renewals.get(key);
    if (renewal === undefined) {
      renewal = this.#renew(identifier).finally(() => this.#renewals.delete(key));
      this.#renewals.set(key, renewal);
    }
    return renewal;
  }

  async #renew(identifier: TableIdentifier): Promise<void> {
    const server = await this.#connection.server();
    const key = keyOf(identifier);
    const granted = this.#tables.get(key);
    const told = granted?.grant.config['client.refresh-credentials-endpoint'];
    if (granted === undefined || (told === undefined && !server.supports(endpoints.loadCredentials))) {
      await this.#reload(identifier);
      return;
    }
    const url =
      told === undefined
        ? `${server.paths.table(identifier)}/credentials`
        : /^https?:\/\//i.test(told)
          ? told
          : joinLocation(server.base, told);
    const { json } = await explained(
      { doing: `get keys for the files of ${formatIdentifier(identifier)}` },
      () => server.call('GET', url, { auth: granted.auth }),
    );
    const credentials = parseCredentials(json);
    if (credentials.length === 0) {
      await this.#reload(identifier);
      return;
    }
    for (const { config } of credentials) server.secrets.addFrom(config);
    this.#keep({ ...granted, grant: { ...granted.grant, credentials }, since: Date.now() });
  }

  #keep(granted: Granted): void {
    const key = keyOf(granted.identifier);
    this.#tables.delete(key);
    this.#tables.set(key, granted);
    for (const oldest of this.#tables.keys()) {
      if (this.#tables.size <= keptTables) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#tables.delete(key);
    for (const id of this.#accesses.keys()) if (id.startsWith(`${key} `)) this.#accesses.delete(id);
  }
}

function isExpiring({ expiration }: S3Keys, since: number): boolean {
  if (expiration === undefined) return false;
  const early = Math.min(earliestRenewalMs, (expiration.getTime() - since) / 10);
  return Date.now() >= expiration.getTime() - early;
}

/** Each credential is a way to the addresses it is for; the table's configuration is one to the table's folders. */
function waysOf({ grant, folders }: Granted): Way[] {
  const ways = grant.credentials
    .filter(({ config }: StorageCredential) => Object.keys(config).some(name => /^(s3|client)\./.test(name)))
    .map(({ prefix, config }) => ({ prefix: plainPrefix(prefix), key: `credential ${prefix}`, config }));
  const covered = (folder: string) => ways.some(({ prefix }) => isUnder(folder, prefix));
  const own = Object.keys(grant.config).some(name => /^(s3|client)\.|^signer\./.test(name));
  return own
    ? [
        ...ways,
        ...folders
          .filter(folder => !covered(folder))
          .map(folder => ({ prefix: folder, key: 'table', config: {} })),
      ]
    : ways;
}

/** Hadoop's names for S3 mean the same objects. */
function plainPrefix(location: string): string {
  return location.replace(/^s3[an]:/i, 's3:').replace(/(?<=[^/:])\/+$/, '');
}

function isBelow(location: string, folder: string): boolean {
  return location === folder || location.startsWith(`${folder}/`);
}

/** Prefixes are text: `s3` is one of all addresses, and `s3://bucket/a` one of `s3://bucket/ab`. */
function isUnder(location: string, prefix: string): boolean {
  return location.startsWith(prefix);
}
