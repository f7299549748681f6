import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ValidationError } from '../../iceberg/errors.ts';

/** What a token lets its bearer do; `write` includes `read`. */
export type Access = 'read' | 'write';

export interface Tokens {
  readonly read: string;
  readonly write: string;
}

/** Where a lake's tokens are, below the folder of lakebook.json. */
export function tokenFile(root: string): string {
  return path.join(root, '.lakebook', 'gateway-tokens.json');
}

/**
 * The tokens in a file; made at the first start, for its owner's eyes only.
 * @throws ValidationError for a file that others can read, or that doesn't hold two tokens
 */
export async function loadTokens(
  file: string,
): Promise<{ readonly tokens: Tokens; readonly isNew: boolean }> {
  const there = await readTokens(file);
  if (there !== undefined) return { tokens: there, isNew: false };
  const tokens = { read: newToken('read'), write: newToken('write') };
  await mkdir(path.dirname(file), { recursive: true });
  await keepFromGit(file);
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(tokens, undefined, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A umask only takes rights away; make sure that ours are exactly these.
    await chmod(file, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // Another gateway of the same lake was first.
    return { tokens: (await readTokens(file))!, isNew: false };
  }
  return { tokens, isNew: true };
}

/** Lakes live in repositories too: their tokens must not. A file that is there already is its owner's. */
async function keepFromGit(file: string): Promise<void> {
  try {
    await writeFile(path.join(path.dirname(file), '.gitignore'), `${path.basename(file)}\n`, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

async function readTokens(file: string): Promise<Tokens | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ValidationError(`${file} can't be read: ${(error as Error).message}.`, { file, cause: error });
  }
  const { mode } = await stat(file);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new ValidationError(
      `${file} holds the gateway's tokens, and others than its owner can read it.`,
      { file, hint: `Run: chmod 600 ${file}` },
      'TOKEN_FILE_OPEN',
    );
  }
  const tokens = parse(text);
  if (tokens !== undefined) return tokens;
  throw new ValidationError(
    `${file} must hold {"read": "...", "write": "..."}: two different tokens of at least 32 characters of A-Z, a-z, 0-9, "_" and "-".`,
    { file, hint: 'Delete it, and the next start makes new tokens.' },
    'TOKEN_FILE_INVALID',
  );
}

function parse(text: string): Tokens | undefined {
  try {
    const { read, write } = JSON.parse(text) as Partial<Tokens>;
    const fits = (token: unknown) => typeof token === 'string' && /^[\w-]{32,512}$/.test(token);
    return fits(read) && fits(write) && read !== write ? { read: read!, write: write! } : undefined;
  } catch {
    return undefined;
  }
}

function newToken(access: Access): string {
  return `lb_${access}_${randomBytes(32).toString('base64url')}`;
}

/** Tells what a presented token may do, in a time that says nothing about the right ones. */
export class TokenCheck {
  readonly #digests: readonly (readonly [Access, Buffer])[];

  constructor({ read, write }: Tokens) {
    this.#digests = [
      ['write', digest(write)],
      ['read', digest(read)],
    ];
  }

  /** Undefined: it is neither token. */
  accessOf(presented: string): Access | undefined {
    const given = digest(presented);
    let found: Access | undefined;
    for (const [access, own] of this.#digests) {
      // Digests are of one length, and every one is compared.
      if (timingSafeEqual(given, own)) found = access;
    }
    return found;
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
