import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { GatewayError } from '../http/problems.ts';

/**
 * Which names the server answers to. A page of another site can't read what it asks of us (no CORS headers are sent),
 * but a name of its own that it points at this machine (DNS rebinding) would make us the same site: so the Host
 * header must be a name of ours, and a browser's Origin too.
 */
export class Origins {
  readonly #hosts: ReadonlySet<string>;
  readonly #anyAddress: boolean;

  /** `host` is what the server listens on, `more` are names under which proxies and containers reach it. */
  constructor(host: string, more: readonly string[] = []) {
    const own = host === '0.0.0.0' || host === '::' ? [] : [host];
    this.#hosts = new Set(['localhost', '127.0.0.1', '::1', ...own, ...more].map(name => name.toLowerCase()));
    this.#anyAddress = own.length === 0;
  }

  /** @throws GatewayError 421 for a foreign Host, 403 for a foreign Origin or a cross-site call */
  check(headers: IncomingHttpHeaders): void {
    const host = hostName(headers.host);
    if (host === undefined || !this.#isOwn(host)) {
      throw new GatewayError(421, 'HOST_REFUSED', 'This server has no such name.', {
        hint: 'Use the address that the server printed, or start it with --allow-host NAME.',
      });
    }
    const { origin } = headers;
    if (origin !== undefined && !this.#isOwn(originHost(origin) ?? '')) {
      throw new GatewayError(403, 'ORIGIN_REFUSED', 'Pages of other sites can not call this server.');
    }
    const site = headers['sec-fetch-site'];
    if (site === 'cross-site' && headers['sec-fetch-mode'] !== 'navigate') {
      throw new GatewayError(403, 'ORIGIN_REFUSED', 'Pages of other sites can not call this server.');
    }
  }

  #isOwn(name: string): boolean {
    // An address can't be rebound: it is what the browser connected to.
    return this.#hosts.has(name) || (this.#anyAddress && isIP(name) !== 0);
  }
}

/** The name of a Host header, without port and brackets; undefined for what isn't one. */
function hostName(header: string | undefined): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header ?? '');
  return (found?.[1] ?? found?.[2])?.toLowerCase();
}

function originHost(origin: string): string | undefined {
  const found = /^https?:\/\/(.+)$/i.exec(origin);
  return found === null ? undefined : hostName(found[1]);
}
