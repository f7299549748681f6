import { userInfo } from 'node:os';
import { type LakebookErrorOptions, ValidationError } from '../iceberg/errors.ts';
import { fault, readObject } from './config-reader.ts';
import type { JsonMember, JsonNode } from './json-source.ts';
import { byteCount } from './sizes.ts';

/** Engines on other machines that may run SQL on the lake's tables, and when to think of them. */
export interface EngineSettings {
  readonly trino?: TrinoSettings;
  readonly spark?: SparkSettings;
  /** A local query that would read more than this says that another engine might be better; in bytes. */
  readonly hintBytes: number;
}

export interface TrinoSettings {
  /** Address of the coordinator: `http://localhost:8080`. */
  readonly uri: string;
  /** The engine's name of the lake's catalog. */
  readonly catalog: string;
  readonly user: string;
  /** From the environment only. */
  readonly password?: string;
  /** From the environment only. */
  readonly token?: string;
  /** Session properties. */
  readonly session: Readonly<Record<string, string>>;
}

export interface SparkSettings {
  /** Address of Spark Connect: `sc://localhost:15002`. */
  readonly uri: string;
  /** Spark's name of the lake's catalog. */
  readonly catalog: string;
  /** From the environment only. */
  readonly token?: string;
}

export const defaultHintBytes = 20e9;

/** The environment variables that override `engines` in lakebook.json, and those that hold what it may not. */
export const engineVariables = {
  trinoUri: 'LAKEBOOK_TRINO_URI',
  trinoCatalog: 'LAKEBOOK_TRINO_CATALOG',
  trinoUser: 'LAKEBOOK_TRINO_USER',
  sparkUri: 'LAKEBOOK_SPARK_URI',
  sparkCatalog: 'LAKEBOOK_SPARK_CATALOG',
  hintBytes: 'LAKEBOOK_ENGINE_HINT_BYTES',
} as const;

/** Secrets of engines; no file has a word for them. */
export const engineSecrets = {
  trinoPassword: 'LAKEBOOK_TRINO_PASSWORD',
  trinoToken: 'LAKEBOOK_TRINO_TOKEN',
  sparkToken: 'LAKEBOOK_SPARK_TOKEN',
} as const;

type EngineKey = keyof typeof engineVariables;
type Environment = Readonly<Record<string, string | undefined>>;

interface Written {
  readonly value: string | number;
  /** `lakebook.json: engines.trino.uri` or `LAKEBOOK_TRINO_URI`. */
  readonly origin: string;
  readonly at?: LakebookErrorOptions;
}

export interface WrittenEngines {
  readonly settings: Partial<Record<EngineKey, Written>>;
  readonly trinoSession: Readonly<Record<string, string>>;
}

export const noEngines: WrittenEngines = { settings: {}, trinoSession: {} };

const secretKey = /password|token|secret|credential/i;

/** Reads the value of `engines`. @throws ValidationError; secrets are refused: the file is there to be shared */
export function readEngines(node: JsonNode, file: string): WrittenEngines {
  const settings: Partial<Record<EngineKey, Written>> = {};
  const trinoSession: Record<string, string> = {};
  const read = (key: EngineKey, name: string) => (value: JsonNode) => {
    const plain = value.kind === 'string' || (value.kind === 'other' && typeof value.value === 'number');
    if (!plain || String(value.value).trim() === '') {
      throw fault(file, value, `"${name}" must be a text that isn't empty.`);
    }
    settings[key] = {
      value: value.value as string | number,
      origin: `${file}: ${name}`,
      at: { file, position: value.position },
    };
  };
  readObject(file, node, '"engines"', {
    hintBytes: read('hintBytes', 'engines.hintBytes'),
    trino: trino => {
      refuseSecrets(file, trino, 'trino', `${engineSecrets.trinoPassword} or ${engineSecrets.trinoToken}`);
      readObject(file, trino, '"engines.trino"', {
        uri: read('trinoUri', 'engines.trino.uri'),
        catalog: read('trinoCatalog', 'engines.trino.catalog'),
        user: read('trinoUser', 'engines.trino.user'),
        session: session => {
          if (session.kind !== 'object') {
            throw fault(file, session, '"engines.trino.session" must be an object of session properties.');
          }
          for (const { key, value } of session.members) {
            if (value.kind !== 'string' && (value.kind !== 'other' || value.value === null)) {
              throw fault(file, value, `"engines.trino.session.${key}" must be a single value.`);
            }
            trinoSession[key] = String(value.value);
          }
        },
      });
    },
    spark: spark => {
      refuseSecrets(file, spark, 'spark', engineSecrets.sparkToken);
      readObject(file, spark, '"engines.spark"', {
        uri: value => {
          if (value.kind === 'string' && /;token=/i.test(value.value)) {
            throw new ValidationError(
              `${file}: "engines.spark.uri" holds a token, which doesn't belong in this file.`,
              { file, position: value.position, hint: `Set ${engineSecrets.sparkToken} in the environment.` },
            );
          }
          read('sparkUri', 'engines.spark.uri')(value);
        },
        catalog: read('sparkCatalog', 'engines.spark.catalog'),
      });
    },
  });
  return { settings, trinoSession };
}

function refuseSecrets(file: string, node: JsonNode, engine: string, variables: string): void {
  const members: readonly JsonMember[] = node.kind === 'object' ? node.members : [];
  const secret = members.find(({ key }) => secretKey.test(key));
  if (secret === undefined) return;
  throw new ValidationError(
    `${file}: "engines.${engine}.${secret.key}" is a secret, which doesn't belong in this file.`,
    { file, position: secret.keyPosition, hint: `Set ${variables} in the environment.` },
  );
}

/**
 * The settings as written, with those of the environment over them. An engine is there when it has an address.
 * `lakeName` is the catalog's name here, which engines call the same unless told otherwise.
 */
export function resolveEngines(
  { settings, trinoSession }: WrittenEngines,
  lakeName: string,
  environment: Environment,
): EngineSettings {
  const written: Partial<Record<EngineKey, Written>> = { ...settings };
  for (const [key, variable] of Object.entries(engineVariables)) {
    const value = environment[variable];
    if (value) written[key as EngineKey] = { value, origin: variable };
  }
  const text = (key: EngineKey, otherwise: string) => String(written[key]?.value ?? otherwise);
  const secret = <K extends string>(key: K, variable: string): { [P in K]?: string } =>
    (environment[variable] ? { [key]: environment[variable] } : {}) as { [P in K]?: string };
  const { hintBytes, trinoUri, sparkUri } = written;
  return {
    ...(trinoUri === undefined
      ? {}
      : {
          trino: {
            uri: trinoAddress(trinoUri),
            catalog: text('trinoCatalog', lakeName),
            user: text('trinoUser', userName()),
            session: trinoSession,
            ...secret('password', engineSecrets.trinoPassword),
            ...secret('token', engineSecrets.trinoToken),
          },
        }),
    ...(sparkUri === undefined
      ? {}
      : {
          spark: {
            uri: String(sparkUri.value),
            catalog: text('sparkCatalog', lakeName),
            ...secret('token', engineSecrets.sparkToken),
          },
        }),
    hintBytes:
      hintBytes === undefined ? defaultHintBytes : byteCount(hintBytes.value, hintBytes.origin, hintBytes.at),
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // Containers may have no name for the user's number.
    return 'lakebook';
  }
}

function trinoAddress({ value, origin, at }: Written): string {
  let url: URL | undefined;
  try {
    url = new URL(String(value));
  } catch {
    // Told below.
  }
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ValidationError(`${origin}: "${value}" is no http address.`, {
      ...at,
      hint: 'Write the address of the Trino coordinator, for example "http://localhost:8080".',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new ValidationError(`${origin}: the address holds a user's name or password.`, {
      ...at,
      hint: `Set engines.trino.user, and ${engineSecrets.trinoPassword} in the environment.`,
    });
  }
  return String(value).replace(/\/+$/, '');
}
