import { formatIdentifier } from '../../catalog/identifiers.ts';
import { allSettled } from '../../iceberg/concurrent.ts';
import { InterruptedError, UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { alwaysTrue, and, type Expr, exprToString } from '../../iceberg/expression.ts';
import { hasRowLineage, lineageFields, withRowLineage } from '../../iceberg/row-lineage.ts';
import { planScan, type ScanStats } from '../../iceberg/scan.ts';
import type { Schema } from '../../iceberg/schema.ts';
import type { NestedField } from '../../iceberg/types.ts';
import { SqlError, textPosition } from '../errors.ts';
import { quoteIdentifier, quoteString } from '../quote.ts';
import { scanSql } from '../read.ts';
import type { StatementTables, TableLookup } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import { type Patch, type Span, SqlText } from '../sql/sql-text.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { blankAtClauses, type FoundAt, findAtClauses } from './at-clauses.ts';
import { outsideReader, refusedInView } from './catalog-view.ts';
import { columnNamePatches } from './column-names.ts';
import type { KnownLeaf } from './columns.ts';
import { filtersOf } from './filters.ts';
import { metadataTableSql } from './metadata-relation.ts';
import { QueryTokens, tableWords, type WrittenName } from './names.ts';
import { leafIds, namedFields, narrowed } from './projection.ts';
import {
  type FromClause,
  type FromLeaf,
  findReferences,
  type QueryReferences,
  type TableReference,
} from './references.ts';
import { columnPatch, referencePatches, starPatch } from './rewrite.ts';
import { aliasesOf, type Site, schemaOf } from './site.ts';
import { addStats } from './stats.ts';
import { parseQuery } from './syntax-tree.ts';
import { foldLongNames, tableNames } from './token-references.ts';
import { evaluateVersion, type TableVersion } from './version.ts';
import { type LakeView, takesRowsAsTheyAre } from './views.ts';

/** Lake tables of a query replaced by scans over exactly the files left after planning with its own predicates. */
export interface BoundQuery {
  /** Keeps the places of the source. */
  readonly sql: SqlText;
  /** Added up over all lake tables; absent when the query reads none. */
  readonly scan?: ScanStats;
  /** What is read of each lake table, in the order of the text. */
  readonly tables: readonly BoundTable[];
}

/**
 * Which columns the scans in a bound query have: `all`, or those that the query `named`. DuckDB takes long to bind many
 * columns that nobody uses, but needs all of them to tell which one a misspelt name meant.
 */
export type BoundColumns = 'all' | 'named';

export interface BoundTable {
  /** The table's name as people write it. */
  readonly name: string;
  /** Absent: the table has no snapshot. */
  readonly snapshotId?: bigint;
  readonly stats: ScanStats;
  /** The filter by which files were left out, as text; absent when there was none. */
  readonly filter?: string;
}

/**
 * Binds the lake tables that a query names, in FROM clauses at any depth, to the files that its conditions leave of
 * them. Names of common table expressions, DuckDB's own tables and files are left alone, and so is a text that isn't
 * a query in DuckDB's grammar: running it tells what is wrong. `source` is the whole text that a person wrote.
 * @throws NotFoundError for tables, metadata tables, snapshots, branches and tags that aren't there
 */
export async function bindQuery(
  session: EngineSession,
  query: SqlText,
  source: string,
  tables: StatementTables,
  options: ExecuteOptions,
  columns: BoundColumns = 'all',
): Promise<BoundQuery> {
  return new QueryBinder(session, source, options, columns).bind(query, tables, []);
}

/** Words without which a query names no table. */
const queryWords = new Set<string>([...tableWords, 'SHOW']);

const noReferences: QueryReferences = {
  tables: [],
  clauses: [],
  restrictions: [],
  columns: [],
  unnamed: [],
  stars: [],
  columnNames: new Set(),
  lastNames: new Set(),
};

interface ReadReferences extends QueryReferences {
  /** Whether every name is certainly a table's. */
  readonly certain: boolean;
}

class QueryBinder {
  readonly #session: EngineSession;
  readonly #source: string;
  readonly #options: ExecuteOptions;
  readonly #columns: BoundColumns;

  constructor(session: EngineSession, source: string, options: ExecuteOptions, columns: BoundColumns) {
    this.#session = session;
    this.#source = source;
    this.#options = options;
    this.#columns = columns;
  }

  /**
   * `views` are the views that the query is in, from outside in; `pushed` is what the queries around ask of the rows
   * of its one table.
   */
  async bind(
    query: SqlText,
    tables: StatementTables,
    views: readonly LakeView[],
    pushed: Expr = alwaysTrue,
  ): Promise<BoundQuery> {
    const tokens = new QueryTokens(query, tokenize(query.text));
    if (!tokens.list.some(token => token.type === 'word' && queryWords.has(token.value))) {
      return { sql: query, tables: [] };
    }
    const clauses = findAtClauses(query, tokens.list);
    const references = await this.#references(tokens, clauses);
    if (references === undefined) {
      return {
        sql: query.patch(clauses.map(({ start, end }) => ({ span: { start, end }, by: '' }))),
        tables: [],
      };
    }
    const sites = await this.#sites(references, tokens, clauses, tables, views.at(-1));
    this.#rejectLooseClauses(clauses, sites);
    if (sites.length === 0) return { sql: query, tables: [] };
    return this.#replace(tokens, clauses, references, sites, tables, views, pushed);
  }

  async #references(tokens: QueryTokens, clauses: readonly FoundAt[]): Promise<ReadReferences | undefined> {
    const { duckdb } = this.#session;
    const text = blankAtClauses(tokens.query.text, clauses);
    const { signal } = this.#options;
    let parsed = await parseQuery(duckdb, text, signal);
    if (parsed.kind === 'long-name') parsed = await parseQuery(duckdb, foldLongNames(text, tokens), signal);
    if (parsed.kind === 'tree') {
      return Object.assign(findReferences(parsed.root), { certain: true });
    }
    if (parsed.kind !== 'no-tree') return undefined;
    const found = tableNames(tokens).map(({ parts, start }) => ({ parts, offset: start, columnAliases: [] }));
    return { ...noReferences, tables: found, certain: false };
  }

  async #sites(
    references: ReadReferences,
    tokens: QueryTokens,
    clauses: readonly FoundAt[],
    tables: StatementTables,
    /** The view that the references are in. */
    inside: LakeView | undefined,
  ): Promise<Site[]> {
    // A view of the catalog was written by others: it sees the lake, and nothing of this session or machine.
    const isOthers = inside?.dialect !== undefined;
    const isView = (parts: readonly string[]) =>
      !isOthers && parts.length === 1 && this.#session.views.has(parts[0]!.toLowerCase());
    // Loads the tables at the same time; what goes wrong with one is told when its turn comes.
    await Promise.allSettled(
      references.tables.map(({ offset }) => {
        const parts = tokens.nameAt(offset)?.parts;
        return parts === undefined || isView(parts) ? undefined : tables.lookup(parts);
      }),
    );
    const sites: Site[] = [];
    for (const reference of references.tables) {
      const name = tokens.nameAt(reference.offset);
      if (name === undefined) {
        if (isOthers) throw refusedInView(inside.name, 'a file');
        continue;
      }
      const site = { reference, name, at: tokens.atClauseOf(name, clauses) };
      const view = isView(name.parts) ? this.#session.views.get(name.parts[0]!.toLowerCase()) : undefined;
      if (view !== undefined) {
        if (site.at !== undefined) throw this.#atOfNoTable(site.at, `"${view.name}" is a view`);
        sites.push({ ...site, view });
        continue;
      }
      const found = await tables.lookup(name.parts);
      if (found !== undefined) {
        sites.push({ ...site, found, version: await this.#version(site.at, found) });
        continue;
      }
      const kept = await this.#catalogView(name, tokens, tables);
      if (kept !== undefined) {
        if (site.at !== undefined) throw this.#atOfNoTable(site.at, `"${kept.name}" is a view`);
        sites.push({ ...site, view: kept });
      } else if (isOthers) {
        throw refusedInView(inside.name, `"${name.parts.join('.')}", which is no table or view of the lake`);
      } else await this.#checkUnknown(site, tokens, references.certain, tables);
    }
    return sites;
  }

  /** @throws UnsupportedError, with the place of the name, for a view whose text isn't DuckDB's */
  async #catalogView(
    name: WrittenName,
    { query }: QueryTokens,
    tables: StatementTables,
  ): Promise<LakeView | undefined> {
    try {
      const view = await tables.findView(name.parts);
      if (view === undefined) return undefined;
      const clauses = findAtClauses(SqlText.generated(view.sql), tokenize(view.sql));
      const parsed = await parseQuery(
        this.#session.duckdb,
        blankAtClauses(view.sql, clauses),
        this.#options.signal,
      );
      if (parsed.kind === 'tree') {
        const reader = outsideReader(parsed.root);
        if (reader !== undefined) throw refusedInView(view.name, `the function ${reader}`);
        return view;
      }
      if (parsed.kind === 'no-tree') throw refusedInView(view.name, 'PIVOT without its values');
      // A name that is too long for DuckDB's grammar has the catalog's in front.
      if (parsed.kind === 'long-name') return view;
      throw new UnsupportedError(
        `The view ${view.name} can't be read: it is written in the dialect of ${view.dialect}, and DuckDB has no such words.`,
        {
          hint: `Make it again with CREATE OR REPLACE VIEW ${view.name} AS ..., or read it with ${view.dialect}.`,
        },
      );
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      const { message, hint } = error;
      throw new UnsupportedError(message, { hint, position: this.#position(query, name), cause: error });
    }
  }

  async #version(at: FoundAt | undefined, found: TableLookup): Promise<TableVersion | undefined> {
    if (at === undefined) return found.version ?? (await this.#defaultVersion(found));
    if (found.version !== undefined) throw this.#atOfNoTable(at, "The table's name says a version already");
    return evaluateVersion(this.#session, at.clause, found.table, this.#source, this.#options);
  }

  async #defaultVersion({ table }: TableLookup): Promise<TableVersion | undefined> {
    const { version } = this.#options;
    if (version === undefined) return undefined;
    const expression = SqlText.generated(quoteString(version.text));
    const clause = { unit: version.unit, expression, span: { start: 0, end: 0 } };
    return evaluateVersion(this.#session, clause, table, this.#source, this.#options);
  }

  /** A name that isn't a lake table's is DuckDB's to find, or an error with the names that may have been meant. */
  async #checkUnknown(
    { name, at }: Pick<Site, 'name' | 'at'>,
    { query }: QueryTokens,
    certain: boolean,
    tables: StatementTables,
  ): Promise<void> {
    const own = (await tables.duckDbNames()).hasOwn(name.parts);
    if (!own && certain) {
      try {
        await this.#session.duckdb.describe(`SELECT * FROM ${name.parts.map(quoteIdentifier).join('.')}`);
      } catch (error) {
        if (error instanceof InterruptedError) throw error;
        if (!(error instanceof SqlError) || !/does not exist/.test(error.message)) return;
        const span = query.sourceSpan({ start: name.start, end: name.end }) ?? { start: 0, end: 0 };
        throw await tables.notFound({ parts: name.parts, span }, this.#source);
      }
    }
    if (at !== undefined) throw this.#atOfNoTable(at, `"${name.parts.join('.')}" isn't a lake table`);
  }

  #atOfNoTable({ clause: { span } }: FoundAt, why: string): ValidationError {
    return new ValidationError(`${why}, so AT can't ask for a version of it.`, {
      position: textPosition(this.#source, span.start, span.end - span.start),
      hint: 'AT (VERSION => ...) and AT (TIMESTAMP => ...) go behind the name of a lake table.',
    });
  }

  #rejectLooseClauses(clauses: readonly FoundAt[], sites: readonly Site[]): void {
    const loose = clauses.find(clause => !sites.some(site => site.at === clause));
    if (loose !== undefined) throw this.#atOfNoTable(loose, 'No table stands before this clause');
  }

  async #replace(
    tokens: QueryTokens,
    clauses: readonly FoundAt[],
    references: QueryReferences,
    sites: readonly Site[],
    tables: StatementTables,
    views: readonly LakeView[],
    pushed: Expr,
  ): Promise<BoundQuery> {
    const { query } = tokens;
    const names = aliasesOf(references, sites, this.#session.lake.name);
    const siteOf = new Map(sites.map(site => [site.reference, site]));
    const known = new Map<FromLeaf, KnownLeaf>();
    const places = new Map<Site, { leaf: FromLeaf; clause: FromClause }>();
    for (const clause of references.clauses) {
      for (const leaf of clause.leaves) {
        const site = leaf.reference && siteOf.get(leaf.reference);
        const schema = site && (await this.#rowsOf(site, tables, views));
        if (site === undefined || schema === undefined) continue;
        places.set(site, { leaf, clause });
        const { qualifiers } = names.get(site)!;
        known.set(leaf, { schema, qualifiers, columnAliases: site.reference.columnAliases });
      }
    }
    const { collation } = await tables.duckDbNames();
    const filters = await filtersOf(this.#session, references.restrictions, known, collation, this.#options);
    const bindSite = async (site: Site): Promise<BoundQuery> => {
      const place = places.get(site);
      let filter = place === undefined ? alwaysTrue : (filters.get(place.leaf) ?? alwaysTrue);
      if (place !== undefined && place.leaf === references.clauses[0]?.leaves[0])
        filter = and(filter, pushed);
      if (site.view !== undefined) return this.#view(query, site, site.view, tables, views, filter);
      const fields = place && namedFields(place.leaf, place.clause, references, schemaOf(site));
      const lineage = lineageFields.filter(({ name }) => references.columnNames.has(name));
      const { sql, table } = await this.#table(site, filter, fields, lineage);
      const standsFor = query.sourceSpan({ start: site.name.start, end: site.name.end });
      return { sql: SqlText.generated(sql, standsFor), tables: table === undefined ? [] : [table] };
    };
    const bound: BoundTable[] = [];
    const patches: Patch[] = [];
    // All at the same time, which hides the latency of object storage.
    for (const [index, inner] of (await allSettled(sites.map(bindSite))).entries()) {
      const site = sites[index]!;
      bound.push(...inner.tables);
      patches.push(...referencePatches(tokens, site, inner.sql, names.get(site)!.alias));
    }
    for (const column of references.columns) {
      const patch = columnPatch(tokens, column, sites, names);
      if (patch !== undefined) patches.push(patch);
    }
    for (const star of references.stars) {
      const patch = starPatch(tokens, star, sites);
      if (patch !== undefined) patches.push(patch);
    }
    const bindsIn = (reference: TableReference) => siteOf.has(reference);
    const unnamed = references.unnamed.filter(column => column.tables.some(bindsIn));
    const { duckdb } = this.#session;
    const text = blankAtClauses(query.text, clauses);
    patches.push(...(await columnNamePatches(duckdb, tokens, text, unnamed, this.#options.signal)));
    const scan = addStats(bound.map(({ stats }) => stats));
    return { sql: query.patch(patches), tables: bound, ...(scan === undefined ? {} : { scan }) };
  }

  async #view(
    query: SqlText,
    site: Site,
    view: LakeView,
    tables: StatementTables,
    views: readonly LakeView[],
    filter: Expr,
  ): Promise<BoundQuery> {
    if (views.includes(view)) {
      throw new ValidationError(`The view "${view.name}" would read itself.`, {
        position: this.#position(query, site.name),
        hint: 'Give one of the views another name.',
      });
    }
    const standsFor = query.sourceSpan({ start: site.name.start, end: site.name.end });
    const text = SqlText.generated(view.sql, standsFor);
    return this.bind(text, tables.within(view.namespace), [...views, view], filter);
  }

  /**
   * The columns of a lake table, or of a view that takes some of its rows as they are: conditions on such a view are
   * conditions on the table. Undefined for others.
   */
  async #rowsOf(
    site: Site,
    tables: StatementTables,
    views: readonly LakeView[],
  ): Promise<Schema | undefined> {
    const { found, view } = site;
    if (found !== undefined) return found.metadataTable === undefined ? schemaOf(site) : undefined;
    if (view === undefined || views.includes(view)) return undefined;
    const query = SqlText.generated(view.sql);
    const tokens = new QueryTokens(query, tokenize(view.sql));
    const clauses = findAtClauses(query, tokens.list);
    const parsed = await parseQuery(
      this.#session.duckdb,
      blankAtClauses(view.sql, clauses),
      this.#options.signal,
    );
    if (parsed.kind !== 'tree' || !takesRowsAsTheyAre(parsed.root)) return undefined;
    const references = {
      ...noReferences,
      tables: findReferences(parsed.root).tables.slice(0, 1),
      certain: true,
    };
    const inside = tables.within(view.namespace);
    const [inner] = await this.#sites(references, tokens, clauses, inside, view);
    return inner && this.#rowsOf(inner, inside, [...views, view]);
  }

  async #table(
    site: Site,
    filter: Expr,
    fields: readonly NestedField[] | undefined,
    /** Columns of row lineage that the query names: a table has them without showing them. */
    lineage: readonly NestedField[],
  ): Promise<{ sql: string; table?: BoundTable }> {
    const session = this.#session;
    const { signal } = this.#options;
    const { table, metadataTable } = site.found!;
    const { metadata } = table;
    const snapshotId = site.version?.snapshotId;
    if (metadataTable !== undefined) {
      return { sql: await metadataTableSql(session, table, metadataTable, snapshotId) };
    }
    const { duckdb, lake } = session;
    const { storage } = lake;
    const own = schemaOf(site);
    const schema = hasRowLineage(metadata) ? withRowLineage(own, lineage) : own;
    const plan = await planScan({ metadata, snapshotId, schema, filter, io: storage, signal });
    const fieldIds = fields && leafIds(schema, [...fields, ...lineage], plan.tasks);
    const { sql } = await scanSql({
      duckdb,
      storage,
      metadata,
      schema: fieldIds === undefined || this.#columns === 'all' ? schema : narrowed(schema, fieldIds),
      files: plan.tasks,
      filter,
      signal,
      ...(fieldIds === undefined ? {} : { fieldIds }),
    });
    return {
      sql,
      table: {
        name: formatIdentifier(table.identifier),
        ...(plan.snapshotId === undefined ? {} : { snapshotId: plan.snapshotId }),
        stats: plan.stats,
        ...(filter.op === 'true' ? {} : { filter: exprToString(filter, schema) }),
      },
    };
  }

  #position(query: SqlText, { start, end }: Span) {
    const span = query.sourceSpan({ start, end }) ?? { start: 0, end: 1 };
    return textPosition(this.#source, span.start, Math.max(span.end - span.start, 1));
  }
}
