import { readFile } from 'node:fs/promises';
import { LakebookError } from '../iceberg/errors.ts';

/** What a connection file says: where the kernel listens, and the key that messages are signed with. */
export interface Connection {
  readonly transport: 'tcp' | 'ipc';
  readonly ip: string;
  readonly ports: Readonly<Record<Channel, number>>;
  /** Empty: messages aren't signed. */
  readonly key: string;
  /** Name of the hash function of the HMAC: `sha256`. */
  readonly hash: string;
  /** CurveZMQ's keys, when the client asks for an encrypted transport. */
  readonly curve?: { readonly publicKey: string; readonly secretKey: string };
}

/** The five sockets of a kernel. */
export type Channel = 'shell' | 'control' | 'iopub' | 'stdin' | 'hb';

const channels: readonly Channel[] = ['shell', 'control', 'iopub', 'stdin', 'hb'];
const hashes = ['sha256', 'sha384', 'sha512'];

/**
 * Reads a connection file, as a Jupyter client writes it.
 * @see https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files
 * @throws LakebookError (JUPYTER_CONNECTION) when it can't be read or used
 */
export async function readConnection(file: string): Promise<Connection> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw unusable(`The connection file can't be read: ${(error as Error).message}`, error);
  }
  return parseConnection(text, file);
}

/** @throws LakebookError (JUPYTER_CONNECTION); its message never holds the key */
export function parseConnection(text: string, file: string): Connection {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // The parser's own message may quote the text, and with it the key.
    throw unusable(`${file} is not valid JSON.`, error);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw unusable(`${file} must hold a JSON object.`);
  }
  const given = json as Record<string, unknown>;
  const string = (name: string, otherwise: string): string => {
    const value = given[name] ?? otherwise;
    if (typeof value === 'string') return value;
    throw unusable(`${file}: "${name}" must be a text.`);
  };
  const transport = string('transport', 'tcp');
  if (transport !== 'tcp' && transport !== 'ipc') {
    throw unusable(`${file}: there is no transport "${transport}"; it is tcp or ipc.`);
  }
  const ports = Object.fromEntries(
    channels.map(channel => {
      const port = given[`${channel}_port`];
      if (Number.isInteger(port) && (port as number) >= 0 && (port as number) <= 65_535) {
        return [channel, port as number];
      }
      throw unusable(`${file}: "${channel}_port" must be a port's number.`);
    }),
  ) as Record<Channel, number>;
  const scheme = string('signature_scheme', 'hmac-sha256');
  const hash = scheme.replace(/^hmac-/, '');
  if (!scheme.startsWith('hmac-') || !hashes.includes(hash)) {
    throw unusable(
      `${file}: there is no signature scheme "${scheme}"; it is hmac-${hashes.join(', hmac-')}.`,
    );
  }
  const publicKey = string('curve_publickey', '');
  const secretKey = string('curve_secretkey', '');
  return {
    transport,
    ip: string('ip', '127.0.0.1'),
    ports,
    key: string('key', ''),
    hash,
    ...(publicKey === '' || secretKey === '' ? {} : { curve: { publicKey, secretKey } }),
  };
}

/** The address of a channel as ZeroMQ has it; ipc adds the port's number to the path, as other kernels do. */
export function addressOf({ transport, ip, ports }: Connection, channel: Channel): string {
  return transport === 'tcp'
    ? `tcp://${ip.includes(':') ? `[${ip}]` : ip}:${ports[channel]}`
    : `ipc://${ip}-${ports[channel]}`;
}

function unusable(message: string, cause?: unknown): LakebookError {
  return new LakebookError('JUPYTER_CONNECTION', message, {
    hint: 'Kernels are started by Jupyter, which writes that file: `lakebook jupyter install`, then choose Lakebook there.',
    cause,
  });
}
