import { LakebookError } from '../../../src/iceberg/errors.ts';
import type { Random } from './random.ts';

/** What a target gets: bytes, or text, which may hold lone surrogates. */
export type FuzzInput = Uint8Array | string;

/** Something that takes input which others made. */
export interface FuzzTarget {
  readonly name: string;
  /** How many of a thousand inputs of a run over all targets are this one's; slow targets get few. */
  readonly share: number;
  /** Makes the corpus of valid files and whatever the target works on. */
  open(): Promise<OpenTarget>;
}

export interface OpenTarget {
  /** The next input: the same for the same random numbers. */
  input(random: Random): FuzzInput;
  /**
   * Works on an input. A LakebookError means that it was refused, as it should be; any other error is a finding, and
   * so is an answer that a target knows to be wrong (`disagree`).
   */
  run(input: FuzzInput): void | Promise<void>;
  close?(): Promise<void>;
}

/** An answer that can't be right. */
export class DisagreementError extends Error {}

/** Fails unless both are the same; `what` says what they are. */
export function agree(what: string, left: unknown, right: unknown): void {
  const [a, b] = [comparable(left), comparable(right)];
  if (a !== b) throw new DisagreementError(`${what}: ${shortened(a)} is not ${shortened(b)}`);
}

export function disagree(what: string): never {
  throw new DisagreementError(what);
}

/** Text that is the same for equal values: bytes, maps, bigints, NaN and -0 included. */
function comparable(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string) {
    // Not the second argument: a Buffer would have made an object of itself already.
    const item = this[key];
    if (typeof item === 'bigint') return `${item}n`;
    if (typeof item === 'number' && (!Number.isFinite(item) || Object.is(item, -0)))
      return Object.is(item, -0) ? '-0' : String(item);
    if (item instanceof Uint8Array) return `bytes ${Buffer.from(item).toString('hex')}`;
    if (typeof item === 'object' && item !== null && !Array.isArray(item) && Symbol.iterator in item)
      return [...(item as Iterable<unknown>)];
    return item;
  });
}

function shortened(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}

export type Verdict =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly error: LakebookError }
  | { readonly kind: 'finding'; readonly error: unknown };

/** Runs an input and tells what came of it. */
export async function judge(target: OpenTarget, input: FuzzInput): Promise<Verdict> {
  try {
    // Pure targets are done without a turn of the event loop.
    const running = target.run(input);
    if (running !== undefined) await running;
    return { kind: 'accepted' };
  } catch (error) {
    if (!(error instanceof LakebookError)) return { kind: 'finding', error };
    const fault = faultOf(error, input);
    return fault === undefined
      ? { kind: 'refused', error }
      : { kind: 'finding', error: new DisagreementError(`${fault}: ${error.message}`, { cause: error }) };
  }
}

/** What is wrong with an error that a person may see. */
function faultOf(error: LakebookError, input: FuzzInput): string | undefined {
  if (error.message.trim() === '') return 'An error without a message';
  if (error.code === '' || error.code === 'INTERNAL') return `An error of code "${error.code}"`;
  const { position } = error;
  if (position !== undefined && !(position.line >= 1 && position.column >= 1)) {
    return `An error at ${position.line}:${position.column}`;
  }
  // Words of JavaScript that slipped into a sentence, unless the input has them.
  const slip = /\bundefined\b|\[object |\bNaN\b/.exec(`${error.message} ${error.hint ?? ''}`)?.[0];
  if (slip === undefined) return undefined;
  const bytes = Buffer.from(input as string);
  const isTheirs = ['latin1', 'utf16le'].some(encoding =>
    bytes.toString(encoding as 'latin1').includes(slip),
  );
  return isTheirs ? undefined : `"${slip}" in a message`;
}
