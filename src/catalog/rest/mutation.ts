import { setTimeout as delay } from 'node:timers/promises';
import { CommitStateUnknownError, LakebookError } from '../../iceberg/errors.ts';
import { type Doing, explainFailure } from './errors.ts';
import { RequestError } from './failure.ts';

/** A change of the catalog by one request. */
export interface Mutation<T> {
  readonly context: Doing;
  readonly send: () => Promise<T>;
  /**
   * Looks whether the change is in effect. `undefined`: it isn't. Asked only when the request may have been done
   * although it failed.
   */
  readonly find: () => Promise<T | undefined>;
  /** Files were written for it, which mustn't be deleted as long as it may still come into effect. */
  readonly isCommit?: boolean;
  readonly looks?: Looks;
}

/** How often to look whether a change is in effect. */
export interface Looks {
  readonly count: number;
  /** How long to wait before the second time, in milliseconds; the waits double. */
  readonly firstDelayMs: number;
}

const defaultLooks: Looks = { count: 4, firstDelayMs: 500 };

/**
 * Makes a change, and when its answer was lost or is a 5xx finds out whether it was made. A conflict in the answer to a
 * repeated request may be with the first one, so that's looked at too.
 * @throws CommitStateUnknownError when it can't be found out, and for a commit also when it isn't in effect yet: the
 *   specification's 500, 502 and 504
 * @throws LakebookError for everything else
 */
export async function mutate<T>(mutation: Mutation<T>): Promise<T> {
  const { context, send, find, isCommit = false, looks = defaultLooks } = mutation;
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const explanation = explainFailure(error, context);
    if (!error.mayHaveHappened) throw explanation;
    const { status } = error.failure;
    // This answer is the end of it; only an earlier try may have gone through.
    const isFinal = status !== undefined && status < 500;
    let why: unknown = explanation;
    let isInEffect: boolean | undefined;
    for (let look = 1; look <= (isFinal ? 1 : looks.count); look++) {
      if (look > 1) await delay(looks.firstDelayMs * 2 ** (look - 2));
      try {
        const found = await find();
        if (found !== undefined) return found;
        isInEffect = false;
      } catch (failed) {
        if (!(failed instanceof LakebookError)) throw failed;
        if (isFinal) throw explanation;
        why = failed;
      }
    }
    if (isFinal || (isInEffect === false && !isCommit)) throw explanation;
    throw new CommitStateUnknownError(`It isn't known whether the catalog did it: ${explanation.message}`, {
      hint: 'Look whether the change is there before you run it again. Files that were written for it are kept.',
      cause: why,
    });
  }
}
