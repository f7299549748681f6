import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { userInfo } from 'node:os';
import { LakebookError } from '../iceberg/errors.ts';

/*
 * Messages of the Jupyter protocol on the wire:
 * https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol
 */

/** The version of the messaging protocol that Lakebook speaks. */
export const messagingVersion = '5.4';

export interface Header {
  readonly msg_id: string;
  readonly msg_type: string;
  readonly session: string;
  readonly username: string;
  readonly date: string;
  readonly version: string;
}

type Json = Readonly<Record<string, unknown>>;

export interface Message {
  readonly header: Header;
  /** The header of the request that this answers; `{}` when there is none. */
  readonly parent: Header | Record<string, never>;
  readonly metadata: Json;
  readonly content: Json;
}

/** A message with the addresses that a ROUTER socket needs for the way back. */
export interface Received {
  readonly identities: readonly Uint8Array[];
  readonly message: Message;
}

const delimiter = Buffer.from('<IDS|MSG>');
/** Signatures that are remembered, so that a message can't be sent again by somebody who heard it. */
const maxRemembered = 65_536;

/** Signs, writes, checks and reads the messages of one session. */
export class MessageCodec {
  readonly #key: string;
  readonly #hash: string;
  readonly #session = randomUUID();
  readonly #username = nameOfUser();
  /** Oldest first. */
  readonly #seen = new Set<string>();

  /** @param hash name of the HMAC's hash function; an empty key means that nothing is signed */
  constructor(key: string, hash = 'sha256') {
    this.#key = key;
    this.#hash = hash;
  }

  /** A message of this session. */
  create(type: string, content: Json, parent: Message['parent'], metadata: Json = {}): Message {
    const header: Header = {
      msg_id: randomUUID(),
      msg_type: type,
      session: this.#session,
      username: this.#username,
      date: new Date().toISOString(),
      version: messagingVersion,
    };
    return { header, parent, metadata, content };
  }

  /** The frames of a message. */
  encode({ header, parent, metadata, content }: Message, identities: readonly Uint8Array[]): Uint8Array[] {
    const parts = [header, parent, metadata, content].map(part => Buffer.from(JSON.stringify(part)));
    return [...identities, delimiter, Buffer.from(this.#sign(parts)), ...parts];
  }

  /** @throws LakebookError (JUPYTER_MESSAGE, JUPYTER_SIGNATURE): such a message is to be dropped unanswered */
  decode(frames: readonly Uint8Array[]): Received {
    const at = frames.findIndex(frame => delimiter.equals(frame));
    // Four parts and a signature; further frames are buffers, which no message uses that Lakebook knows.
    if (at < 0 || frames.length < at + 6) throw broken('It has too few parts.');
    const parts = frames.slice(at + 2, at + 6);
    this.#check(Buffer.from(frames[at + 1]!), parts);
    const [header, parent, metadata, content] = parts.map(readObject);
    if (typeof header!.msg_type !== 'string' || typeof header!.msg_id !== 'string') {
      throw broken('Its header has no type or id.');
    }
    return {
      identities: frames.slice(0, at),
      message: {
        header: header as unknown as Header,
        parent: parent as Message['parent'],
        metadata: metadata!,
        content: content!,
      },
    };
  }

  #sign(parts: readonly Uint8Array[]): string {
    if (this.#key === '') return '';
    const hmac = createHmac(this.#hash, this.#key);
    for (const part of parts) hmac.update(part);
    return hmac.digest('hex');
  }

  #check(given: Buffer, parts: readonly Uint8Array[]): void {
    if (this.#key === '') return;
    const expected = Buffer.from(this.#sign(parts));
    // The length of a signature is no secret.
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new LakebookError('JUPYTER_SIGNATURE', 'A message has a wrong signature and was dropped.');
    }
    const signature = given.toString('latin1');
    if (this.#seen.has(signature)) {
      throw new LakebookError('JUPYTER_SIGNATURE', 'A message came a second time and was dropped.');
    }
    this.#seen.add(signature);
    if (this.#seen.size > maxRemembered) this.#seen.delete(this.#seen.values().next().value!);
  }
}

function readObject(frame: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(frame));
  } catch (error) {
    throw broken('A part of it is no JSON.', error);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw broken('A part of it is no object.');
  }
  return json as Record<string, unknown>;
}

function broken(what: string, cause?: unknown): LakebookError {
  return new LakebookError('JUPYTER_MESSAGE', `A message can't be read and was dropped. ${what}`, { cause });
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user may have no entry in the list of users; the name is for display only.
    return 'kernel';
  }
}
