import { ValidationError } from '../../iceberg/errors.ts';
import { type Authenticator, anonymous, basicAuth } from './auth.ts';
import type { Http } from './http.ts';
import { OAuth2 } from './oauth2.ts';
import type { Secrets } from './secrets.ts';
import type { RestSettings } from './settings.ts';
import { SigV4 } from './sigv4.ts';

const types = ['none', 'basic', 'oauth2', 'sigv4'];

/**
 * How requests are authenticated: as `rest.auth.type` says, else with OAuth2 where there is a token or a credential, and
 * signed for AWS over that with `rest.sigv4-enabled`.
 * @throws ValidationError for a kind that isn't known
 */
export function createAuth(
  http: Http,
  settings: RestSettings,
  secrets: Secrets,
  base: string,
): Authenticator {
  const type = settings.text('rest.auth.type')?.toLowerCase();
  if (type !== undefined && !types.includes(type)) {
    throw new ValidationError(`There is no authentication "${type}" (rest.auth.type) for REST catalogs.`, {
      hint: `It can be ${types.join(', ')}.`,
    });
  }
  const signs = type === 'sigv4' || settings.flag('rest.sigv4-enabled', false);
  const inner = signs && type === 'sigv4' ? settings.text('rest.auth.sigv4.delegate-auth-type') : type;
  const delegate = createPlain(inner, http, settings, secrets, base);
  return signs ? new SigV4(settings, delegate) : delegate;
}

function createPlain(
  type: string | undefined,
  http: Http,
  settings: RestSettings,
  secrets: Secrets,
  base: string,
): Authenticator {
  const hasToken = settings.text('token') !== undefined || settings.text('credential') !== undefined;
  if (type === 'none') return anonymous;
  if (type === 'basic') {
    const username = settings.text('rest.auth.basic.username') ?? '';
    const password = settings.text('rest.auth.basic.password') ?? '';
    secrets.add(`${username}:${password}`);
    return basicAuth(username, password);
  }
  return hasToken || type === 'oauth2' ? new OAuth2(http, settings, secrets, base) : anonymous;
}
