import { LakebookError } from '../../iceberg/errors.ts';
import type { Authenticator, SignableRequest } from './auth.ts';
import { explainFailure } from './errors.ts';
import { RequestError } from './failure.ts';
import type { Http } from './http.ts';
import type { Secrets } from './secrets.ts';
import type { RestSettings } from './settings.ts';

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

/** Token types (RFC 8693, section 3) by which a server hands out tokens to be exchanged, the preferred first. */
export const exchangeableTypes = [
  'urn:ietf:params:oauth:token-type:id_token',
  accessTokenType,
  'urn:ietf:params:oauth:token-type:jwt',
  'urn:ietf:params:oauth:token-type:saml2',
  'urn:ietf:params:oauth:token-type:saml1',
];

/** A token is renewed this long before it expires, or when a tenth of its time is left. In milliseconds. */
const earliestRenewal = 5 * 60_000;
/** After a failed renewal the old token is used for so long before another try. In milliseconds. */
const renewalPause = 10_000;

interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** From when on it's to be renewed. */
  readonly renewAt?: number;
}

/**
 * OAuth2 (RFC 6749): bearer tokens from client credentials (`credential`), or a token that was given (`token`), kept
 * and renewed before they expire and when the server turns them down. Several requests at once cause one renewal.
 */
export class OAuth2 implements Authenticator {
  readonly #http: Http;
  readonly #settings: RestSettings;
  readonly #secrets: Secrets;
  readonly #tokenUrl: string;
  #token: Token | undefined;
  #renewal: Promise<Token> | undefined;
  #pausedUntil = 0;

  /** @param base the catalog's address, below which a relative `oauth2-server-uri` is */
  constructor(http: Http, settings: RestSettings, secrets: Secrets, base: string) {
    this.#http = http;
    this.#settings = settings;
    this.#secrets = secrets;
    const server = settings.text('oauth2-server-uri') ?? 'v1/oauth/tokens';
    this.#tokenUrl = /^https?:\/\//i.test(server) ? server : `${base}/${server.replace(/^\//, '')}`;
    const given = settings.text('token');
    if (given !== undefined) this.#token = this.#made(given, undefined);
  }

  async sign(request: SignableRequest): Promise<string> {
    const token = await this.#current();
    request.headers.authorization ??= `Bearer ${token}`;
    return token;
  }

  async renew(used: string | undefined): Promise<boolean> {
    // Another request has done it meanwhile.
    if (used !== undefined && this.#token !== undefined && this.#token.value !== used) return true;
    if (!this.#canRenew()) return false;
    await this.#renewed();
    return true;
  }

  /** Exchanges a token that the server gave for one table, on behalf of this session (RFC 8693). */
  async exchange(subject: string, subjectType: string): Promise<Authenticator> {
    this.#secrets.add(subject);
    const actor = await this.#current();
    const token = await this.#request({
      grant_type: exchangeGrant,
      subject_token: subject,
      subject_token_type: subjectType,
      actor_token: actor,
      actor_token_type: accessTokenType,
    });
    return bearer(token.value, this);
  }

  #canRenew(): boolean {
    if (!this.#settings.flag('token-refresh-enabled', true)) return false;
    return this.#settings.text('credential') !== undefined || this.#exchanges();
  }

  #exchanges(): boolean {
    return this.#token !== undefined && this.#settings.flag('token-exchange-enabled', true);
  }

  async #current(): Promise<string> {
    const now = Date.now();
    const token = this.#token;
    if (token === undefined) return (await this.#renewed()).value;
    if (token.renewAt === undefined || now < token.renewAt || now < this.#pausedUntil) return token.value;
    if (!this.#canRenew()) return token.value;
    try {
      return (await this.#renewed()).value;
    } catch (error) {
      if (token.expiresAt !== undefined && now >= token.expiresAt) throw error;
      // It's good for some time yet: the next requests try again.
      this.#pausedUntil = now + renewalPause;
      return token.value;
    }
  }

  #renewed(): Promise<Token> {
    this.#renewal ??= this.#fetch().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  /** Client credentials give a new token at any time; without them the old one is exchanged for a new one. */
  async #fetch(): Promise<Token> {
    const credential = this.#settings.text('credential');
    const old = this.#token?.value;
    if (credential !== undefined) {
      const colon = credential.indexOf(':');
      const id = credential.slice(0, Math.max(colon, 0)).trim();
      this.#token = await this.#request({
        grant_type: 'client_credentials',
        ...(id === '' ? {} : { client_id: id }),
        client_secret: credential.slice(colon + 1).trim(),
      });
    } else if (old !== undefined) {
      const form = { grant_type: exchangeGrant, subject_token: old, subject_token_type: accessTokenType };
      this.#token = await this.#request(form, { authorization: `Bearer ${old}` });
    } else {
      throw new LakebookError('CATALOG_UNAUTHORIZED', 'There is neither a token nor a credential.', {
        hint: 'Set LAKEBOOK_CATALOG_TOKEN or LAKEBOOK_CATALOG_CREDENTIAL in the environment.',
      });
    }
    return this.#token;
  }

  async #request(
    parameters: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Token> {
    const form = new URLSearchParams({ ...parameters, scope: this.#settings.text('scope') ?? 'catalog' });
    for (const key of ['audience', 'resource']) {
      const value = this.#settings.text(key);
      if (value !== undefined) form.set(key, value);
    }
    let json: Record<string, unknown> | undefined;
    try {
      const request = { method: 'POST', url: this.#tokenUrl, form, headers, repeatable: true } as const;
      json = (await this.#http.send(request)).json as typeof json;
    } catch (error) {
      if (error instanceof RequestError) throw explainToken(error, this.#tokenUrl);
      throw error;
    }
    const token = json?.access_token;
    if (typeof token !== 'string' || token === '') {
      throw new LakebookError('CATALOG_UNAUTHORIZED', `${this.#tokenUrl} answered without a token.`, {
        hint: 'Check the property oauth2-server-uri.',
      });
    }
    const seconds = Number(json!.expires_in);
    return this.#made(token, Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined);
  }

  #made(value: string, lifetimeMs: number | undefined): Token {
    this.#secrets.add(value);
    const now = Date.now();
    const byItself = expiryOf(value);
    const lifetime =
      lifetimeMs ??
      (byItself === undefined ? this.#settings.count('token-expires-in-ms', 0) || undefined : byItself - now);
    if (lifetime === undefined) return { value };
    const early = Math.min(earliestRenewal, Math.max(lifetime / 10, 0));
    return { value, expiresAt: now + lifetime, renewAt: now + lifetime - early };
  }
}

/** A fixed token; when it's turned down, whoever it was made from is renewed. */
export function bearer(token: string, parent?: Authenticator): Authenticator {
  return {
    sign: async request => {
      request.headers.authorization ??= `Bearer ${token}`;
      return token;
    },
    renew: async used => (await parent?.renew(used)) ?? false,
  };
}

/** When a JSON Web Token says that it expires, in milliseconds since the epoch. */
function expiryOf(token: string): number | undefined {
  const [, claims, ...rest] = token.split('.');
  if (claims === undefined || rest.length !== 1) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    // It has dots and is no JWT: nothing is known of it.
    return undefined;
  }
}

function explainToken(error: RequestError, url: string): LakebookError {
  const { failure } = error;
  const host = new URL(url).host;
  const told = [failure.type, failure.message].filter(Boolean).join(': ');
  const hints: Readonly<Record<string, string>> = {
    invalid_client: 'Check LAKEBOOK_CATALOG_CREDENTIAL: it is the client id, a colon, and the client secret.',
    unauthorized_client:
      'This client may not get tokens in this way: ask for the grant "client_credentials".',
    invalid_scope: 'Set the property scope to one that the server knows (Polaris: PRINCIPAL_ROLE:ALL).',
    invalid_grant: 'The token has expired or is not known: set LAKEBOOK_CATALOG_TOKEN anew.',
    unsupported_grant_type: 'Set the property token-exchange-enabled to false, or oauth2-server-uri right.',
  };
  const hint = hints[failure.type ?? ''];
  if (hint !== undefined || failure.status === 400 || failure.status === 401) {
    return new LakebookError('CATALOG_UNAUTHORIZED', `${host} gives no token: ${told}.`, {
      hint: hint ?? 'Check the credential, and the properties scope and oauth2-server-uri.',
    });
  }
  if (failure.status === 404 || failure.status === 405) {
    return new LakebookError('CATALOG_UNAUTHORIZED', `${url} gives no tokens (status ${failure.status}).`, {
      hint: "Set the property oauth2-server-uri to your identity provider's token address.",
    });
  }
  return explainFailure(error, { doing: `get a token from ${host}`, setting: 'oauth2-server-uri' });
}
