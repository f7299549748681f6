import { ValidationError } from '../iceberg/errors.ts';
import { sqlName } from '../lake/table-names.ts';
import { t } from './translate.ts';

/*
 * Lines of the lake language and SQL for what commands do. Names and texts come from people and files, so each is
 * quoted here and nowhere else. Table names are as in SQL (`TableSummary.name`).
 */

/** A version of a table in a command. */
export type VersionChoice =
  | { readonly kind: 'snapshot'; readonly id: string }
  | { readonly kind: 'branch' | 'tag'; readonly name: string }
  /** A date or timestamp as SQL reads it. */
  | { readonly kind: 'timestamp'; readonly text: string };

/** A version in the lake language: `8271`, `tag:q1`, `'2026-01-31'`. @throws ValidationError */
export function versionText(version: VersionChoice): string {
  switch (version.kind) {
    case 'snapshot':
      return version.id;
    case 'branch':
    case 'tag':
      return `${version.kind}:${refName(version.name)}`;
    case 'timestamp':
      return quoted(version.text);
  }
}

/** The SQL behind a table's name: `AT (VERSION => 8271)`. */
export function atClause(version: VersionChoice): string {
  switch (version.kind) {
    case 'snapshot':
      return `AT (VERSION => ${version.id})`;
    case 'branch':
    case 'tag':
      return `AT (VERSION => ${quoted(version.name)})`;
    case 'timestamp':
      return `AT (TIMESTAMP => ${quoted(version.text)})`;
  }
}

/** `SELECT * FROM sales AT (...) LIMIT 100` */
export function selectSql(table: string, options: { version?: VersionChoice; limit?: number } = {}): string {
  const { version, limit } = options;
  const at = version === undefined ? '' : ` ${atClause(version)}`;
  return `SELECT *\nFROM ${table}${at}${limit === undefined ? '' : `\nLIMIT ${limit}`}`;
}

export interface IngestChoice {
  readonly table: string;
  readonly path: string;
  readonly mode?: 'append' | 'overwrite';
  readonly create?: boolean;
}

/** @throws ValidationError for a path that no line can hold */
export function ingestText({ table, path, mode, create }: IngestChoice): string {
  const how = mode === undefined || mode === 'append' ? '' : ` mode ${mode}`;
  return `ingest ${table} from ${quoted(path)}${how}${create ? ' create' : ''}`;
}

export interface ColumnChoice {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
}

export interface CreateChoice {
  readonly table: string;
  readonly columns: readonly ColumnChoice[];
  /** Partition fields as SQL: `month(sold_at)`. */
  readonly partitionedBy?: string;
  readonly key?: readonly string[];
}

export function createText({ table, columns, partitionedBy, key }: CreateChoice): string {
  const list = columns.map(({ name, type, required }) => {
    return `${sqlName(name)} ${type}${required ? ' not null' : ''}`;
  });
  const partitions = partitionedBy ? ` partitioned by (${partitionedBy})` : '';
  const keys = key !== undefined && key.length > 0 ? ` key (${key.map(sqlName).join(', ')})` : '';
  return `create ${table} (${list.join(', ')})${partitions}${keys}`;
}

export const rollbackText = (table: string, to: VersionChoice): string =>
  `rollback ${table} to ${versionText(to)}`;

export const diffText = (table: string, from: VersionChoice, to?: VersionChoice): string =>
  `diff ${table} from ${versionText(from)}${to === undefined ? '' : ` to ${versionText(to)}`}`;

export function refText(type: 'branch' | 'tag', table: string, name: string, at?: VersionChoice): string {
  return `${type} ${table} ${refName(name)}${at === undefined ? '' : ` at ${versionText(at)}`}`;
}

export const renameText = (table: string, to: string): string => `evolve ${table} rename table to ${to}`;

export const dropText = (table: string, purge: boolean): string => `drop ${table}${purge ? ' purge' : ''}`;

export const compactText = (table: string): string => `compact ${table}`;

export const healthText = (table: string): string => `health ${table}`;

export const expireText = (table: string, olderThan: string, keep: number): string =>
  `expire ${table} older than ${quoted(olderThan)} keep ${keep}`;

/** A text in single quotes. @throws ValidationError for line breaks and `${`, which the language would read */
export function quoted(text: string): string {
  if (/[\n\r]|\$\{/.test(text)) {
    throw new ValidationError(`A line of the lake language can't hold ${JSON.stringify(text)}.`, {
      hint: 'Rename the file, or write a SQL statement for it.',
    });
  }
  return `'${text.replaceAll("'", "''")}'`;
}

function refName(name: string): string {
  return /^[A-Za-z_][\w]*$/.test(name) ? sqlName(name) : `"${name.replaceAll('"', '""')}"`;
}

/** What is wrong with the name of a new table, branch or tag; undefined when it can be used. */
export function nameFault(name: string, taken: readonly string[] = []): string | undefined {
  const trimmed = name.trim();
  if (trimmed === '') return t('Type a name.');
  if (trimmed.length > 255) return t('A name has at most 255 characters.');
  if (!/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(trimmed)) {
    return t('Use letters, digits, - and _, beginning with a letter.');
  }
  if (taken.some(other => other.toLowerCase() === trimmed.toLowerCase()))
    return t('{0} is there already.', trimmed);
  return undefined;
}

/** As `nameFault` for a table, which may stand in a namespace: `sales`, `eu.sales`. */
export function tableNameFault(name: string, taken: readonly string[] = []): string | undefined {
  const parts = name.trim().split('.');
  const fault = parts.map(part => nameFault(part)).find(found => found !== undefined);
  if (fault !== undefined) return fault;
  const sql = tableNameText(name);
  return taken.some(other => other.toLowerCase() === sql.toLowerCase())
    ? t('{0} is there already.', name.trim())
    : undefined;
}

/** A table name that a person typed, as SQL takes it. */
export function tableNameText(name: string): string {
  return name.trim().split('.').map(sqlName).join('.');
}

/** A table name made of a file's: `Sales 2026.csv` gives `sales_2026`. */
export function tableNameOfFile(file: string): string {
  const base = file
    .replace(/^.*[\\/]/, '')
    .replace(/(\.(csv|tsv|txt|json|ndjson|jsonl|parquet|arrow|feather|gz|zst))+$/i, '');
  const name = base
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
  return /^[\p{L}_]/u.test(name) ? name : `t_${name || 'data'}`;
}

/** The columns of `id long not null, amount decimal(10,2)`. @throws ValidationError saying which part is wrong */
export function parseColumns(text: string): ColumnChoice[] {
  return splitAtCommas(text).map(part => {
    const [, name, rest] = /^\s*("(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_]*)\s+(\S[\s\S]*?)\s*$/u.exec(part) ?? [];
    if (name === undefined || rest === undefined) {
      throw new ValidationError(`"${part.trim()}" is no column.`, {
        hint: 'Write a name and a type, for example: id long not null, amount decimal(10,2)',
      });
    }
    const required = /\bnot\s+null$/i.test(rest);
    const type = rest.replace(/\s+(not\s+)?null$/i, '').trim();
    return { name: name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name, type, required };
  });
}

/** Parts between commas that stand in no bracket. */
function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if ('(<['.includes(character)) depth++;
    else if (')>]'.includes(character)) depth--;
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
