import type { ColumnRequest } from '../../lake/requests.ts';
import { columnDefinition, evolveForms } from './changes.ts';
import { type Expectation, expectAt, type Input, isPunctuation, match, noArguments } from './match.ts';

/*
 * Lists go item by item in a loop, not in continuations of each other: tables of thousands of columns are made and
 * changed in one line.
 */

/** `(id long not null, name string comment 'x')` */
export function columnDefinitions<T>(
  input: Input,
  at: number,
  expected: Expectation,
  then: (end: number, value: unknown) => T | undefined,
): T | undefined {
  const { tokens } = input;
  if (!isPunctuation(tokens[at], '(')) {
    expectAt(input, at, expected);
    return undefined;
  }
  const columns: ColumnRequest[] = [];
  for (let start = at + 1; ; ) {
    // What stands behind a column decides where it ends.
    const column = match(input, columnDefinition, start, noArguments, (end, { values }) => {
      if (isPunctuation(tokens[end], ')') || isPunctuation(tokens[end], ',')) return { end, values };
      expectAt(input, end, { type: 'word', word: ',' });
      expectAt(input, end, { type: 'word', word: ')' });
      return undefined;
    });
    if (column === undefined) return undefined;
    columns.push(column.values as unknown as ColumnRequest);
    if (isPunctuation(tokens[column.end], ')')) return then(column.end + 1, columns);
    start = column.end + 1;
  }
}

/** One change or several, with `,` or `|` between them. */
export function evolveChanges<T>(
  input: Input,
  at: number,
  _expected: Expectation,
  then: (end: number, value: unknown) => T | undefined,
): T | undefined {
  const { tokens } = input;
  const changes: unknown[] = [];
  for (let start = at; ; ) {
    type Step = { readonly end: number; readonly change: unknown } | { readonly result: T };
    const step = matchChange<Step>(input, start, (end, change) => {
      const separated = isPunctuation(tokens[end], ',') || isPunctuation(tokens[end], '|');
      // A comma may go on with the change's own list (`key a, b`), or begin another change.
      if (separated && matchChange(input, end + 1, () => true) !== undefined) return { end, change };
      const result = then(end, [...changes, change]);
      return result === undefined ? undefined : { result };
    });
    if (step === undefined) return undefined;
    if ('result' in step) return step.result;
    changes.push(step.change);
    start = step.end + 1;
  }
}

/** Matches a change of any form, and goes on with every place where it may end until one gives a result. */
function matchChange<T>(
  input: Input,
  at: number,
  then: (end: number, change: unknown) => T | undefined,
): T | undefined {
  for (const form of evolveForms) {
    const result = match(input, form.element, at, noArguments, (end, { values }) =>
      then(end, form.change(values)),
    );
    if (result !== undefined) return result;
  }
  return undefined;
}
