import type { EngineSettings } from '../../catalog/engines-config.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import { type EngineKind, engineKinds, type RemoteEngine, type RemoteKind } from './remote-engine.ts';

/** How engines are called for people. */
export const engineNames: Readonly<Record<EngineKind, string>> = {
  duckdb: 'DuckDB',
  trino: 'Trino',
  spark: 'Spark',
};

/** The kind of engine that a word names, in any case. */
export function engineKind(word: string): EngineKind | undefined {
  const wanted = word.trim().toLowerCase();
  return engineKinds.find(kind => kind === wanted);
}

/** The engines of a session: sessions on other machines, and which engine a person has chosen. */
export class Engines {
  readonly settings: EngineSettings;
  /** A local query that would read more than this says so, in bytes. */
  hintBytes: number;
  #current: EngineKind = 'duckdb';
  readonly #open = new Map<RemoteKind, Promise<RemoteEngine>>();

  constructor(settings: EngineSettings) {
    this.settings = settings;
    this.hintBytes = settings.hintBytes;
  }

  /** The engine that a person has chosen for SQL that names none itself. */
  get current(): EngineKind {
    return this.#current;
  }

  /** Whether the configuration has an address for an engine. */
  isConfigured(kind: EngineKind): boolean {
    return kind === 'duckdb' || this.settings[kind] !== undefined;
  }

  /** The engines on other machines that there are. */
  get remote(): RemoteKind[] {
    return engineKinds.filter(kind => kind !== 'duckdb').filter(kind => this.isConfigured(kind));
  }

  /** Chooses an engine. @throws ValidationError when the configuration has no address for it */
  choose(kind: EngineKind): void {
    if (!this.isConfigured(kind)) throw notConfigured(kind as RemoteKind);
    this.#current = kind;
  }

  /** A session of an engine, which lasts as long as this one. Nothing is sent before its first statement. */
  async get(kind: RemoteKind): Promise<RemoteEngine> {
    let engine = this.#open.get(kind);
    if (engine === undefined) {
      engine = openEngine(kind, this.settings);
      this.#open.set(kind, engine);
      engine.catch(() => this.#open.delete(kind));
    }
    return engine;
  }

  async close(): Promise<void> {
    const engines = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    for (const engine of engines) if (engine.status === 'fulfilled') await engine.value.close();
  }
}

/** A session of an engine. @throws ValidationError when the configuration has no address for it */
export async function openEngine(kind: RemoteKind, settings: EngineSettings): Promise<RemoteEngine> {
  // Each engine's client is loaded when it is first used.
  if (kind === 'trino') {
    const { trino } = settings;
    if (trino === undefined) throw notConfigured(kind);
    const { TrinoEngine } = await import('./trino/trino-engine.ts');
    return new TrinoEngine({ ...trino, properties: trino.session });
  }
  const { spark } = settings;
  if (spark === undefined) throw notConfigured(kind);
  const { SparkEngine } = await import('./spark/spark-engine.ts');
  return new SparkEngine({ ...spark, url: spark.uri });
}

function notConfigured(kind: RemoteKind): ValidationError {
  const example = kind === 'trino' ? 'http://localhost:8080' : 'sc://localhost:15002';
  return new ValidationError(
    `No address of ${engineNames[kind]} is known.`,
    {
      hint: `Set engines.${kind}.uri in lakebook.json, or LAKEBOOK_${kind.toUpperCase()}_URI, for example to "${example}".`,
    },
    'ENGINE_NOT_CONFIGURED',
  );
}
