import type { AlterAction, MergeAction, ParsedStatement } from '../../src/engine/sql/statement.ts';

/** A SQL statement as the reference shows it. Examples are parsed by the tests, and must be of the kind they stand for. */
export interface StatementEntry {
  readonly about: string;
  readonly syntax: readonly string[];
  readonly notes?: readonly string[];
  readonly examples: readonly string[];
}

type Kind = Exclude<ParsedStatement['kind'], 'other'>;

const clauses = '[PARTITIONED BY (...)] [SORTED BY (...)] [TBLPROPERTIES (...)] [COMMENT ...] [LOCATION ...]';

/** Every kind of statement that the parser knows; the type holds that none is missing. */
export const statements: Readonly<Record<Kind, StatementEntry>> = {
  query: {
    about: 'Reads rows: all of DuckDB’s SELECT, on lake tables, metadata tables, files and named results.',
    syntax: [
      'SELECT ... FROM table [AT (VERSION => snapshot id | branch | tag)] [AT (TIMESTAMP => moment)] ...',
      'FROM table$snapshots',
    ],
    notes: [
      'A query reads one snapshot of each table, whatever is committed meanwhile.',
      'Names are looked for in this order: common table expressions, DuckDB’s own temporary tables and views, named results of cells, lake tables.',
    ],
    examples: [
      "SELECT count(*) FROM sales WHERE sold_at >= DATE '2026-01-01'",
      "FROM sales AT (VERSION => 'q1')",
      'FROM sales AT (TIMESTAMP => now() - INTERVAL 1 DAY)',
      'SELECT file_path, record_count FROM sales$files',
      "FROM read_csv('data/sales.csv')",
    ],
  },
  explain: {
    about: 'Shows how a query is run, and what planning left out.',
    syntax: ['EXPLAIN [ANALYZE] query'],
    examples: ['EXPLAIN SELECT * FROM sales WHERE id = 1'],
  },
  describe: {
    about: 'Shows the columns of a table or query, or statistics of each.',
    syntax: ['DESCRIBE table | query', 'SUMMARIZE table | query'],
    examples: ['DESCRIBE sales', 'SUMMARIZE SELECT amount FROM sales'],
  },
  show: {
    about: 'Lists tables and namespaces, or the statement that makes a table.',
    syntax: ['SHOW [ALL] TABLES [FROM namespace]', 'SHOW SCHEMAS', 'SHOW CREATE TABLE table'],
    examples: ['SHOW TABLES', 'SHOW CREATE TABLE sales'],
  },
  use: {
    about: 'Sets the namespace in which names without one are looked for.',
    syntax: ['USE namespace'],
    examples: ['USE eu'],
  },
  copy: {
    about: 'Writes a query to a file, or loads a file into a table.',
    syntax: ["COPY (query) | table TO 'file' [(options)]", "COPY table [(columns)] FROM 'file' [(options)]"],
    examples: ["COPY (SELECT * FROM sales) TO 'sales.parquet'", "COPY sales FROM 'data/sales.csv'"],
  },
  'create-view': {
    about: 'Names a query for the session. It is bound anew each time it is read.',
    syntax: ['CREATE [OR REPLACE] TEMP VIEW name [(columns)] AS query'],
    examples: ['CREATE OR REPLACE TEMP VIEW recent AS SELECT * FROM sales WHERE id > 10'],
  },
  insert: {
    about: 'Adds rows, or replaces partitions.',
    syntax: [
      'INSERT INTO table [(columns)] [BY NAME] query | VALUES ... | DEFAULT VALUES',
      'INSERT OVERWRITE table query',
    ],
    notes: [
      'INSERT OVERWRITE replaces the partitions that the query has rows for; all rows of a table without partitions.',
      'Values must fit the columns exactly: 3.7 is no whole number.',
    ],
    examples: [
      "INSERT INTO sales VALUES (21, 4.50, DATE '2026-03-20')",
      'INSERT INTO sales BY NAME SELECT 22 AS id, 1.00 AS amount',
      'INSERT INTO sales.branch_dev SELECT * FROM staged',
      'INSERT OVERWRITE sales SELECT * FROM staged',
    ],
  },
  update: {
    about: 'Changes rows.',
    syntax: ['UPDATE table SET column = value, ... [FROM tables] [WHERE condition]'],
    examples: [
      'UPDATE sales SET amount = amount * 0.9 WHERE id = 2',
      'UPDATE sales SET amount = staged.amount FROM staged WHERE sales.id = staged.id',
    ],
  },
  delete: {
    about: 'Deletes rows.',
    syntax: ['DELETE FROM table [USING tables] [WHERE condition]'],
    examples: ['DELETE FROM sales WHERE id = 1'],
  },
  merge: {
    about: 'Updates, deletes and inserts by comparing a table with rows of another.',
    syntax: [
      'MERGE INTO table USING source ON condition | USING (columns)',
      '  WHEN MATCHED [AND condition] THEN UPDATE [SET ...] | DELETE | DO NOTHING | ERROR [message]',
      '  WHEN NOT MATCHED [BY TARGET] [AND condition] THEN INSERT [(columns) VALUES (...)] | DO NOTHING | ERROR',
      '  WHEN NOT MATCHED BY SOURCE [AND condition] THEN UPDATE SET ... | DELETE | DO NOTHING | ERROR',
    ],
    notes: [
      'The first clause that fits a row acts on it.',
      'Two rows of the source that change the same row are an error, as the SQL standard has it.',
      'UPDATE and INSERT without columns take all columns by their names.',
    ],
    examples: [
      'MERGE INTO sales USING staged USING (id) WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT',
      'MERGE INTO sales AS t USING staged AS s ON t.id = s.id WHEN MATCHED AND s.amount IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET amount = s.amount WHEN NOT MATCHED BY SOURCE THEN DELETE',
    ],
  },
  truncate: {
    about: 'Deletes all rows. Older snapshots keep them.',
    syntax: ['TRUNCATE TABLE table'],
    examples: ['TRUNCATE TABLE sales'],
  },
  'create-table': {
    about: 'Makes a table.',
    syntax: [
      `CREATE [OR REPLACE] TABLE [IF NOT EXISTS] table (column type [NOT NULL] [DEFAULT value] [COMMENT '...'], ..., [PRIMARY KEY (...)]) ${clauses}`,
      `CREATE TABLE table LIKE table ${clauses}`,
    ],
    notes: [
      'Types may be written as DuckDB or as Iceberg has them: BIGINT or long, STRUCT(a INT) or struct<a: int>.',
      'PRIMARY KEY sets the identifier fields. Iceberg doesn’t enforce them; upserts match by them.',
      'CREATE TEMP TABLE makes a table of DuckDB’s for the session.',
    ],
    examples: [
      "CREATE TABLE orders (id BIGINT NOT NULL, amount DECIMAL(10,2), at TIMESTAMPTZ, PRIMARY KEY (id)) PARTITIONED BY (day(at), bucket(16, id)) SORTED BY (at DESC NULLS LAST) TBLPROPERTIES ('format-version' = '3') COMMENT 'Orders'",
      'CREATE TABLE IF NOT EXISTS orders_archive LIKE orders',
    ],
  },
  'create-table-as': {
    about: 'Makes a table from a query, both in one commit.',
    syntax: [
      `CREATE [OR REPLACE] TABLE [IF NOT EXISTS] table [(columns)] ${clauses} AS query [WITH NO DATA]`,
    ],
    examples: ['CREATE TABLE january PARTITIONED BY (sold_at) AS SELECT * FROM sales WHERE id < 10'],
  },
  'alter-table': {
    about:
      'Changes a table’s columns, partitioning, order, key, properties or references. No file is rewritten.',
    syntax: ['ALTER TABLE [IF EXISTS] table action, ...'],
    examples: ['ALTER TABLE sales ADD COLUMN note VARCHAR'],
  },
  'drop-table': {
    about: 'Drops a table. PURGE deletes its files too; without, they stay for `import`.',
    syntax: ['DROP TABLE [IF EXISTS] table [PURGE]'],
    examples: ['DROP TABLE IF EXISTS old_sales PURGE'],
  },
  'create-schema': {
    about: 'Makes a namespace.',
    syntax: ['CREATE SCHEMA [IF NOT EXISTS] namespace [COMMENT ...] [LOCATION ...] [WITH PROPERTIES (...)]'],
    examples: ["CREATE SCHEMA IF NOT EXISTS eu COMMENT 'European sales'"],
  },
  'drop-schema': {
    about: 'Drops a namespace that is empty.',
    syntax: ['DROP SCHEMA [IF EXISTS] namespace [CASCADE]'],
    examples: ['DROP SCHEMA eu'],
  },
  call: {
    about: 'Runs a procedure; see [Procedures](#procedures).',
    syntax: ['CALL system.procedure(argument, name => argument, ...)'],
    examples: ["CALL system.rollback_to_timestamp('sales', TIMESTAMP '2026-01-31')"],
  },
};

type AlterKind = AlterAction['kind'];

/** An example of every action of ALTER TABLE; the type holds that none is missing. */
export const alterActions: Readonly<Record<AlterKind, readonly string[]>> = {
  'add-column': [
    'ADD COLUMN discount DOUBLE DEFAULT 0 AFTER amount',
    "ADD COLUMN IF NOT EXISTS place.city VARCHAR COMMENT 'of the shop'",
  ],
  'drop-column': ['DROP COLUMN IF EXISTS discount'],
  'rename-column': ['RENAME COLUMN amount TO price'],
  'rename-table': ['RENAME TO eu.sales'],
  'set-type': ['ALTER COLUMN id TYPE BIGINT'],
  'set-required': ['ALTER COLUMN sold_at SET NOT NULL', 'ALTER COLUMN sold_at DROP NOT NULL'],
  'move-column': ['ALTER COLUMN amount FIRST', 'ALTER COLUMN amount AFTER sold_at'],
  'set-comment': ["ALTER COLUMN amount COMMENT 'in euros'"],
  'set-default': ['ALTER COLUMN amount SET DEFAULT 0', 'ALTER COLUMN amount DROP DEFAULT'],
  'add-partition-field': ['ADD PARTITION FIELD day(sold_at)', 'ADD PARTITION FIELD bucket(16, id) AS shard'],
  'drop-partition-field': ['DROP PARTITION FIELD month(sold_at)'],
  'replace-partition-field': ['REPLACE PARTITION FIELD month(sold_at) WITH day(sold_at)'],
  'set-partitioning': ['SET PARTITIONED BY (month(sold_at))'],
  'set-sort-order': ['WRITE ORDERED BY sold_at DESC NULLS LAST, id', 'WRITE UNORDERED'],
  'set-properties': ["SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')"],
  'unset-properties': ["UNSET TBLPROPERTIES IF EXISTS ('write.delete.mode')"],
  'set-location': ["SET LOCATION 's3://warehouse/sales'"],
  'set-identifier-fields': ['SET IDENTIFIER FIELDS id'],
  'drop-identifier-fields': ['DROP IDENTIFIER FIELDS id'],
  'create-ref': [
    'CREATE BRANCH dev',
    "CREATE OR REPLACE TAG q1 AS OF VERSION 'dev' RETAIN 365 DAYS",
    'CREATE BRANCH IF NOT EXISTS audit RETAIN 30 DAYS WITH SNAPSHOT RETENTION 5 SNAPSHOTS 2 DAYS',
  ],
  'drop-ref': ['DROP BRANCH IF EXISTS dev', 'DROP TAG q1'],
};

/** Every action of a MERGE clause, with its clause. */
export const mergeActions: Readonly<Record<MergeAction['kind'], string>> = {
  update: 'WHEN MATCHED THEN UPDATE SET amount = s.amount',
  'update-all': 'WHEN MATCHED THEN UPDATE',
  insert: 'WHEN NOT MATCHED THEN INSERT (id, amount) VALUES (s.id, DEFAULT)',
  'insert-all': 'WHEN NOT MATCHED THEN INSERT BY NAME',
  'insert-defaults': 'WHEN NOT MATCHED THEN INSERT DEFAULT VALUES',
  delete: 'WHEN NOT MATCHED BY SOURCE THEN DELETE',
  'do-nothing': 'WHEN MATCHED AND s.amount IS NULL THEN DO NOTHING',
  error: "WHEN MATCHED AND s.amount < 0 THEN ERROR 'negative amount'",
};
