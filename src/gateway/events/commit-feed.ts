import type { LoadedTable, Namespace } from '../../catalog/catalog.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import type { Lake } from '../../catalog/open-lake.ts';
import { LakebookError } from '../../iceberg/errors.ts';

/** How often the catalog is asked whether anything changed, which costs one look at a file. */
const pollMs = 500;

type Listener = (text: string) => void;

/**
 * Tells of every new snapshot of the lake's tables, whoever committed it. The catalog is only looked at while someone
 * follows.
 */
export class CommitFeed {
  readonly #lake: Lake;
  readonly #listeners = new Set<Listener>();
  readonly #ends = new Map<object, () => void>();
  /** Snapshots that are known, by table uuid. */
  #known = new Map<string, ReadonlySet<bigint>>();
  #version = '';
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(lake: Lake) {
    this.#lake = lake;
  }

  get followers(): number {
    return this.#listeners.size;
  }

  /** Calls `listener` with the text of each event from now on. @returns how to stop it */
  async follow(listener: Listener): Promise<() => void> {
    if (this.#listeners.size === 0) {
      this.#known = new Map();
      this.#version = '';
      await this.#look();
      this.#timer ??= setInterval(() => void this.#poll(), pollMs).unref();
    }
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** What to do with a follower when the server goes down. */
  onClose(follower: object, end: () => void): void {
    this.#ends.set(follower, end);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const end of this.#ends.values()) end();
    this.#ends.clear();
  }

  async #poll(): Promise<void> {
    if (this.#looking !== undefined) return;
    this.#looking = this.#look();
    try {
      await this.#looking;
    } catch (error) {
      // The next look may find the catalog again; whatever happened until then is told then.
      if (!(error instanceof LakebookError)) throw error;
    } finally {
      this.#looking = undefined;
    }
  }

  async #look(): Promise<void> {
    const { catalog } = this.#lake;
    const version = await catalog.version();
    if (version === this.#version) return;
    const isFirst = this.#version === '';
    const events: { readonly at: number; readonly text: string }[] = [];
    const known = new Map<string, ReadonlySet<bigint>>();
    for await (const table of this.#tables()) {
      const { tableUuid, snapshots } = table.metadata;
      const before = this.#known.get(tableUuid) ?? new Set();
      if (!isFirst) {
        for (const snapshot of snapshots) {
          if (!before.has(snapshot.snapshotId)) {
            events.push({ at: snapshot.timestampMs, text: eventText(table, snapshot) });
          }
        }
      }
      known.set(tableUuid, new Set(snapshots.map(each => each.snapshotId)));
    }
    this.#known = known;
    this.#version = version;
    events.sort((a, b) => a.at - b.at);
    for (const { text } of events) for (const listener of this.#listeners) listener(text);
  }

  async *#tables(): AsyncGenerator<LoadedTable> {
    const { catalog } = this.#lake;
    const waiting: (Namespace | undefined)[] = [undefined];
    while (waiting.length > 0) {
      for (const namespace of await catalog.listNamespaces(waiting.shift())) {
        waiting.push(namespace);
        for (const identifier of await catalog.listTables(namespace)) {
          try {
            yield await catalog.loadTable(identifier);
          } catch (error) {
            // Dropped meanwhile, or unreadable: it has nothing to tell.
            if (!(error instanceof LakebookError)) throw error;
          }
        }
      }
    }
  }
}

function eventText(
  { identifier }: LoadedTable,
  { snapshotId, operation, timestampMs, summary }: LoadedTable['metadata']['snapshots'][number],
): string {
  const count = (name: string) => (/^\d+$/.test(summary[name] ?? '') ? Number(summary[name]) : 0);
  const data = {
    table: formatIdentifier(identifier),
    snapshot_id: String(snapshotId),
    operation: operation ?? null,
    committed_at: new Date(timestampMs).toISOString(),
    rows: summary['total-records'] === undefined ? null : count('total-records'),
    rows_added: count('added-records'),
    rows_deleted: count('deleted-records'),
  };
  return `event: commit\nid: ${data.snapshot_id}\ndata: ${JSON.stringify(data)}\n\n`;
}
