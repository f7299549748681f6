import path from 'node:path';
import { type LakebookErrorOptions, ValidationError } from '../iceberg/errors.ts';
import {
  type CacheSettings,
  defaultCacheBytes,
  type S3Settings,
  type StorageSettings,
} from '../storage/settings.ts';
import { fault, readObject } from './config-reader.ts';
import type { JsonMember, JsonNode } from './json-source.ts';
import { byteCount } from './sizes.ts';

/** The environment variables that override `storage` in lakebook.json. The SDK reads AWS_* by itself. */
export const storageVariables = {
  endpoint: 'LAKEBOOK_S3_ENDPOINT',
  region: 'LAKEBOOK_S3_REGION',
  pathStyle: 'LAKEBOOK_S3_PATH_STYLE',
  profile: 'LAKEBOOK_S3_PROFILE',
  anonymous: 'LAKEBOOK_S3_ANONYMOUS',
  ca: 'LAKEBOOK_S3_CA',
  cacheFolder: 'LAKEBOOK_CACHE_DIR',
  cacheBytes: 'LAKEBOOK_CACHE_BYTES',
} as const;

type StorageKey = keyof typeof storageVariables;
type Environment = Readonly<Record<string, string | undefined>>;

/** A setting as it was written, and where. */
interface Written {
  readonly value: string | number | boolean;
  /** `lakebook.json: storage.s3.region` or `LAKEBOOK_S3_REGION`. */
  readonly origin: string;
  readonly at?: LakebookErrorOptions;
}

export type WrittenStorage = Partial<Record<StorageKey, Written>>;

/** What a key would be called that holds a secret. */
const secretKey = /access.?key|secret|token|password|credential/i;

/** Reads the value of `storage`. @throws ValidationError; secrets are refused: the file is there to be shared */
export function readStorage(node: JsonNode, file: string): WrittenStorage {
  const written: WrittenStorage = {};
  const read = (key: StorageKey, name: string) => (value: JsonNode) => {
    if (value.kind !== 'string' && (value.kind !== 'other' || value.value === null)) {
      throw fault(file, value, `"${name}" must be a single value.`);
    }
    written[key] = {
      value: value.value as string | number | boolean,
      origin: `${file}: ${name}`,
      at: { file, position: value.position },
    };
  };
  readObject(file, node, '"storage"', {
    s3: s3 => {
      refuseSecrets(file, s3);
      readObject(file, s3, '"storage.s3"', {
        endpoint: read('endpoint', 'storage.s3.endpoint'),
        region: read('region', 'storage.s3.region'),
        pathStyle: read('pathStyle', 'storage.s3.pathStyle'),
        profile: read('profile', 'storage.s3.profile'),
        anonymous: read('anonymous', 'storage.s3.anonymous'),
        ca: read('ca', 'storage.s3.ca'),
      });
    },
    cache: cache =>
      readObject(file, cache, '"storage.cache"', {
        folder: read('cacheFolder', 'storage.cache.folder'),
        bytes: read('cacheBytes', 'storage.cache.bytes'),
      }),
  });
  return written;
}

function refuseSecrets(file: string, node: JsonNode): void {
  const members: readonly JsonMember[] = node.kind === 'object' ? node.members : [];
  const secret = members.find(({ key }) => secretKey.test(key));
  if (secret === undefined) return;
  throw new ValidationError(
    `${file}: "storage.s3.${secret.key}" is a secret, which doesn't belong in this file.`,
    {
      file,
      position: secret.keyPosition,
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or name a profile of ~/.aws in storage.s3.profile.',
    },
  );
}

/** The settings as written, with those of the environment over them. Relative paths start at `root`. */
export function resolveStorage(
  fromFile: WrittenStorage,
  root: string,
  environment: Environment,
): StorageSettings {
  const written: WrittenStorage = { ...fromFile };
  for (const [key, variable] of Object.entries(storageVariables)) {
    const value = environment[variable];
    if (value) written[key as StorageKey] = { value, origin: variable };
  }
  const s3: S3Settings = {
    ...optional('endpoint', written.endpoint, endpoint),
    ...optional('region', written.region, text),
    ...optional('pathStyle', written.pathStyle, flag),
    ...optional('profile', written.profile, text),
    ...optional('anonymous', written.anonymous, flag),
    ...optional('ca', written.ca, setting => path.resolve(root, text(setting))),
  };
  const cache: CacheSettings = {
    ...optional('folder', written.cacheFolder, setting => path.resolve(root, text(setting))),
    bytes:
      written.cacheBytes === undefined
        ? defaultCacheBytes
        : byteCount(written.cacheBytes.value, written.cacheBytes.origin, written.cacheBytes.at),
  };
  return { s3, cache };
}

function optional<K extends string, T>(
  key: K,
  written: Written | undefined,
  read: (written: Written) => T,
): { [P in K]?: T } {
  return (written === undefined ? {} : { [key]: read(written) }) as { [P in K]?: T };
}

function text({ value, origin, at }: Written): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new ValidationError(`${origin} must be a text that isn't empty.`, at);
}

function flag({ value, origin, at }: Written): boolean {
  const read = typeof value === 'string' ? { true: true, false: false, 1: true, 0: false }[value] : value;
  if (typeof read === 'boolean') return read;
  throw new ValidationError(`${origin} must be true or false.`, at);
}

function endpoint(setting: Written): string {
  const value = text(setting);
  const { origin, at } = setting;
  let url: URL | undefined;
  try {
    url = new URL(value);
  } catch {
    // Told below.
  }
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ValidationError(`${origin}: "${value}" is no http address.`, {
      ...at,
      hint: 'Write the address of the S3 server, for example "http://localhost:9000".',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new ValidationError(`${origin}: the address holds a user's name or password.`, {
      ...at,
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment instead.',
    });
  }
  return value.replace(/\/+$/, '');
}
