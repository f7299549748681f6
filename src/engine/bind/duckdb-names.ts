import type { DuckDb } from '../duckdb.ts';

interface OwnRelation {
  readonly database: string;
  readonly schema: string;
  readonly name: string;
}

/** Which tables and views DuckDB itself has: temporary ones, attached databases' and named results. */
export class DuckDbNames {
  /** Of DuckDB's `default_collation`: comparisons of text follow it, and column bounds don't. */
  readonly collation: string;
  readonly #currentDatabase: string;
  readonly #relations: readonly OwnRelation[];

  private constructor(currentDatabase: string, collation: string, relations: readonly OwnRelation[]) {
    this.#currentDatabase = currentDatabase;
    this.collation = collation;
    this.#relations = relations;
  }

  static async load(duckdb: DuckDb): Promise<DuckDbNames> {
    const rows = await duckdb.rows(
      `SELECT lower(database_name) AS d, lower(schema_name) AS s, table_name AS n FROM duckdb_tables()
       UNION ALL
       SELECT lower(database_name), lower(schema_name), view_name FROM duckdb_views() WHERE NOT internal
       UNION ALL
       SELECT current_database(), current_setting('default_collation'), NULL`,
    );
    const last = rows.pop()!;
    const relations = rows.map(row => ({
      database: String(row.d),
      schema: String(row.s),
      name: String(row.n),
    }));
    return new DuckDbNames(String(last.d).toLowerCase(), String(last.s ?? ''), relations);
  }

  /** Whether a name as written in SQL means a table or view that DuckDB itself has. */
  hasOwn(parts: readonly string[]): boolean {
    const lower = parts.map(part => part.toLowerCase());
    const name = lower.at(-1)!;
    return this.#relations.some(relation => {
      if (relation.name.toLowerCase() !== name) return false;
      const { database, schema } = relation;
      const isNear = database === this.#currentDatabase || database === 'temp';
      if (lower.length === 1) return isNear && schema === 'main';
      if (lower.length === 2) {
        return (isNear && schema === lower[0]) || (schema === 'main' && database === lower[0]);
      }
      return lower.length === 3 && database === lower[0] && schema === lower[1];
    });
  }

  /** Names that work without a qualifier. */
  ownNames(): string[] {
    return this.#relations
      .filter(
        ({ database, schema }) => schema === 'main' && [this.#currentDatabase, 'temp'].includes(database),
      )
      .map(({ name }) => name);
  }
}
