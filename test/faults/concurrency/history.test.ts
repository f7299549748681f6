import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AnomalyKind, checkHistory, type Key, type Transaction, type Value } from './history.ts';

const never = Number.POSITIVE_INFINITY;

/** `r1=10,11` reads key 1, `a1=12` appends to it; times are `[from, to]`. */
function transaction(id: number, text: string, more: Partial<Transaction> = {}): Transaction {
  const reads: { key: Key; values: Value[] }[] = [];
  const appends: { key: Key; value: Value }[] = [];
  for (const part of text.split(' ')) {
    const [, kind, key, list] = /^([ra])(\d+)=([\d,]*)$/.exec(part)!;
    const values = list === '' ? [] : list!.split(',').map(Number);
    if (kind === 'r') reads.push({ key: Number(key), values });
    else for (const value of values) appends.push({ key: Number(key), value });
  }
  return { id, outcome: 'ok', invoked: 0, completed: 1000, reads, appends, ...more };
}

const kindsOf = (history: readonly Transaction[]) => checkHistory(history).map(({ kind }) => kind);

describe('planted anomalies are called by their names', () => {
  const planted: Record<AnomalyKind, Transaction[]> = {
    duplicate: [transaction(1, 'a1=10'), transaction(2, 'r1=10,10')],
    unwritten: [transaction(1, 'a1=10'), transaction(2, 'r1=10,11')],
    'incompatible orders': [
      transaction(1, 'a1=10'),
      transaction(2, 'a1=11'),
      transaction(3, 'r1=10,11'),
      transaction(4, 'r1=11'),
    ],
    'lost write': [
      transaction(1, 'a1=10', { completed: 5 }),
      transaction(2, 'a1=11', { completed: 5 }),
      transaction(3, 'r1=11', { invoked: 10 }),
    ],
    G0: [transaction(1, 'a1=10 a2=20'), transaction(2, 'a1=11 a2=21'), transaction(3, 'r1=10,11 r2=21,20')],
    G1a: [transaction(1, 'a1=10', { outcome: 'fail' }), transaction(2, 'r1=10')],
    G1b: [transaction(1, 'a1=10,11'), transaction(2, 'r1=10'), transaction(3, 'r1=10,11')],
    G1c: [transaction(1, 'r2=20 a1=10'), transaction(2, 'r1=10 a2=20')],
    'lost update': [
      transaction(1, 'r1= a1=10'),
      transaction(2, 'r1= a1=11'),
      transaction(3, 'r1=10,11', { invoked: 2000, completed: 2001 }),
    ],
    'G-single': [transaction(1, 'a1=10 a2=20'), transaction(2, 'r1=10 r2=')],
    G2: [transaction(1, 'r1= a2=20'), transaction(2, 'r2= a1=10')],
    'G0-realtime': [
      transaction(1, 'a1=10', { invoked: 0, completed: 1 }),
      transaction(2, 'a1=11', { invoked: 2, completed: 3 }),
      transaction(3, 'r1=11,10', { invoked: 0, completed: 10 }),
    ],
    'G1c-realtime': [
      transaction(1, 'r1=10', { invoked: 0, completed: 1 }),
      transaction(2, 'a1=10', { invoked: 2, completed: 3 }),
    ],
    'G-single-realtime': [
      transaction(1, 'a1=10', { outcome: 'unknown', completed: never }),
      transaction(2, 'r1=10', { invoked: 1, completed: 2 }),
      transaction(3, 'r1=', { invoked: 3, completed: 4 }),
    ],
    'G2-realtime': [
      transaction(1, 'r1= a2=20', { invoked: 2, completed: 3 }),
      transaction(2, 'r3= a1=10', { invoked: 0, completed: 9 }),
      transaction(3, 'a3=30', { invoked: 0, completed: 1 }),
      transaction(4, 'r3=30', { invoked: 8, completed: 9 }),
    ],
  };
  test.each(Object.entries(planted))('%s', (kind, history) => {
    expect(kindsOf(history)).toContain(kind);
  });
});

describe('what is fine', () => {
  test('reads beside an append may see it or not', () => {
    const append = transaction(1, 'a1=10');
    expect(kindsOf([append, transaction(2, 'r1='), transaction(3, 'r1=10')])).toEqual([]);
  });

  test('an unknown transaction may have happened or not', () => {
    const unknown = transaction(1, 'a1=10', { outcome: 'unknown', completed: never });
    expect(kindsOf([unknown, transaction(2, 'r1=', { invoked: 2000, completed: 2001 })])).toEqual([]);
    expect(kindsOf([unknown, transaction(2, 'r1=10', { invoked: 2000, completed: 2001 })])).toEqual([]);
  });
});

/** Whether some order of the transactions explains everything, by trying all. */
function isExplained(history: readonly Transaction[]): boolean {
  const certain = history.filter(({ outcome }) => outcome === 'ok');
  const unknown = history.filter(({ outcome }) => outcome === 'unknown');
  // Each bit tells whether one of the unknown transactions happened.
  const subsets = Array.from({ length: 2 ** unknown.length }, (_, bits) =>
    unknown.filter((_, index) => (bits >> index) % 2 === 1),
  );
  return subsets.some(happened => extend(new Map(), [...certain, ...happened]));
}

function extend(state: ReadonlyMap<Key, readonly Value[]>, left: readonly Transaction[]): boolean {
  if (left.length === 0) return true;
  return left.some(next => {
    if (left.some(other => other !== next && other.completed < next.invoked)) return false;
    const isRight = next.reads.every(({ key, values }) => String(state.get(key) ?? []) === String(values));
    // Of an unknown transaction nobody heard what it read.
    if (!isRight && next.outcome === 'ok') return false;
    const after = new Map(state);
    for (const { key, value } of next.appends) after.set(key, [...(after.get(key) ?? []), value]);
    return extend(
      after,
      left.filter(other => other !== next),
    );
  });
}

interface Plan {
  readonly reads: readonly Key[];
  readonly appends: readonly Key[];
  /** How many of the transactions before it it doesn't see. */
  readonly stale: number;
  readonly start: number;
  readonly length: number;
  readonly outcome: Transaction['outcome'];
}

const keys = fc.constantFrom(1, 2, 3);
const plan = (stale: fc.Arbitrary<number>): fc.Arbitrary<Plan> =>
  fc.record({
    reads: fc.uniqueArray(keys, { maxLength: 2 }),
    appends: fc.array(keys, { maxLength: 2 }),
    stale,
    start: fc.integer({ min: 0, max: 8 }),
    length: fc.integer({ min: 1, max: 6 }),
    outcome: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'fail', 'unknown'),
  });

/** Runs plans one after the other on lists, each on a state that may be old; then reads all keys. */
function execute(
  plans: readonly Plan[],
  times: (plan: Plan, index: number) => [number, number],
): Transaction[] {
  const states: ReadonlyMap<Key, readonly Value[]>[] = [new Map()];
  const history = plans.map((each, id): Transaction => {
    const seen = states[Math.max(0, states.length - 1 - each.stale)]!;
    const [invoked, completed] = times(each, id);
    const appends = each.appends.map((key, index) => ({ key, value: id * 10 + index }));
    if (each.outcome !== 'fail') {
      const after = new Map(states.at(-1)!);
      for (const { key, value } of appends) after.set(key, [...(after.get(key) ?? []), value]);
      states.push(after);
    }
    const reads = each.reads.map(key => ({ key, values: seen.get(key) ?? [] }));
    const { outcome } = each;
    return { id, outcome, invoked, completed: outcome === 'unknown' ? never : completed, reads, appends };
  });
  const last = Math.max(
    0,
    ...history.map(({ invoked, completed }) => (completed === never ? invoked : completed)),
  );
  const reads = [1, 2, 3].map(key => ({ key, values: states.at(-1)!.get(key) ?? [] }));
  return [
    ...history,
    { id: plans.length, outcome: 'ok', invoked: last + 1, completed: last + 2, reads, appends: [] },
  ];
}

test('serial histories are accepted, however their transactions overlap', () => {
  const plans = fc.array(plan(fc.constant(0)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(plans, fc.integer({ min: 0, max: 30 }), (list, overlap) => {
      // Each takes effect at 10 times its number, which lies between its beginning and its end.
      const history = execute(list, ({ start, length }, index) => [
        10 * index - start * (overlap % 7),
        10 * index + 1 + length * (overlap % 5),
      ]);
      expect(checkHistory(history)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('a history is refused if and only if no order explains it', () => {
  const plans = fc.array(plan(fc.constantFrom(0, 0, 0, 1, 2)), { minLength: 2, maxLength: 5 });
  let refused = 0;
  fc.assert(
    fc.property(plans, list => {
      const history = execute(list, ({ start, length }) => [start, start + length]);
      const anomalies = checkHistory(history);
      if (anomalies.length > 0) refused++;
      expect(anomalies.length === 0, JSON.stringify({ history, anomalies })).toBe(isExplained(history));
    }),
    { numRuns: 4000 },
  );
  expect(refused).toBeGreaterThan(300);
});

test('a value that gets lost, is invented or changes its place is noticed', () => {
  const plans = fc.array(plan(fc.constant(0)), { minLength: 3, maxLength: 20 });
  const damage = fc.constantFrom<(values: Value[]) => Value[]>(
    values => values.slice(0, -1),
    values => [...values, 9999],
    values => [...values.slice(1), values[0]!],
    values => [...values, values[0]!],
  );
  fc.assert(
    fc.property(plans, damage, (list, change) => {
      const all = list.map(each => ({ ...each, outcome: 'ok' as const, reads: [1, 2, 3] }));
      const history = execute(all, (_, index) => [10 * index, 10 * index + 5]);
      const last = history.at(-1)!;
      fc.pre(last.reads[0]!.values.length > 1);
      const reads = last.reads.map((read, index) =>
        index === 0 ? { ...read, values: change([...read.values]) } : read,
      );
      expect(checkHistory([...history.slice(0, -1), { ...last, reads }])).not.toEqual([]);
    }),
    { numRuns: 300 },
  );
});
