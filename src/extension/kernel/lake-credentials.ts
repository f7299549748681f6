import type * as vscode from 'vscode';
import { loadLakeConfig } from '../../catalog/lake-config.ts';
import type { Environment } from '../scripts.ts';

/** Keys for the S3 server of a lake. */
export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary keys. */
  readonly sessionToken?: string;
}

/** What a REST catalog is told to know who asks. */
export type CatalogSecret =
  /** OAuth2's client credentials, `id:secret`. */
  | { readonly kind: 'credential'; readonly value: string }
  | { readonly kind: 'token'; readonly value: string };

/** What one is: the keys of a lake's S3 server, or the secret for its catalog. */
export type Credentials =
  | { readonly for: 's3'; readonly keys: S3Keys }
  | { readonly for: 'catalog'; readonly secret: CatalogSecret };

/**
 * Keys and secrets of lakes, kept in the editor's secret storage under the folder of each lake. They leave it only as
 * the environment of processes that the extension forks.
 */
export class LakeCredentials {
  readonly #secrets: vscode.SecretStorage;

  constructor(secrets: vscode.SecretStorage) {
    this.#secrets = secrets;
  }

  /** @param root the lake's folder */
  async set(root: string, credentials: Credentials): Promise<void> {
    const value = credentials.for === 's3' ? credentials.keys : credentials.secret;
    await this.#secrets.store(secretName(credentials.for, root), JSON.stringify(value));
  }

  async clear(root: string, what: Credentials['for']): Promise<void> {
    await this.#secrets.delete(secretName(what, root));
  }

  async has(root: string, what: Credentials['for']): Promise<boolean> {
    return (await this.#secrets.get(secretName(what, root))) !== undefined;
  }

  /** Environment of a process that works on the lake at `root`; empty when nothing is kept for it. */
  async environment(root: string): Promise<Environment> {
    const keys = await this.#secrets.get(secretName('s3', root));
    const secret = await this.#secrets.get(secretName('catalog', root));
    return {
      ...(keys === undefined ? {} : environmentOf({ for: 's3', keys: JSON.parse(keys) as S3Keys })),
      ...(secret === undefined
        ? {}
        : environmentOf({ for: 'catalog', secret: JSON.parse(secret) as CatalogSecret })),
    };
  }

  /** As `environment`, for any folder of a lake. @throws LakebookError for a lakebook.json that isn't right */
  async environmentOfFolder(folder: string): Promise<Environment> {
    const { root } = await loadLakeConfig(folder);
    return this.environment(root);
  }
}

function secretName(what: Credentials['for'], root: string): string {
  return `${what}:${root}`;
}

/** The variables that a process reads credentials from, and none of the machine's own beside them. */
export function environmentOf(credentials: Credentials): Environment {
  if (credentials.for === 'catalog') {
    const { kind, value } = credentials.secret;
    return {
      LAKEBOOK_CATALOG_CREDENTIAL: kind === 'credential' ? value : undefined,
      LAKEBOOK_CATALOG_TOKEN: kind === 'token' ? value : undefined,
    };
  }
  const { accessKeyId, secretAccessKey, sessionToken } = credentials.keys;
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    // A token of other keys would make these invalid, and a profile would come before them.
    AWS_SESSION_TOKEN: sessionToken,
    AWS_PROFILE: undefined,
  };
}
