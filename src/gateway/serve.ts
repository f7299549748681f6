import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { ParseArgsConfig } from 'node:util';
import { loadLakeConfig } from '../catalog/lake-config.ts';
import { openLake } from '../catalog/open-lake.ts';
import { LakebookError, ValidationError } from '../iceberg/errors.ts';
import { type GatewayLog, streamLog } from './log.ts';
import { loadTokens, tokenFile } from './security/tokens.ts';
import { makeGateway } from './server.ts';

export const defaultPort = 8765;

/** The options of `lakebook serve`, for node:util's parseArgs. */
export const serveOptions = {
  port: { type: 'string' },
  host: { type: 'string' },
  'allow-host': { type: 'string', multiple: true },
  'token-file': { type: 'string' },
  'read-only': { type: 'boolean' },
  'memory-limit': { type: 'string' },
  timeout: { type: 'string' },
  quiet: { type: 'boolean' },
  lake: { type: 'string' },
} as const satisfies NonNullable<ParseArgsConfig['options']>;

type Values = Readonly<Record<string, unknown>>;

export interface RunningGateway {
  /** `http://127.0.0.1:8765` */
  readonly url: string;
  readonly tokenFile: string;
  /** The tokens were made by this start. */
  readonly newTokens: boolean;
  readonly warnings: readonly string[];
  /** Answers what is under way, then ends. */
  close(): Promise<void>;
}

/**
 * Starts the gateway of a lake, as `lakebook serve` does. `values` are those of `serveOptions`.
 * @throws ValidationError for values that aren't right; LakebookError `PORT_IN_USE`
 */
export async function serve(values: Values, version: string): Promise<RunningGateway> {
  const host = text(values, 'host') ?? '127.0.0.1';
  const port = portOf(text(values, 'port'));
  const config = await loadLakeConfig(path.resolve(text(values, 'lake') ?? '.'));
  const file = path.resolve(text(values, 'token-file') ?? tokenFile(config.root));
  const memoryBytes = bytesOf(text(values, 'memory-limit') ?? process.env.LAKEBOOK_MEMORY_LIMIT);
  const timeoutMs = secondsOf(text(values, 'timeout'));
  const { tokens, isNew } = await loadTokens(file);
  const lake = await openLake(config);
  const log: GatewayLog | undefined = values.quiet === true ? undefined : streamLog(process.stderr);
  const server = await makeGateway({
    lake,
    tokens,
    host,
    allowedHosts: (values['allow-host'] as string[] | undefined) ?? [],
    readOnly: values['read-only'] === true,
    version,
    ...(log === undefined ? {} : { log }),
    limits: {
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    },
  });
  const close = async () => {
    await server.close();
    await lake.close();
  };
  try {
    await server.listen({ host, port });
  } catch (error) {
    await close();
    throw listenError(error, host, port);
  }
  const { port: bound } = server.server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    tokenFile: file,
    newTokens: isNew,
    warnings: isLoopback(host)
      ? []
      : [
          'Other machines can reach this address, and HTTP shows them the tokens: put a proxy with TLS in front, and name it with --allow-host.',
        ],
    close,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function listenError(error: unknown, host: string, port: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new LakebookError('PORT_IN_USE', `Something listens on ${host}:${port} already.`, {
      hint: 'Choose another one with --port, or --port 0 for any that is free.',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new LakebookError(
      'CANNOT_LISTEN',
      `${host}:${port} can't be listened on: ${(error as Error).message}.`,
      {
        hint: 'Use 127.0.0.1 and a port above 1023.',
        cause: error,
      },
    );
  }
  return error;
}

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

function portOf(value: string | undefined): number {
  if (value === undefined) return defaultPort;
  if (/^\d{1,5}$/.test(value) && Number(value) < 65_536) return Number(value);
  throw new ValidationError(`--port must be a number from 0 to 65535, not "${value}".`);
}

function secondsOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,6}$/.test(value) && Number(value) > 0) return Number(value) * 1000;
  throw new ValidationError(`--timeout must be a number of seconds, not "${value}".`);
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

function bytesOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]i?b)?$/i.exec(value.trim()) ?? [];
  const factor = units[unit.toLowerCase()];
  if (number !== undefined && factor !== undefined) return Math.floor(Number(number) * factor);
  throw new ValidationError(`--memory-limit must be a size such as 2GB, not "${value}".`);
}
