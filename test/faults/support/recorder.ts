// The log that a process writes of what it did to a lake, for judging it afterwards. One line of JSON for the beginning
// of each call and one for its end: a process that is killed leaves calls that have no end.
import { CommitStateUnknownError, LakebookError } from '../../../src/iceberg/errors.ts';

export interface RecordedError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** A call as the process that made it knows it. */
export interface Recorded<Call, Answer> {
  /** Which process, and its how manieth call. */
  readonly process: number;
  readonly number: number;
  readonly call: Call;
  /** Microseconds of a clock that all processes of the machine share and nobody sets. */
  readonly invoked: number;
  /** Infinite for a call without an end. */
  readonly completed: number;
  readonly outcome: 'ok' | 'fail' | 'unknown';
  readonly answer?: Answer;
  readonly error?: RecordedError;
}

type Line<Call, Answer> =
  | { readonly begin: number; readonly at: number; readonly call: Call }
  | {
      readonly end: number;
      readonly at: number;
      readonly outcome: 'ok' | 'fail' | 'unknown';
      readonly answer?: Answer;
      readonly error?: RecordedError;
    };

/** The time of that clock. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Writes the log to standard output. */
export class Recorder<Call, Answer> {
  #number = 0;

  /** Undefined when the call failed in a way that a person can act on. @throws what is no such failure */
  async call(call: Call, work: () => Promise<Answer>): Promise<Answer | undefined> {
    const number = this.#number++;
    print({ begin: number, at: now(), call });
    try {
      const answer = await work();
      print({ end: number, at: now(), outcome: 'ok', answer });
      return answer;
    } catch (error) {
      if (!(error instanceof LakebookError)) throw error;
      const { code, message, hint } = error;
      const outcome = error instanceof CommitStateUnknownError ? 'unknown' : 'fail';
      print({
        end: number,
        at: now(),
        outcome,
        error: { code, message, ...(hint === undefined ? {} : { hint }) },
      });
      return undefined;
    }
  }
}

function print(line: Line<unknown, unknown>): void {
  const text = JSON.stringify(line, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  process.stdout.write(`${text}\n`);
}

/** The calls of a process's log; the last line may be cut off. */
export function readLog<Call, Answer>(process: number, log: string): Recorded<Call, Answer>[] {
  const calls: Recorded<Call, Answer>[] = [];
  for (const text of log.slice(0, log.lastIndexOf('\n') + 1).split('\n')) {
    if (!text.startsWith('{')) continue;
    const line = JSON.parse(text) as Line<Call, Answer>;
    if ('begin' in line) {
      const { begin: number, at: invoked, call } = line;
      calls[number] = {
        process,
        number,
        call,
        invoked,
        completed: Number.POSITIVE_INFINITY,
        outcome: 'unknown',
      };
    } else {
      const { end, at, ...rest } = line;
      const completed = rest.outcome === 'unknown' ? Number.POSITIVE_INFINITY : at;
      calls[end] = { ...calls[end]!, completed, ...rest };
    }
  }
  return calls;
}
