import type { Database } from 'better-sqlite3';

// The tables of PyIceberg's SqlCatalog and of Iceberg's JDBC catalog, whose V0 schema is without iceberg_type. A file
// that another tool made is used as it is, so what is there is looked up in each transaction: it can change.

const createTables = `
  CREATE TABLE IF NOT EXISTS iceberg_tables (
    catalog_name VARCHAR(255) NOT NULL,
    table_namespace VARCHAR(255) NOT NULL,
    table_name VARCHAR(255) NOT NULL,
    metadata_location VARCHAR(1000),
    previous_metadata_location VARCHAR(1000),
    iceberg_type VARCHAR(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
  );
  CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
    catalog_name VARCHAR(255) NOT NULL,
    namespace VARCHAR(255) NOT NULL,
    property_key VARCHAR(255) NOT NULL,
    property_value VARCHAR(1000) NOT NULL,
    PRIMARY KEY (catalog_name, namespace, property_key)
  )`;

/** An entry of iceberg_tables. */
export interface PointerRow {
  readonly namespace: string;
  readonly name: string;
  readonly metadataLocation: string | null;
  readonly previousMetadataLocation: string | null;
  /** `TABLE`, `VIEW`; null (a table) when a library that has no views wrote it. */
  readonly type: string | null;
}

export function isTable(row: PointerRow): boolean {
  return row.type === null || row.type === 'TABLE';
}

/** What one transaction reads and writes: the rows of one catalog name. */
export class CatalogRows {
  readonly #database: Database | undefined;
  readonly #catalog: string;
  readonly #hasTables: boolean;
  readonly #hasProperties: boolean;
  readonly #hasType: boolean;

  private constructor(database: Database | undefined, catalog: string) {
    this.#database = database;
    this.#catalog = catalog;
    const columns = (table: string) =>
      database === undefined
        ? []
        : database.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table);
    const tableColumns = columns('iceberg_tables');
    this.#hasTables = tableColumns.length > 0;
    this.#hasType = tableColumns.includes('iceberg_type');
    this.#hasProperties = columns('iceberg_namespace_properties').length > 0;
  }

  /** A file or tables that aren't there have no rows. */
  static forReading(database: Database | undefined, catalog: string): CatalogRows {
    return new CatalogRows(database, catalog);
  }

  /** Makes the tables that aren't there. */
  static forWriting(database: Database, catalog: string): CatalogRows {
    const rows = new CatalogRows(database, catalog);
    if (rows.#hasTables && rows.#hasProperties) return rows;
    database.exec(createTables);
    return new CatalogRows(database, catalog);
  }

  /** Tables and views of a namespace, by name. */
  tables(namespace: string): PointerRow[] {
    if (!this.#hasTables) return [];
    return this.#all<PointerRow>(
      `SELECT ${this.#pointerColumns} FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? ORDER BY table_name`,
      this.#catalog,
      namespace,
    );
  }

  table(namespace: string, name: string): PointerRow | undefined {
    if (!this.#hasTables) return undefined;
    return this.#all<PointerRow>(
      `SELECT ${this.#pointerColumns} FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?`,
      this.#catalog,
      namespace,
      name,
    )[0];
  }

  /** Namespaces in which there is a table or view of that name. */
  namespacesWith(name: string): string[] {
    if (!this.#hasTables) return [];
    return this.#pluck(
      'SELECT table_namespace FROM iceberg_tables WHERE catalog_name = ? AND table_name = ? ORDER BY 1',
      this.#catalog,
      name,
    );
  }

  /** Namespaces that have tables or properties; those above them aren't listed. */
  namespaces(): string[] {
    const parts = [
      ...(this.#hasTables ? ['SELECT table_namespace FROM iceberg_tables WHERE catalog_name = $name'] : []),
      ...(this.#hasProperties
        ? ['SELECT namespace FROM iceberg_namespace_properties WHERE catalog_name = $name']
        : []),
    ];
    return parts.length === 0
      ? []
      : this.#pluck(`${parts.join(' UNION ')} ORDER BY 1`, { name: this.#catalog });
  }

  /** Other catalogs that share the file. */
  otherCatalogs(): string[] {
    if (!this.#hasTables) return [];
    return this.#pluck(
      'SELECT DISTINCT catalog_name FROM iceberg_tables WHERE catalog_name <> ? ORDER BY 1 LIMIT 5',
      this.#catalog,
    );
  }

  insertTable(namespace: string, name: string, metadataLocation: string): void {
    const [column, value] = this.#hasType ? [', iceberg_type', ", 'TABLE'"] : ['', ''];
    this.#run(
      `INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location${column})
       VALUES (?, ?, ?, ?${value})`,
      this.#catalog,
      namespace,
      name,
      metadataLocation,
    );
  }

  /** Moves a table's pointer if it still is where it was. */
  swapPointer(namespace: string, name: string, from: string, to: string): boolean {
    return (
      this.#run(
        `UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ?
         WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND metadata_location = ?${this.#onlyTables}`,
        to,
        from,
        this.#catalog,
        namespace,
        name,
        from,
      ) === 1
    );
  }

  renameTable(from: PointerRow, namespace: string, name: string): void {
    this.#run(
      `UPDATE iceberg_tables SET table_namespace = ?, table_name = ?
       WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?`,
      namespace,
      name,
      this.#catalog,
      from.namespace,
      from.name,
    );
  }

  deleteTable(row: PointerRow): void {
    this.#run(
      'DELETE FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?',
      this.#catalog,
      row.namespace,
      row.name,
    );
  }

  properties(namespace: string): Record<string, string> {
    if (!this.#hasProperties) return {};
    // Iceberg's JDBC catalog allows a property without a value.
    const rows = this.#all<{ key: string; value: string | null }>(
      `SELECT property_key AS key, property_value AS value FROM iceberg_namespace_properties
       WHERE catalog_name = ? AND namespace = ? ORDER BY property_key`,
      this.#catalog,
      namespace,
    );
    return Object.fromEntries(rows.map(({ key, value }) => [key, value ?? '']));
  }

  setProperties(namespace: string, properties: Readonly<Record<string, string>>): void {
    for (const [key, value] of Object.entries(properties)) {
      this.#run(
        `INSERT OR REPLACE INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value)
         VALUES (?, ?, ?, ?)`,
        this.#catalog,
        namespace,
        key,
        value,
      );
    }
  }

  removeProperties(namespace: string, keys: readonly string[]): void {
    for (const key of keys) {
      this.#run(
        'DELETE FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ? AND property_key = ?',
        this.#catalog,
        namespace,
        key,
      );
    }
  }

  removeNamespace(namespace: string): void {
    this.#run(
      'DELETE FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ?',
      this.#catalog,
      namespace,
    );
  }

  get #pointerColumns(): string {
    return `table_namespace AS namespace, table_name AS name, metadata_location AS metadataLocation,
      previous_metadata_location AS previousMetadataLocation, ${this.#hasType ? 'iceberg_type' : 'NULL'} AS type`;
  }

  get #onlyTables(): string {
    return this.#hasType ? " AND (iceberg_type IS NULL OR iceberg_type = 'TABLE')" : '';
  }

  #all<Row>(sql: string, ...parameters: unknown[]): Row[] {
    return this.#database!.prepare(sql).all(...parameters) as Row[];
  }

  #pluck(sql: string, ...parameters: unknown[]): string[] {
    return this.#database!.prepare(sql)
      .pluck()
      .all(...parameters) as string[];
  }

  #run(sql: string, ...parameters: unknown[]): number {
    return this.#database!.prepare(sql).run(...parameters).changes;
  }
}
