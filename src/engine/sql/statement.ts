import type { LakebookError } from '../../iceberg/errors.ts';
import type { Transform } from '../../iceberg/transform.ts';
import type { Span, SqlText } from './sql-text.ts';

/*
 * What a SQL statement asks for, as plain objects. All spans are UTF-16 offsets in the whole text that was given
 * to `parseStatements`; SqlText fragments know their own places in it. Names are unquoted and keep their case.
 * Whether a name means a lake table or one of DuckDB's is not known here: see `../resolve.ts`.
 */

export type ParsedStatement =
  | QueryStatement
  | ExplainStatement
  | DescribeStatement
  | ShowStatement
  | UseStatement
  | CopyStatement
  | CreateViewStatement
  | InsertStatement
  | UpdateStatement
  | DeleteStatement
  | MergeStatement
  | CreateTableStatement
  | CreateTableAsStatement
  | AlterTableStatement
  | DropTableStatement
  | TruncateStatement
  | CreateSchemaStatement
  | DropSchemaStatement
  | CallStatement
  | OtherStatement;

interface StatementBase {
  /** The statement without the semicolon, leading and trailing comments and white space. */
  readonly span: Span;
  /** The statement's text. */
  readonly text: SqlText;
  /** Clauses DuckDB's tables have and the lake's haven't (RETURNING, ON CONFLICT); an error for a lake table. */
  readonly unsupported?: LakebookError;
}

/** A name as written: `sales` is ['sales'], `lake.ns."my table"` is ['lake', 'ns', 'my table']. */
export interface QualifiedName {
  readonly parts: readonly string[];
  readonly span: Span;
}

/** `AT (VERSION => expr)` or `AT (TIMESTAMP => expr)`. */
export interface AtClause {
  readonly unit: 'version' | 'timestamp';
  readonly expression: SqlText;
  readonly span: Span;
}

/** The table that a statement changes. */
export interface TargetTable extends QualifiedName {
  readonly alias?: string;
  /** `AT (VERSION => 'branch')` after the name: the branch to write to. */
  readonly at?: AtClause;
}

/** SELECT, VALUES, FROM-first, WITH ... SELECT, TABLE t, PIVOT, UNPIVOT: whatever returns rows. */
export interface QueryStatement extends StatementBase {
  readonly kind: 'query';
}

/** EXPLAIN [ANALYZE] query; `prefix` is everything before the query. */
export interface ExplainStatement extends StatementBase {
  readonly kind: 'explain';
  readonly analyze: boolean;
  readonly prefix: SqlText;
  readonly query: SqlText;
}

/** DESCRIBE / SUMMARIZE of a table or a query; exactly one of `table` and `query` is there. */
export interface DescribeStatement extends StatementBase {
  readonly kind: 'describe';
  readonly verb: 'describe' | 'summarize';
  readonly table?: QualifiedName & { readonly at?: AtClause };
  readonly query?: SqlText;
}

/** SHOW [ALL] TABLES [FROM ns], SHOW SCHEMAS | NAMESPACES | DATABASES, SHOW CREATE TABLE t. */
export interface ShowStatement extends StatementBase {
  readonly kind: 'show';
  readonly what: 'tables' | 'all-tables' | 'schemas' | 'databases' | 'create-table';
  /** The namespace of SHOW TABLES FROM, or the table of SHOW CREATE TABLE. */
  readonly name?: QualifiedName;
}

/** USE namespace. */
export interface UseStatement extends StatementBase {
  readonly kind: 'use';
  readonly name: QualifiedName;
}

/** COPY (query) TO ..., COPY t [(columns)] TO ... and COPY t [(columns)] FROM .... */
export interface CopyStatement extends StatementBase {
  readonly kind: 'copy';
  readonly direction: 'to' | 'from';
  readonly query?: SqlText;
  readonly table?: TargetTable;
  readonly columns?: readonly NameToken[];
  /** What follows the query or table: `TO 'file' (FORMAT ...)`. */
  readonly rest: SqlText;
}

/** CREATE [OR REPLACE] [TEMP] VIEW name [(columns)] AS query. */
export interface CreateViewStatement extends StatementBase {
  readonly kind: 'create-view';
  readonly name: QualifiedName;
  readonly temporary: boolean;
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  readonly columns?: readonly NameToken[];
  readonly query: SqlText;
}

/** A name where it was written. */
export interface NameToken {
  readonly name: string;
  readonly span: Span;
}

/** A column, perhaps inside of structs: `a.b.c` is ['a', 'b', 'c']. */
export interface ColumnPath {
  readonly path: readonly string[];
  readonly span: Span;
}

export interface InsertStatement extends StatementBase {
  readonly kind: 'insert';
  readonly target: TargetTable;
  /** WITH clauses before INSERT; already part of `source.query` too. */
  readonly with?: SqlText;
  readonly columns?: readonly NameToken[];
  /** INSERT INTO t BY NAME SELECT ...: columns of the query are matched by their names. */
  readonly byName: boolean;
  /** INSERT OVERWRITE t: replaces the partitions that the query has rows for (all rows if unpartitioned). */
  readonly overwrite: boolean;
  readonly source:
    | { readonly kind: 'query'; readonly query: SqlText }
    /** VALUES rows; `undefined` stands for the keyword DEFAULT. */
    | {
        readonly kind: 'values';
        readonly rows: readonly (readonly (SqlText | undefined)[])[];
        /** The whole VALUES list as a query; not valid SQL if a row holds DEFAULT. */
        readonly query: SqlText;
      }
    | { readonly kind: 'default-values' };
}

/** `column = value`. Several for `(a, b) = (x, y)`; a row sub-query is kept as `row-query` assignment. */
export type Assignment =
  | {
      readonly kind: 'value';
      readonly column: ColumnPath;
      /** undefined for the keyword DEFAULT. */
      readonly value: SqlText | undefined;
    }
  | { readonly kind: 'row-query'; readonly columns: readonly ColumnPath[]; readonly query: SqlText };

export interface UpdateStatement extends StatementBase {
  readonly kind: 'update';
  readonly target: TargetTable;
  readonly with?: SqlText;
  readonly assignments: readonly Assignment[];
  /** What follows FROM: table references as in a SELECT. */
  readonly from?: SqlText;
  readonly where?: SqlText;
}

export interface DeleteStatement extends StatementBase {
  readonly kind: 'delete';
  readonly target: TargetTable;
  readonly with?: SqlText;
  /** What follows USING: table references as in a SELECT. */
  readonly using?: SqlText;
  readonly where?: SqlText;
}

export interface MergeStatement extends StatementBase {
  readonly kind: 'merge';
  readonly target: TargetTable;
  readonly with?: SqlText;
  /** The source as a table reference without its alias: `changes`, `(SELECT ...)`, `read_csv('x')`. */
  readonly source: SqlText;
  /** Alias as written, with column aliases if any; absent if none was written. */
  readonly sourceAlias?: string;
  readonly sourceColumnAliases?: readonly string[];
  /** ON condition, or USING (columns). */
  readonly on:
    | { readonly kind: 'condition'; readonly condition: SqlText }
    | { readonly kind: 'using'; readonly columns: readonly NameToken[] };
  /** In the order written: the first clause that fits a row acts on it. */
  readonly clauses: readonly MergeClause[];
}

export interface MergeClause {
  readonly when: 'matched' | 'not-matched' | 'not-matched-by-source';
  readonly condition?: SqlText;
  readonly action: MergeAction;
  readonly span: Span;
}

export type MergeAction =
  | { readonly kind: 'update'; readonly assignments: readonly Assignment[] }
  /** UPDATE, UPDATE SET *, UPDATE BY NAME / BY POSITION: every column from the source. */
  | { readonly kind: 'update-all'; readonly by: 'name' | 'position' }
  | {
      readonly kind: 'insert';
      readonly columns?: readonly NameToken[];
      /** undefined for the keyword DEFAULT. */
      readonly values: readonly (SqlText | undefined)[];
    }
  /** INSERT, INSERT *, INSERT BY NAME / BY POSITION: every column from the source. */
  | { readonly kind: 'insert-all'; readonly by: 'name' | 'position' }
  | { readonly kind: 'insert-defaults' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'do-nothing' }
  | { readonly kind: 'error'; readonly message?: SqlText };

export interface ColumnDefinition extends NameToken {
  /** Type as written: DuckDB's (`STRUCT(a INT)[]`) or Iceberg's (`struct<a: int>`, `long`). */
  readonly type: SqlText;
  readonly required: boolean;
  readonly comment?: string;
  readonly default?: SqlText;
}

export interface PartitionItem {
  readonly column: ColumnPath;
  readonly transform: Transform;
  /** `... AS name`; absent: the standard name of the transform. */
  readonly name?: string;
  readonly span: Span;
}

export interface SortItem {
  readonly column: ColumnPath;
  readonly transform: Transform;
  readonly direction: 'asc' | 'desc';
  readonly nullOrder: 'nulls-first' | 'nulls-last';
  readonly span: Span;
}

/** The clauses that CREATE TABLE and CREATE TABLE AS share. */
interface CreateTableBase extends StatementBase {
  readonly name: QualifiedName;
  /** TEMP tables are DuckDB's. */
  readonly temporary: boolean;
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  /** Columns of PRIMARY KEY: the table's identifier fields. */
  readonly identifierColumns: readonly ColumnPath[];
  readonly partitionedBy: readonly PartitionItem[];
  readonly sortedBy: readonly SortItem[];
  readonly location?: string;
  readonly comment?: string;
  /** TBLPROPERTIES and WITH. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface CreateTableStatement extends CreateTableBase {
  readonly kind: 'create-table';
  readonly columns: readonly ColumnDefinition[];
  /** CREATE TABLE t LIKE other. */
  readonly like?: QualifiedName;
}

export interface CreateTableAsStatement extends CreateTableBase {
  readonly kind: 'create-table-as';
  /** CREATE TABLE t (a, b) AS ...: names for the query's columns. */
  readonly columnNames?: readonly NameToken[];
  readonly query: SqlText;
  /** WITH NO DATA: the table is created empty. */
  readonly withData: boolean;
}

export interface AlterTableStatement extends StatementBase {
  readonly kind: 'alter-table';
  readonly name: QualifiedName;
  readonly ifExists: boolean;
  readonly actions: readonly AlterAction[];
}

export type ColumnPosition =
  | { readonly kind: 'first' }
  | { readonly kind: 'after'; readonly column: ColumnPath }
  | { readonly kind: 'before'; readonly column: ColumnPath };

export type AlterAction = { readonly span: Span } & (
  | {
      readonly kind: 'add-column';
      readonly column: ColumnPath;
      readonly type: SqlText;
      readonly required: boolean;
      readonly comment?: string;
      readonly default?: SqlText;
      readonly ifNotExists: boolean;
      readonly position?: ColumnPosition;
    }
  | { readonly kind: 'drop-column'; readonly column: ColumnPath; readonly ifExists: boolean }
  | { readonly kind: 'rename-column'; readonly column: ColumnPath; readonly to: NameToken }
  | { readonly kind: 'rename-table'; readonly to: QualifiedName }
  | {
      readonly kind: 'set-type';
      readonly column: ColumnPath;
      readonly type: SqlText;
      readonly using?: SqlText;
    }
  | { readonly kind: 'set-required'; readonly column: ColumnPath; readonly required: boolean }
  | { readonly kind: 'move-column'; readonly column: ColumnPath; readonly position: ColumnPosition }
  /** undefined removes the comment. */
  | { readonly kind: 'set-comment'; readonly column: ColumnPath; readonly comment: string | undefined }
  | { readonly kind: 'set-default'; readonly column: ColumnPath; readonly default: SqlText | undefined }
  | { readonly kind: 'add-partition-field'; readonly field: PartitionItem }
  | { readonly kind: 'drop-partition-field'; readonly field: PartitionFieldReference }
  | {
      readonly kind: 'replace-partition-field';
      readonly field: PartitionFieldReference;
      readonly by: PartitionItem;
    }
  /** SET PARTITIONED BY (...): the whole spec; an empty list unpartitions the table. */
  | { readonly kind: 'set-partitioning'; readonly fields: readonly PartitionItem[] }
  /** WRITE ORDERED BY ...; an empty list is WRITE UNORDERED. */
  | { readonly kind: 'set-sort-order'; readonly fields: readonly SortItem[] }
  | { readonly kind: 'set-properties'; readonly properties: Readonly<Record<string, string>> }
  | { readonly kind: 'unset-properties'; readonly keys: readonly string[]; readonly ifExists: boolean }
  | { readonly kind: 'set-location'; readonly location: string }
  | { readonly kind: 'set-identifier-fields'; readonly columns: readonly ColumnPath[] }
  | { readonly kind: 'drop-identifier-fields'; readonly columns: readonly ColumnPath[] }
  | {
      readonly kind: 'create-ref';
      readonly type: 'branch' | 'tag';
      readonly name: string;
      readonly orReplace: boolean;
      readonly ifNotExists: boolean;
      /** REPLACE BRANCH: the ref must be there. */
      readonly mustExist: boolean;
      /** AS OF VERSION: a snapshot id or ref name; absent: the current snapshot. */
      readonly version?: string;
      /** RETAIN n DAYS, in milliseconds. */
      readonly maxRefAgeMs?: number;
      /** WITH SNAPSHOT RETENTION n SNAPSHOTS. */
      readonly minSnapshotsToKeep?: number;
      /** WITH SNAPSHOT RETENTION n DAYS, in milliseconds. */
      readonly maxSnapshotAgeMs?: number;
    }
  | {
      readonly kind: 'drop-ref';
      readonly type: 'branch' | 'tag';
      readonly name: string;
      readonly ifExists: boolean;
    }
);

/** A partition field by its name, or by column and transform. */
export type PartitionFieldReference =
  | { readonly kind: 'name'; readonly name: string; readonly span: Span }
  | { readonly kind: 'transform'; readonly item: PartitionItem };

export interface DropTableStatement extends StatementBase {
  readonly kind: 'drop-table';
  readonly names: readonly QualifiedName[];
  readonly ifExists: boolean;
  readonly purge: boolean;
}

export interface TruncateStatement extends StatementBase {
  readonly kind: 'truncate';
  readonly target: TargetTable;
}

export interface CreateSchemaStatement extends StatementBase {
  readonly kind: 'create-schema';
  readonly name: QualifiedName;
  readonly ifNotExists: boolean;
  readonly orReplace: boolean;
  readonly comment?: string;
  readonly location?: string;
  readonly properties: Readonly<Record<string, string>>;
}

export interface DropSchemaStatement extends StatementBase {
  readonly kind: 'drop-schema';
  readonly name: QualifiedName;
  readonly ifExists: boolean;
  readonly cascade: boolean;
}

/** CALL system.rollback_to_snapshot(table => 't', ...). */
export interface CallStatement extends StatementBase {
  readonly kind: 'call';
  readonly procedure: QualifiedName;
  readonly arguments: readonly { readonly name?: string; readonly value: SqlText }[];
}

/** Anything else: DuckDB's own business (SET, PRAGMA, ATTACH, BEGIN, CREATE MACRO, DROP VIEW, ...). */
export interface OtherStatement extends StatementBase {
  readonly kind: 'other';
  /** First word, upper case, with the second for CREATE, ALTER and DROP: `SET`, `DROP VIEW`. */
  readonly verb: string;
  /**
   * The statement looks like one of the kinds above and can't be understood as such. If `target` is DuckDB's own
   * table the statement is DuckDB's to judge, else this error is the answer.
   */
  readonly problem?: LakebookError;
  readonly target?: QualifiedName;
}
