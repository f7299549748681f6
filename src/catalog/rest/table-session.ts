import type { CatalogProperties } from '../catalog-properties.ts';
import type { Authenticator } from './auth.ts';
import type { RestServer } from './connection.ts';
import { explained } from './errors.ts';
import { bearer, exchangeableTypes, OAuth2 } from './oauth2.ts';
import { SigV4 } from './sigv4.ts';

/** Whether the server gave out a token for one table: a new one comes with the whole of the table only. */
export function hasOwnToken(config: CatalogProperties): boolean {
  return ['token', ...exchangeableTypes].some(key => config[key] !== undefined);
}

/**
 * Who asks for one table: with the token that the server gave for it, or one that such a token is exchanged for, else
 * the catalog's own session.
 */
export async function sessionOfTable(server: RestServer, config: CatalogProperties): Promise<Authenticator> {
  const { token } = config;
  if (token !== undefined && token !== server.settings.text('token')) {
    server.secrets.add(token);
    const own = bearer(token, server.auth);
    return server.auth instanceof SigV4 ? server.auth.over(own) : own;
  }
  const type = exchangeableTypes.find(each => config[each] !== undefined);
  if (type === undefined || !(server.auth instanceof OAuth2)) return server.auth;
  const { auth } = server;
  return await explained({ doing: "get a token for a table's files" }, () =>
    auth.exchange(config[type]!, type),
  );
}
