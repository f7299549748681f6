import { UnsupportedError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import type { AnyBody } from './parse.ts';
import { noConstraint, parseColumnClauses } from './parse-column.ts';
import { parseColumnAliases } from './parse-dml.ts';
import { restOf } from './parse-other.ts';
import { parsePartitionItem, parseProperties, parseSortItems } from './parse-partition.ts';
import { parseType } from './parse-type.ts';
import type { Span } from './sql-text.ts';
import type {
  ColumnDefinition,
  ColumnPath,
  CreateTableAsStatement,
  CreateTableStatement,
  NameToken,
  PartitionItem,
  SortItem,
} from './statement.ts';
import type { TokenCursor } from './token-cursor.ts';

/** CREATE of a table, view or schema; undefined for what else can be created. */
export function parseCreate(cursor: TokenCursor): AnyBody | undefined {
  cursor.expect('CREATE');
  const orReplace = cursor.accept('OR', 'REPLACE');
  if (cursor.at('LOCAL', 'TEMP') || cursor.at('LOCAL', 'TEMPORARY')) cursor.next();
  const temporary = cursor.acceptAny(['TEMP', 'TEMPORARY']) !== undefined;
  const how = { orReplace, temporary };
  if (cursor.accept('TABLE')) return parseTable(cursor, how);
  if (cursor.accept('VIEW')) return parseView(cursor, how);
  if (!temporary && cursor.acceptAny(['SCHEMA', 'NAMESPACE', 'DATABASE']) !== undefined) {
    return parseSchema(cursor, orReplace);
  }
  return undefined;
}

interface How {
  readonly orReplace: boolean;
  readonly temporary: boolean;
}

function parseIfNotExists(cursor: TokenCursor): boolean {
  if (!cursor.accept('IF')) return false;
  cursor.expect('NOT', 'EXISTS');
  return true;
}

function parseView(cursor: TokenCursor, how: How): AnyBody {
  const ifNotExists = parseIfNotExists(cursor);
  const name = cursor.qualifiedName('a name for the view');
  const columns = parseColumnAliases(cursor);
  cursor.expect('AS');
  return { kind: 'create-view', ...how, ifNotExists, name, columns, query: restOf(cursor, 'a query') };
}

function parseSchema(cursor: TokenCursor, orReplace: boolean): AnyBody {
  const ifNotExists = parseIfNotExists(cursor);
  const name = cursor.qualifiedName('a name for the namespace');
  let comment: string | undefined;
  let location: string | undefined;
  const properties: Record<string, string> = {};
  while (!cursor.done) {
    if (cursor.accept('COMMENT')) comment = cursor.string("a comment such as 'Orders'");
    else if (cursor.accept('LOCATION')) location = cursor.string('a location');
    else if (cursor.accept('WITH')) {
      cursor.acceptAny(['DBPROPERTIES', 'PROPERTIES']);
      Object.assign(properties, parseProperties(cursor));
    } else cursor.fail('COMMENT, LOCATION, WITH PROPERTIES or the end of the statement');
  }
  return { kind: 'create-schema', orReplace, ifNotExists, name, comment, location, properties };
}

/** What the parentheses behind a new table's name hold. */
interface Elements {
  readonly columns: ColumnDefinition[];
  /** Names without types: those of the query's columns. */
  readonly names: NameToken[];
  readonly key: ColumnPath[];
}

function parseTable(cursor: TokenCursor, how: How): AnyBody {
  const ifNotExists = parseIfNotExists(cursor);
  const name = cursor.qualifiedName('a name for the table');
  const base = { ...how, ifNotExists, name };
  const opening = cursor.start;
  let like: CreateTableStatement['like'];
  let elements: Elements | undefined;
  if (cursor.accept('LIKE')) like = cursor.qualifiedName('a table name');
  else if (cursor.accept('(', 'LIKE')) {
    like = cursor.qualifiedName('a table name');
    cursor.expect(')');
  } else if (cursor.at('(')) elements = parseElements(cursor);
  const span = cursor.spanFrom(opening);
  const clauses = parseTableClauses(cursor);
  const shared = { ...base, identifierColumns: elements?.key ?? [], ...clauses };
  if (cursor.at('AS') && like === undefined) {
    if (elements !== undefined && (elements.columns.length > 0 || elements.key.length > 0)) {
      throw cursor.error(
        'CREATE TABLE AS takes names of columns, and their types from the query.',
        span,
        'Leave the types out, and cast in the query.',
      );
    }
    const columnNames = elements?.names;
    return { kind: 'create-table-as', ...shared, columnNames, ...parseAs(cursor) };
  }
  if (elements === undefined && like === undefined) {
    cursor.fail(cursor.start === opening ? 'columns in parentheses, AS or LIKE' : 'AS and a query');
  }
  cursor.expectEnd(`${tableClauses}${like === undefined ? ', AS' : ''} or the end of the statement`);
  const untyped = elements?.names[0];
  if (untyped !== undefined) {
    throw cursor.error(
      `The column "${untyped.name}" has no type.`,
      untyped.span,
      'Write its type behind the name.',
    );
  }
  return { kind: 'create-table', ...shared, columns: elements?.columns ?? [], like };
}

function parseAs(cursor: TokenCursor): Pick<CreateTableAsStatement, 'query' | 'withData'> {
  cursor.expect('AS');
  const start = cursor.start;
  const ends = (...words: string[]) => cursor.at(...words) && cursor.peek(words.length) === undefined;
  while (!cursor.done && !ends('WITH', 'NO', 'DATA') && !ends('WITH', 'DATA')) cursor.next();
  const query = cursor.textFrom(start);
  if (query.length === 0) cursor.fail('a query');
  const withData = !cursor.accept('WITH', 'NO', 'DATA');
  cursor.accept('WITH', 'DATA');
  return { query, withData };
}

const tableClauses = 'USING iceberg, PARTITIONED BY, SORTED BY, LOCATION, COMMENT, TBLPROPERTIES, WITH';

interface TableClauses {
  partitionedBy: readonly PartitionItem[];
  sortedBy: readonly SortItem[];
  location?: string;
  comment?: string;
  properties: Record<string, string>;
}

/** The clauses behind the columns, in any order. */
function parseTableClauses(cursor: TokenCursor): TableClauses {
  const clauses: TableClauses = { partitionedBy: [], sortedBy: [], properties: {} };
  while (true) {
    if (cursor.accept('USING')) parseFormat(cursor);
    else if (cursor.accept('PARTITIONED', 'BY')) {
      clauses.partitionedBy = cursor.list(() => parsePartitionItem(cursor), true);
    } else if (atSort(cursor)) clauses.sortedBy = parseSortItems(cursor);
    else if (cursor.accept('LOCATION')) clauses.location = cursor.string('a location');
    else if (cursor.accept('COMMENT')) clauses.comment = cursor.string("a comment such as 'Orders'");
    else if (cursor.accept('TBLPROPERTIES') || cursor.accept('WITH') || cursor.accept('OPTIONS')) {
      Object.assign(clauses.properties, parseProperties(cursor));
    } else return clauses;
  }
}

/** SORTED BY is DuckDB's, ORDER BY and WRITE ORDERED BY are Spark's. */
function atSort(cursor: TokenCursor): boolean {
  return (
    cursor.accept('SORTED', 'BY') ||
    cursor.accept('ORDER', 'BY') ||
    cursor.accept('ORDERED', 'BY') ||
    cursor.accept('WRITE', 'ORDERED', 'BY')
  );
}

function parseFormat(cursor: TokenCursor): void {
  const { name, span } = cursor.name('iceberg');
  if (name.toLowerCase() === 'iceberg') return;
  throw new UnsupportedError(`The lake's tables are Iceberg tables, not ${name}.`, {
    position: textPosition(cursor.source, span.start, span.end - span.start),
    hint: "Write USING iceberg or leave it out; the data files' format is the property 'write.format.default'.",
  });
}

function parseElements(cursor: TokenCursor): Elements {
  const columns: ColumnDefinition[] = [];
  const names: NameToken[] = [];
  let key: { paths: ColumnPath[]; span: Span } | undefined;
  const setKey = (paths: ColumnPath[], span: Span) => {
    if (key !== undefined)
      throw cursor.error('The table has a second primary key.', span, 'Write PRIMARY KEY (a, b).');
    key = { paths, span };
  };
  cursor.list(() => {
    const start = cursor.start;
    if (cursor.accept('CONSTRAINT')) cursor.name('a name for the constraint');
    if (cursor.accept('PRIMARY')) {
      cursor.expect('KEY');
      const paths = cursor.list(() => cursor.columnPath());
      cursor.accept('NOT', 'ENFORCED');
      setKey(paths, cursor.spanFrom(start));
      return;
    }
    if (cursor.atAny(['UNIQUE', 'CHECK', 'FOREIGN', 'EXCLUDE'])) throw noConstraint(cursor);
    const name = cursor.name('a column name');
    if (cursor.at(',') || cursor.at(')')) {
      names.push(name);
      return;
    }
    const type = parseType(cursor);
    const { keySpan, ...clauses } = parseColumnClauses(cursor);
    if (keySpan !== undefined) setKey([{ path: [name.name], span: name.span }], keySpan);
    columns.push({ ...name, type, ...clauses });
  });
  const paths = key?.paths ?? [];
  // A primary key's columns can't be null, as in any SQL.
  const inKey = new Set(
    paths.filter(({ path }) => path.length === 1).map(({ path }) => path[0]!.toLowerCase()),
  );
  const required = columns.map(column =>
    inKey.has(column.name.toLowerCase()) ? { ...column, required: true } : column,
  );
  return { columns: required, names, key: paths };
}
