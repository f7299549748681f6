import type { LoadedTable, Namespace, TableIdentifier } from '../catalog/catalog.ts';
import { formatIdentifier, parseNamespace } from '../catalog/identifiers.ts';
import { didYouMeanHint } from '../iceberg/did-you-mean.ts';
import { LakebookError, NotFoundError, ValidationError } from '../iceberg/errors.ts';
import { metadataTableNames } from '../iceberg/inspect.ts';
import { mainBranch, snapshotById } from '../iceberg/metadata.ts';
import { lakeViewOf } from './bind/catalog-view.ts';
import type { DuckDbNames } from './bind/duckdb-names.ts';
import { evaluateVersion, type TableVersion } from './bind/version.ts';
import type { LakeView } from './bind/views.ts';
import { textPosition } from './errors.ts';
import type { EngineSession } from './session.ts';
import type { QualifiedName, TargetTable } from './sql/statement.ts';
import type { ExecuteOptions } from './statement-result.ts';

/** What a table name in SQL means. */
export interface TableLookup {
  readonly table: LoadedTable;
  /** The version that is part of the name (`t.branch_dev`). */
  readonly version?: TableVersion;
  /** The metadata table that is part of the name (`t$files`, `ns.t.files`), one of `metadataTableNames`. */
  readonly metadataTable?: string;
}

/** Namespaces in which a mistyped name is looked for: behind a REST catalog each is a request. */
const mostNamespaces = 30;

/** What one statement has found out so far. */
interface SharedState {
  readonly loaded: Map<string, Promise<LoadedTable | undefined>>;
  readonly views: Map<string, Promise<LakeView | undefined>>;
  duckDbNames?: Promise<DuckDbNames>;
}

/**
 * The lake tables of one statement: each is loaded once, so that all references of the statement see the same
 * metadata. Names that DuckDB has a table or view of its own for are never lake tables.
 */
export class StatementTables {
  readonly #session: EngineSession;
  readonly #namespace: Namespace;
  #shared: SharedState;

  /** `namespace` is where unqualified names are; the session's when absent. */
  constructor(session: EngineSession, namespace: Namespace = session.namespace) {
    this.#session = session;
    this.#namespace = namespace;
    this.#shared = { loaded: new Map(), views: new Map() };
  }

  /** The same tables, with unqualified names in another namespace (a view's). */
  within(namespace: Namespace): StatementTables {
    return new StatementTables(this.#session, namespace).#sharing(this.#shared);
  }

  /** The tables and views of DuckDB's own, as they were when the statement began. */
  duckDbNames(): Promise<DuckDbNames> {
    this.#shared.duckDbNames ??= this.#session.duckDbNames();
    return this.#shared.duckDbNames;
  }

  /**
   * The lake table of this name (`t`, `ns.t`, `catalog.ns.t`; unqualified: in the session's namespace). Undefined
   * when there is none, or DuckDB's own table, view or named result has the name. Names match exactly, or else
   * without regard to case.
   */
  async find(parts: readonly string[]): Promise<LoadedTable | undefined> {
    if ((await this.duckDbNames()).hasOwn(parts)) return undefined;
    for (const identifier of this.#candidates(parts)) {
      const table = await this.#load(identifier);
      if (table !== undefined) return table;
    }
    for (const identifier of this.#candidates(parts)) {
      const table = await this.#loadIgnoringCase(identifier);
      if (table !== undefined) return table;
    }
    return undefined;
  }

  /**
   * The view of the catalog with this name; undefined when there is none. Ask for tables and for DuckDB's own first.
   * @throws UnsupportedError when it's written in a dialect that isn't known
   */
  async findView(parts: readonly string[]): Promise<LakeView | undefined> {
    if (this.#session.lake.catalog.views === undefined) return undefined;
    if ((await this.duckDbNames()).hasOwn(parts)) return undefined;
    for (const identifier of this.#candidates(parts)) {
      const key = keyOf(identifier);
      let view = this.#shared.views.get(key);
      if (view === undefined) {
        view = this.#loadView(identifier);
        this.#shared.views.set(key, view);
      }
      const found = await view;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** As `find`, and names with a branch, tag, snapshot or metadata table in them. */
  async lookup(parts: readonly string[]): Promise<TableLookup | undefined> {
    const table = await this.find(parts);
    if (table !== undefined) return { table };
    const last = parts.at(-1)!;
    const before = parts.slice(0, -1);
    const dollar = last.lastIndexOf('$');
    if (dollar > 0) {
      const found = await this.lookup([...before, last.slice(0, dollar)]);
      if (found !== undefined) return { ...found, metadataTable: last.slice(dollar + 1) };
    }
    if (before.length === 0) return undefined;
    if (metadataTableNames.includes(last.toLowerCase())) {
      const found = await this.lookup(before);
      if (found !== undefined) return { ...found, metadataTable: last };
    }
    const version = /^(?:(branch|tag)_(.+)|snapshot_id_(\d+))$/is.exec(last);
    if (version === null) return undefined;
    const versioned = await this.find(before);
    if (versioned === undefined) return undefined;
    const [, type, name, id] = version;
    return { table: versioned, version: namedVersion(versioned, type?.toLowerCase(), name, id) };
  }

  /** @throws NotFoundError('table') with the name that may have been meant and the position in `source` */
  async require(name: QualifiedName, source: string): Promise<LoadedTable> {
    const table = await this.find(name.parts);
    if (table !== undefined) return table;
    throw await this.notFound(name, source);
  }

  /** The error for a name that is neither a lake table's nor DuckDB's. */
  async notFound(name: QualifiedName, source: string): Promise<NotFoundError> {
    const written = name.parts.join('.');
    const { catalog } = this.#session.lake;
    const candidates: string[] = [];
    const identifier = this.#candidates(name.parts)[0]!;
    const isOwn = (namespace: Namespace) => namespace.join('.') === this.#namespace.join('.');
    const namespaces = await catalog.listNamespaces();
    const ordered = [...namespaces.filter(isOwn), ...namespaces.filter(each => !isOwn(each))];
    for (const namespace of ordered.slice(0, mostNamespaces)) {
      for (const table of await this.#tablesOf(namespace)) {
        const isNear = isOwn(namespace) && name.parts.length === 1;
        candidates.push(isNear ? table.name : formatIdentifier(table));
      }
    }
    candidates.push(...(await this.duckDbNames()).ownNames());
    // A table of just this name in another namespace is nearer than any other spelling.
    const elsewhere = candidates.find(candidate => candidate.endsWith(`.${identifier.name}`));
    const hint =
      elsewhere === undefined ? didYouMeanHint(written, candidates) : `Did you mean "${elsewhere}"?`;
    const length = Math.max(name.span.end - name.span.start, 1);
    return new NotFoundError('table', `There is no table "${written}".`, {
      position: textPosition(source, name.span.start, length),
      hint: hint ?? "List the lake's tables with `%lake tables` or `SHOW TABLES`.",
    });
  }

  /**
   * The target of a change and the branch to write to (`t.branch_dev`, or `AT (VERSION => 'dev')`; else `main`).
   * @throws NotFoundError for tables and branches that aren't there, ValidationError for tags, snapshots and
   *   metadata tables, which can't be changed
   */
  async requireTarget(
    target: TargetTable,
    source: string,
    options: ExecuteOptions,
  ): Promise<{ readonly table: LoadedTable; readonly branch: string }> {
    const found = await this.lookup(target.parts);
    if (found === undefined) throw await this.notFound(target, source);
    const { table, metadataTable } = found;
    const position = textPosition(source, target.span.start, target.span.end - target.span.start);
    if (metadataTable !== undefined) {
      throw new ValidationError(`"${target.parts.join('.')}" is a metadata table: it can't be changed.`, {
        position,
        hint: 'It follows from the changes of the table itself.',
      });
    }
    const version =
      target.at === undefined
        ? found.version
        : await evaluateVersion(this.#session, target.at, table, source, options);
    if (version === undefined) return { table, branch: mainBranch };
    if (version.ref?.type === 'branch') return { table, branch: version.ref.name };
    const what = version.ref === undefined ? 'A snapshot' : `"${version.ref.name}" is a tag, which`;
    throw new ValidationError(`${what} can't be changed.`, {
      position,
      hint: 'Make a branch there (ALTER TABLE ... CREATE BRANCH ... AS OF VERSION ...) and change the branch.',
    });
  }

  /** Reads a view as this one from now on, whether or not the catalog has it. */
  pinView(identifier: TableIdentifier, view: LakeView): void {
    this.#shared.views.set(keyOf(identifier), Promise.resolve(view));
  }

  /** Use this metadata for a table from now on (a retry of a commit reloads the table). */
  pin(table: LoadedTable): void {
    this.#shared.loaded.set(keyOf(table.identifier), Promise.resolve(table));
  }

  #sharing(shared: SharedState): StatementTables {
    this.#shared = shared;
    return this;
  }

  #candidates(parts: readonly string[]): TableIdentifier[] {
    const { lake } = this.#session;
    const namespace = this.#namespace;
    const name = parts.at(-1)!;
    if (parts.length === 1) return [{ namespace, name }];
    const levels = parts.slice(0, -1).flatMap(parseNamespace);
    const candidates: TableIdentifier[] = [{ namespace: levels, name }];
    if (parts[0]!.toLowerCase() === lake.name.toLowerCase()) {
      const below = parts.slice(1, -1).flatMap(parseNamespace);
      candidates.push({ namespace: below.length === 0 ? namespace : below, name });
    }
    return candidates;
  }

  #load(identifier: TableIdentifier): Promise<LoadedTable | undefined> {
    const key = keyOf(identifier);
    let loaded = this.#shared.loaded.get(key);
    if (loaded === undefined) {
      loaded = this.#loadFromCatalog(identifier);
      this.#shared.loaded.set(key, loaded);
    }
    return loaded;
  }

  async #loadFromCatalog(identifier: TableIdentifier): Promise<LoadedTable | undefined> {
    try {
      return await this.#session.lake.catalog.loadTable(identifier);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #loadView(identifier: TableIdentifier): Promise<LakeView | undefined> {
    try {
      return lakeViewOf(await this.#session.lake.catalog.views!.loadView(identifier));
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  /** None for a namespace that this user may not look into: what is in it can't have been meant. */
  async #tablesOf(namespace: Namespace): Promise<TableIdentifier[]> {
    try {
      return await this.#session.lake.catalog.listTables(namespace);
    } catch (error) {
      if (error instanceof LakebookError) return [];
      throw error;
    }
  }

  /** The namespace of these levels: exactly, or else without regard to case; undefined when there is none. */
  async findNamespace(namespace: Namespace): Promise<Namespace | undefined> {
    const { catalog } = this.#session.lake;
    if (await catalog.namespaceExists(namespace)) return namespace;
    let found: Namespace = [];
    for (const level of namespace) {
      const depth = found.length;
      const children = await catalog.listNamespaces(depth === 0 ? undefined : found);
      const matching = children.filter(child => child[depth]?.toLowerCase() === level.toLowerCase());
      if (matching.length !== 1) return undefined;
      found = matching[0]!;
    }
    return found;
  }

  async #loadIgnoringCase({ namespace, name }: TableIdentifier): Promise<LoadedTable | undefined> {
    const found = await this.findNamespace(namespace);
    if (found === undefined) return undefined;
    const wanted = name.toLowerCase();
    const tables = await this.#session.lake.catalog.listTables(found);
    const matching = tables.filter(table => table.name.toLowerCase() === wanted);
    return matching.length === 1 ? this.#load(matching[0]!) : undefined;
  }
}

function keyOf({ namespace, name }: TableIdentifier): string {
  return JSON.stringify([namespace, name]);
}

function isNotFound(error: unknown): boolean {
  return (
    error instanceof LakebookError &&
    (error.code === 'TABLE_NOT_FOUND' || error.code === 'NAMESPACE_NOT_FOUND')
  );
}

function namedVersion(
  table: LoadedTable,
  type: string | undefined,
  name: string | undefined,
  id: string | undefined,
): TableVersion {
  const { metadata, identifier } = table;
  if (id !== undefined) {
    const snapshotId = BigInt(id);
    if (snapshotById(metadata, snapshotId) !== undefined) return { snapshotId };
    throw new NotFoundError('snapshot', `${formatIdentifier(identifier)} has no snapshot ${id}.`, {
      hint: `List its snapshots with SELECT * FROM ${formatIdentifier(identifier)}$snapshots.`,
    });
  }
  const refName = Object.keys(metadata.refs).find(ref => ref === name) ?? caseless(metadata.refs, name!);
  const ref = refName === undefined ? undefined : metadata.refs[refName];
  if (refName !== undefined && ref !== undefined && ref.type === type) {
    return { snapshotId: ref.snapshotId, ref: { name: refName, type: ref.type } };
  }
  if (type === 'branch' && name === mainBranch) {
    return { snapshotId: metadata.currentSnapshotId, ref: { name: mainBranch, type: 'branch' } };
  }
  const names = Object.keys(metadata.refs).filter(key => metadata.refs[key]!.type === type);
  throw new NotFoundError('ref', `${formatIdentifier(identifier)} has no ${type} "${name}".`, {
    hint:
      didYouMeanHint(name!, names) ??
      (names.length === 0
        ? `It has no ${type === 'tag' ? 'tags' : 'branches'}.`
        : `It has ${names.join(', ')}.`),
  });
}

function caseless(refs: object, name: string): string | undefined {
  const matching = Object.keys(refs).filter(ref => ref.toLowerCase() === name.toLowerCase());
  return matching.length === 1 ? matching[0] : undefined;
}
