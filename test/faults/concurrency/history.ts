// A checker of histories for strict serializability, after Adya ("Weak Consistency", 1999) and Kingsbury and Alvaro
// ("Elle", 2020). Every key holds a list to which transactions append values that are unique; whoever reads a key reads
// its whole list. So reads tell in which order the writers of a key came, which nothing else of a database does: the
// dependencies between transactions follow, and a history is serializable if they have no cycle.

export type Key = number;
export type Value = number;

/** What one client saw of one transaction. All its reads come before all its appends. */
export interface Transaction {
  readonly id: number;
  /** `unknown`: the client died, or was told that nobody knows. */
  readonly outcome: 'ok' | 'fail' | 'unknown';
  /** When the client began, by a clock that all clients share. */
  readonly invoked: number;
  /** When it had its answer; infinite for an unknown outcome. */
  readonly completed: number;
  readonly reads: readonly { readonly key: Key; readonly values: readonly Value[] }[];
  readonly appends: readonly { readonly key: Key; readonly value: Value }[];
}

export type AnomalyKind =
  /** A list has a value twice. */
  | 'duplicate'
  /** A value was read that nobody wrote. */
  | 'unwritten'
  /** Two reads of a key that can't be states of one list. */
  | 'incompatible orders'
  /** Acknowledged, and missing in a read that began afterwards. */
  | 'lost write'
  /** Writes of two transactions each follow the other's. */
  | 'G0'
  /** A failed transaction's write was read. */
  | 'G1a'
  /** Some, but not all of a transaction's writes of a key were read. */
  | 'G1b'
  /** A cycle of writes and of reads of them. */
  | 'G1c'
  /** Two transactions read the same state of a key and both wrote it. */
  | 'lost update'
  /** A cycle with one transaction that read what another one overwrote (read skew). */
  | 'G-single'
  /** A cycle with several such (write skew). */
  | 'G2'
  /** Cycles that exist only because one transaction ended before another began. */
  | 'G0-realtime'
  | 'G1c-realtime'
  | 'G-single-realtime'
  | 'G2-realtime';

export interface Anomaly {
  readonly kind: AnomalyKind;
  /** Ids of those involved, for cycles in their order. */
  readonly transactions: readonly number[];
  readonly text: string;
}

/** `ww` wrote next, `wr` read what was written, `rw` wrote next what was read, `rt` began after the end. */
type Dependency = 'ww' | 'wr' | 'rw' | 'rt';

/** What keeps a history from being strictly serializable; empty when nothing does. */
export function checkHistory(history: readonly Transaction[]): Anomaly[] {
  return new Checker(history).run();
}

class Checker {
  readonly #history: readonly Transaction[];
  readonly #anomalies: Anomaly[] = [];
  readonly #byId: ReadonlyMap<number, Transaction>;
  readonly #writers = new Map<string, Transaction>();
  /** The longest list that was read of each key. */
  readonly #orders = new Map<Key, readonly Value[]>();
  readonly #graph = new Graph();

  constructor(history: readonly Transaction[]) {
    this.#history = history;
    this.#byId = new Map(history.map(each => [each.id, each]));
    for (const transaction of history) {
      for (const { key, value } of transaction.appends) {
        const name = `${key}:${value}`;
        if (this.#writers.has(name)) throw new Error(`The value ${value} of key ${key} is written twice.`);
        this.#writers.set(name, transaction);
      }
    }
  }

  run(): Anomaly[] {
    const reads = this.#history.flatMap(reader =>
      reader.outcome === 'ok' ? reader.reads.map(read => ({ reader, ...read })) : [],
    );
    for (const { reader, key, values } of reads) this.#checkRead(reader, key, values);
    this.#findOrders(reads);
    // What follows takes the lists for states of one list each.
    if (this.#anomalies.length > 0) return this.#anomalies;
    for (const read of reads) this.#checkLost(read.reader, read.key, read.values);
    this.#addWrites();
    for (const { reader, key, values } of reads) this.#addRead(reader, key, values);
    this.#findCycles('');
    if (this.#anomalies.length === 0) {
      this.#addRealTime();
      this.#findCycles('-realtime');
    }
    return this.#anomalies;
  }

  #report(kind: AnomalyKind, transactions: readonly number[], text: string): void {
    this.#anomalies.push({ kind, transactions, text });
  }

  #checkRead(reader: Transaction, key: Key, values: readonly Value[]): void {
    if (new Set(values).size < values.length) {
      this.#report('duplicate', [reader.id], `${reader.id} read key ${key} as ${values}.`);
    }
    for (const value of values) {
      const writer = this.#writers.get(`${key}:${value}`);
      const saw = `${reader.id} read ${value} in key ${key}`;
      if (writer === undefined) this.#report('unwritten', [reader.id], `${saw}, which nobody wrote.`);
      else if (writer.outcome === 'fail') {
        this.#report('G1a', [reader.id, writer.id], `${saw}, which ${writer.id} wrote that failed.`);
      } else if (writer === reader) {
        this.#report('unwritten', [reader.id], `${saw} before it wrote it.`);
      }
    }
  }

  #findOrders(reads: readonly { reader: Transaction; key: Key; values: readonly Value[] }[]): void {
    const longest = new Map<Key, { reader: Transaction; values: readonly Value[] }>();
    for (const { reader, key, values } of reads) {
      const before = longest.get(key);
      if (before === undefined || values.length > before.values.length) longest.set(key, { reader, values });
    }
    for (const [key, { reader, values }] of longest) {
      this.#orders.set(key, values);
      this.#checkOwnOrder(reader, key, values);
    }
    for (const { reader, key, values } of reads) {
      const other = longest.get(key)!;
      if (values.every((value, index) => value === other.values[index])) continue;
      const text = `${reader.id} read key ${key} as ${values}, ${other.reader.id} as ${other.values}.`;
      this.#report('incompatible orders', [reader.id, other.reader.id], text);
    }
  }

  /** What one transaction appended stands in the order in which it did. */
  #checkOwnOrder(reader: Transaction, key: Key, values: readonly Value[]): void {
    const places = new Map(values.map((value, index) => [value, index]));
    for (const writer of new Set(values.flatMap(value => this.#writers.get(`${key}:${value}`) ?? []))) {
      const own = writer.appends.flatMap(append =>
        append.key === key ? (places.get(append.value) ?? []) : [],
      );
      if (own.every((place, index) => index === 0 || place > own[index - 1]!)) continue;
      const text = `${reader.id} read key ${key} as ${values}, but ${writer.id} wrote in another order.`;
      this.#report('incompatible orders', [reader.id, writer.id], text);
    }
  }

  #checkLost(reader: Transaction, key: Key, values: readonly Value[]): void {
    const seen = new Set(values);
    for (const writer of this.#appendersOf(key)) {
      if (writer.outcome !== 'ok' || writer.completed >= reader.invoked) continue;
      for (const append of writer.appends) {
        if (append.key !== key || seen.has(append.value)) continue;
        const text = `${writer.id} appended ${append.value} to key ${key} and was done, then ${reader.id} read ${values}.`;
        this.#report('lost write', [writer.id, reader.id], text);
      }
    }
  }

  #appenders: Map<Key, Set<Transaction>> | undefined;
  #appendersOf(key: Key): ReadonlySet<Transaction> {
    if (this.#appenders === undefined) {
      this.#appenders = new Map();
      for (const transaction of this.#history) {
        for (const append of transaction.appends) {
          const found = this.#appenders.get(append.key) ?? new Set();
          this.#appenders.set(append.key, found.add(transaction));
        }
      }
    }
    return this.#appenders.get(key) ?? new Set();
  }

  /** Acknowledged writers of a key whose values nobody read: they come after all values that were read. */
  #unread(key: Key): Transaction[] {
    const order = new Set(this.#orders.get(key));
    return [...this.#appendersOf(key)].filter(
      ({ outcome, appends }) =>
        outcome === 'ok' && appends.some(append => append.key === key && !order.has(append.value)),
    );
  }

  #addWrites(): void {
    for (const key of new Set(this.#history.flatMap(({ appends }) => appends.map(each => each.key)))) {
      const order = this.#orders.get(key) ?? [];
      for (const [index, value] of order.entries()) {
        if (index > 0) this.#edge(this.#writer(key, order[index - 1]!), this.#writer(key, value), 'ww', key);
      }
      if (order.length === 0) continue;
      const last = this.#writer(key, order.at(-1)!);
      for (const writer of this.#unread(key)) this.#edge(last, writer, 'ww', key);
    }
  }

  #addRead(reader: Transaction, key: Key, values: readonly Value[]): void {
    const order = this.#orders.get(key) ?? [];
    if (values.length > 0) {
      const writer = this.#writer(key, values.at(-1)!);
      const next = order[values.length];
      const all = writer.appends.filter(append => append.key === key);
      if (next !== undefined && all.some(append => append.value === next)) {
        const text = `${reader.id} read key ${key} as ${values}, in the middle of what ${writer.id} wrote.`;
        this.#report('G1b', [reader.id, writer.id], text);
      }
      // With nobody to read what comes next, what should have come with it tells.
      if (next === undefined && all.some(append => !values.includes(append.value))) {
        const text = `${reader.id} read key ${key} as ${values}, without all that ${writer.id} wrote.`;
        this.#report('G1b', [reader.id, writer.id], text);
      }
      this.#edge(writer, reader, 'wr', key);
    }
    if (values.length < order.length) this.#edge(reader, this.#writer(key, order[values.length]!), 'rw', key);
    else for (const writer of this.#unread(key)) this.#edge(reader, writer, 'rw', key);
  }

  /** As few edges as say it: from those whose end no later end before the beginning implies. */
  #addRealTime(): void {
    // An unknown one never ends, but it didn't happen before it began.
    const there = this.#history.filter(({ outcome }) => outcome !== 'fail');
    const events = there.flatMap(transaction => [
      { at: transaction.invoked, begins: true, transaction },
      { at: transaction.completed, begins: false, transaction },
    ]);
    // At the same moment nothing is before the other.
    events.sort((a, b) => a.at - b.at || Number(b.begins) - Number(a.begins));
    let ended: Transaction[] = [];
    const before = new Map<Transaction, readonly Transaction[]>();
    for (const { begins, transaction } of events) {
      if (begins) {
        before.set(transaction, ended);
        for (const earlier of ended) this.#edge(earlier, transaction, 'rt');
      } else {
        const implied = new Set(before.get(transaction));
        ended = [...ended.filter(each => !implied.has(each)), transaction];
      }
    }
  }

  #writer(key: Key, value: Value): Transaction {
    return this.#writers.get(`${key}:${value}`)!;
  }

  #edge(from: Transaction, to: Transaction, dependency: Dependency, key?: Key): void {
    if (from !== to) this.#graph.add(from.id, to.id, dependency, key);
  }

  /** One anomaly of each kind for each group of transactions that depend on each other. */
  #findCycles(suffix: '' | '-realtime'): void {
    const extra: readonly Dependency[] = suffix === '' ? [] : ['rt'];
    const writes: readonly Dependency[] = ['ww', ...extra];
    const flow: readonly Dependency[] = ['ww', 'wr', ...extra];
    const all: readonly Dependency[] = ['ww', 'wr', 'rw', ...extra];
    const kinds: readonly {
      readonly kind: 'G0' | 'G1c' | 'G-single' | 'G2';
      readonly through: Dependency;
      readonly back: readonly Dependency[];
    }[] = [
      { kind: 'G0', through: 'ww', back: writes },
      { kind: 'G1c', through: 'wr', back: flow },
      { kind: 'G-single', through: 'rw', back: flow },
      { kind: 'G2', through: 'rw', back: all },
    ];
    for (const component of this.#graph.components(all)) {
      for (const { kind, through, back } of kinds) {
        const cycle = this.#graph.cycle(component, through, back);
        if (cycle === undefined) continue;
        const [first] = this.#graph.keys(cycle[0]!, cycle[1]!, through);
        const sameKey =
          kind === 'G-single' &&
          cycle.length === 3 &&
          suffix === '' &&
          this.#graph.keys(cycle[1]!, cycle[2]!, 'ww').includes(first!) &&
          this.#byId.get(cycle[0]!)!.appends.some(({ key }) => key === first);
        this.#report(
          sameKey ? 'lost update' : `${kind}${suffix}`,
          cycle.slice(0, -1),
          this.#graph.describe(cycle),
        );
        // A worse kind of the same group says nothing more.
        break;
      }
    }
  }
}

/** Why one transaction comes before another, with the keys that say so. */
type Edge = Map<Dependency, Set<Key>>;

class Graph {
  readonly #edges = new Map<number, Map<number, Edge>>();

  add(from: number, to: number, dependency: Dependency, key: Key | undefined): void {
    const targets = this.#edges.get(from) ?? new Map<number, Edge>();
    const edge = targets.get(to) ?? new Map<Dependency, Set<Key>>();
    const keys = edge.get(dependency) ?? new Set<Key>();
    if (key !== undefined) keys.add(key);
    this.#edges.set(from, targets.set(to, edge.set(dependency, keys)));
  }

  keys(from: number, to: number, dependency: Dependency): Key[] {
    return [...(this.#edges.get(from)?.get(to)?.get(dependency) ?? [])];
  }

  describe(cycle: readonly number[]): string {
    const steps = cycle.slice(1).map((to, index) => {
      const edge = this.#edges.get(cycle[index]!)!.get(to)!;
      const kinds = [...edge].map(([kind, of]) => (of.size === 0 ? kind : `${kind} of key ${[...of]}`));
      return ` -(${kinds.join(', ')})-> ${to}`;
    });
    return `${cycle[0]}${steps.join('')}`;
  }

  /** Groups of two and more that can reach each other (Tarjan, without recursion). */
  components(kinds: readonly Dependency[]): Set<number>[] {
    const found: Set<number>[] = [];
    const index = new Map<number, number>();
    const low = new Map<number, number>();
    const stack: number[] = [];
    const onStack = new Set<number>();
    for (const root of this.#edges.keys()) {
      if (index.has(root)) continue;
      const calls = [{ node: root, targets: this.#targets(root, kinds) }];
      while (calls.length > 0) {
        const { node, targets } = calls.at(-1)!;
        if (!index.has(node)) {
          index.set(node, index.size);
          low.set(node, index.get(node)!);
          stack.push(node);
          onStack.add(node);
        }
        const next = targets.pop();
        if (next === undefined) {
          calls.pop();
          const parent = calls.at(-1)?.node;
          if (parent !== undefined) low.set(parent, Math.min(low.get(parent)!, low.get(node)!));
          if (low.get(node) !== index.get(node)) continue;
          const component = new Set<number>();
          for (let member = stack.pop()!; ; member = stack.pop()!) {
            onStack.delete(member);
            component.add(member);
            if (member === node) break;
          }
          if (component.size > 1) found.push(component);
        } else if (!index.has(next)) calls.push({ node: next, targets: this.#targets(next, kinds) });
        else if (onStack.has(next)) low.set(node, Math.min(low.get(node)!, index.get(next)!));
      }
    }
    return found;
  }

  /** A cycle whose first step is `through` and whose others are of `back`, as short as can be; first = last. */
  cycle(
    component: ReadonlySet<number>,
    through: Dependency,
    back: readonly Dependency[],
  ): number[] | undefined {
    let best: number[] | undefined;
    for (const from of component) {
      for (const to of this.#targets(from, [through])) {
        if (!component.has(to)) continue;
        const path = this.#path(to, from, component, back);
        if (path !== undefined && (best === undefined || path.length + 1 < best.length))
          best = [from, ...path];
      }
    }
    return best;
  }

  #path(
    from: number,
    to: number,
    within: ReadonlySet<number>,
    kinds: readonly Dependency[],
  ): number[] | undefined {
    const cameFrom = new Map<number, number | undefined>([[from, undefined]]);
    const queue = [from];
    for (const node of queue) {
      if (node === to) {
        const path: number[] = [];
        for (let at: number | undefined = to; at !== undefined; at = cameFrom.get(at)) path.unshift(at);
        return path;
      }
      for (const next of this.#targets(node, kinds)) {
        if (!within.has(next) || cameFrom.has(next)) continue;
        cameFrom.set(next, node);
        queue.push(next);
      }
    }
    return undefined;
  }

  #targets(from: number, kinds: readonly Dependency[]): number[] {
    return [...(this.#edges.get(from) ?? [])]
      .filter(([, edge]) => kinds.some(kind => edge.has(kind)))
      .map(([to]) => to);
  }
}
