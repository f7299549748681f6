import { engineKinds } from '../../engine/remote/remote-engine.ts';
import type {
  AddFilesRequest,
  CompactRequest,
  CreateRequest,
  DeleteRequest,
  DescribeRequest,
  DiffRequest,
  DropRequest,
  EngineRequest,
  EvolveRequest,
  ExpireRequest,
  ExportRequest,
  FilesRequest,
  HealthRequest,
  HistoryRequest,
  ImportRequest,
  IngestRequest,
  OrphansRequest,
  PublishRequest,
  RefRequest,
  RollbackRequest,
  TablesRequest,
  TravelRequest,
  UpsertRequest,
  Version,
} from '../../lake/requests.ts';
import { fileClauses, withFileOptions } from './file-clauses.ts';
import { compileSyntax, type Element } from './syntax.ts';

/** A verb with what it is asked for. */
export type LakeCall =
  | { readonly verb: 'create'; readonly request: CreateRequest }
  | { readonly verb: 'drop'; readonly request: DropRequest }
  | { readonly verb: 'ingest'; readonly request: IngestRequest }
  | { readonly verb: 'upsert'; readonly request: UpsertRequest }
  | { readonly verb: 'delete'; readonly request: DeleteRequest }
  | { readonly verb: 'evolve'; readonly request: EvolveRequest }
  | { readonly verb: 'history'; readonly request: HistoryRequest }
  | { readonly verb: 'travel'; readonly request: TravelRequest }
  | { readonly verb: 'rollback'; readonly request: RollbackRequest }
  | { readonly verb: 'diff'; readonly request: DiffRequest }
  | { readonly verb: 'branch' | 'tag'; readonly request: RefRequest }
  | { readonly verb: 'publish'; readonly request: PublishRequest }
  | { readonly verb: 'tables'; readonly request: TablesRequest }
  | { readonly verb: 'describe'; readonly request: DescribeRequest }
  | { readonly verb: 'files'; readonly request: FilesRequest }
  | { readonly verb: 'import'; readonly request: ImportRequest }
  | { readonly verb: 'export'; readonly request: ExportRequest }
  | { readonly verb: 'compact'; readonly request: CompactRequest }
  | { readonly verb: 'expire'; readonly request: ExpireRequest }
  | { readonly verb: 'orphans'; readonly request: OrphansRequest }
  | { readonly verb: 'health'; readonly request: HealthRequest }
  | { readonly verb: 'engine'; readonly request: EngineRequest }
  | { readonly verb: 'add files'; readonly request: AddFilesRequest }
  | { readonly verb: 'help'; readonly request: HelpRequest };

export type VerbName = LakeCall['verb'];

export interface HelpRequest {
  readonly topic?: string;
}

export interface Verb {
  readonly name: VerbName;
  /** One line. */
  readonly about: string;
  /** Forms in the order in which they are tried, each after the verb's own words. */
  readonly forms: readonly VerbForm[];
  /** What a person should know beyond the syntax, a sentence each. */
  readonly notes?: readonly string[];
  readonly examples: readonly string[];
}

export interface VerbForm {
  /** Without the verb's own words. */
  readonly syntax: string;
  readonly element: Element;
  call(values: Readonly<Record<string, unknown>>): LakeCall;
}

type RequestOf<V extends VerbName> = Extract<LakeCall, { verb: V }>['request'];

/** A form whose arguments are the request's fields, or are made into them by `request`. */
function form<V extends VerbName, T = RequestOf<V>>(
  verb: V,
  syntax: string,
  request: (values: T) => RequestOf<V> = values => values as unknown as RequestOf<V>,
): VerbForm {
  return {
    syntax,
    element: compileSyntax(syntax),
    call: values => ({ verb, request: request(values as unknown as T) }) as LakeCall,
  };
}

const partitionedBy = '{partitioned by <partitionedBy:fields>}';
const key = '{key <key:columns>}';

function refForms(type: 'branch' | 'tag'): VerbForm[] {
  const retention =
    type === 'branch'
      ? '{keep for <maxRefAgeMs:duration>}{keep snapshots for <maxSnapshotAgeMs:duration>}{keep <minSnapshotsToKeep:number> snapshots}'
      : '{keep for <maxRefAgeMs:duration>}';
  const create = (values: Omit<RefRequest, 'type'> & { replace?: boolean }): RefRequest => {
    const { replace, ...rest } = values;
    return { ...rest, type, ...(replace ? { action: 'replace' } : {}) };
  };
  return [
    form(
      type,
      `<table:table> drop <name:${type === 'branch' ? 'branch' : 'ref'}> [@ifExists if exists]`,
      (values: Omit<RefRequest, 'type'>) => ({
        ...values,
        type,
        action: 'drop',
      }),
    ),
    form(type, `<table:table> <name:new-ref> {at <at:version>}{@replace replace}${retention}`, create),
  ];
}

/** Every verb, in the order of the help. The parser, help, completion, hover and docs are all made from this. */
export const verbs: readonly Verb[] = [
  {
    name: 'create',
    about: 'Creates a table.',
    forms: [
      form(
        'create',
        `[@replace or replace] <table:new-table> [@ifNotExists if not exists] <columns:column-definitions> ${partitionedBy}{sorted by <sortedBy:fields>}${key}{properties <properties:properties>}{comment <comment:text>}{location <location:text>}`,
      ),
    ],
    notes: [
      'Types: boolean, int, long, float, double, decimal(p,s), date, time, timestamp, timestamptz, string, uuid, fixed(n), binary, struct<a: int>, list<int>, map<string, int>; SQL names such as BIGINT or VARCHAR work too.',
      'Partition fields: a column, or year, month, day, hour, bucket(n, c), truncate(n, c) of one.',
      'Key columns tell rows apart: upsert matches by them.',
    ],
    examples: [
      'create sales (id long not null, amount decimal(10,2), sold_at date) partitioned by (month(sold_at)) key (id)',
      'create if_needed if not exists (id int)',
    ],
  },
  {
    name: 'ingest',
    about: 'Loads files or a query into a table.',
    forms: [
      form(
        'ingest',
        `[into] <table:table> (from <source:source> | <source:file>) {mode <mode:append|overwrite|replace-partitions>}{@create create}${partitionedBy}${key}{on error <onError:abort|skip|quarantine>}${fileClauses}`,
        withFileOptions<IngestRequest>,
      ),
    ],
    notes: [
      'A source is a file, a glob pattern, several of them with commas, or a SELECT; write the SELECT in parentheses when clauses follow.',
      'append is the default; overwrite replaces all rows; replace-partitions replaces the partitions that the new rows fall into.',
      'create makes the table from the columns of the source when it is not there, with types that all rows fit: 007 stays a string, numbers with two to four decimals each are decimals, others doubles.',
      'Values that would lose something (3.7 for a whole number, 1.999 for two decimals) do not fit.',
      'on error quarantine keeps lines that do not fit, with the reason, in a table beside it.',
    ],
    examples: [
      "ingest sales from 'data/sales.csv'",
      "ingest weather from 'data/*.parquet' create partitioned by (year(date))",
      "ingest sales from 'new.csv' on error quarantine",
      "ingest sales from 's3://bucket/2026/*.csv.gz'",
      'ingest sales from (select * from staged where amount > 0) mode overwrite',
    ],
  },
  {
    name: 'upsert',
    about: 'Updates the rows whose key is there and inserts the others.',
    forms: [
      form(
        'upsert',
        `[into] <table:table> (from <source:source> | <source:file>) {on <on:columns>}{when matched and <whenMatchedDelete:condition> [then] delete}${fileClauses}`,
        withFileOptions<UpsertRequest>,
      ),
      form(
        'upsert',
        '[into] <table:table> on <on:columns> from <source:source>',
        withFileOptions<UpsertRequest>,
      ),
    ],
    notes: [
      "Without `on` the table's key columns are used.",
      'The condition of `when matched` can name `source` and `target`.',
    ],
    examples: [
      "upsert sales from 'data/changes.csv' on id",
      "upsert sales from 'data/changes.csv' on id when matched and source.amount is null delete",
    ],
  },
  {
    name: 'delete',
    about: 'Deletes rows by a condition.',
    forms: [form('delete', '[from] <table:table> where <where:condition>')],
    examples: ['delete sales where id = 1'],
  },
  {
    name: 'evolve',
    about: "Changes a table's columns, partitioning, order, key or properties without rewriting files.",
    forms: [form('evolve', '<table:table> <changes:changes>')],
    notes: ['Several changes, with commas between them, are one commit.'],
    examples: [
      'evolve sales add discount double after amount',
      'evolve sales rename amount to price, widen id to long',
      'evolve sales partition by day(sold_at)',
    ],
  },
  {
    name: 'history',
    about: "Lists a table's snapshots.",
    forms: [form('history', '<table:table>')],
    examples: ['history sales'],
  },
  {
    name: 'travel',
    about: 'Shows a table as it was, or names that version for later cells.',
    forms: [form('travel', '<table:table> to <to:version> [as <as:name>]')],
    notes: [
      "A version is a snapshot's id, a date or timestamp in quotes, tag:name, branch:name, or previous [n].",
      "SQL has words for it too: FROM sales AT (VERSION => 'q1').",
    ],
    examples: [
      'travel sales to tag:q1',
      "travel sales to '2026-01-31' as sales_january",
      'travel sales to previous',
    ],
  },
  {
    name: 'rollback',
    about: 'Makes an earlier version the current one.',
    forms: [form('rollback', '<table:table> to <to:version>')],
    examples: ['rollback sales to tag:q1', 'rollback sales to previous'],
  },
  {
    name: 'diff',
    about: 'Shows the rows that differ between two versions.',
    forms: [form('diff', '<table:table> from <from:version> [to <to:version>]')],
    examples: ['diff sales from tag:q1', 'diff sales from previous 2 to current'],
  },
  {
    name: 'branch',
    about: 'Creates, moves or drops a branch.',
    forms: refForms('branch'),
    examples: [
      'branch sales dev',
      "branch sales audit at tag:q1 keep for '30 days'",
      'branch sales drop dev',
    ],
  },
  {
    name: 'tag',
    about: 'Gives a snapshot a name, or drops the name.',
    forms: refForms('tag'),
    examples: ['tag sales q1', 'tag sales before_load at previous', 'tag sales drop q1'],
  },
  {
    name: 'publish',
    about: "Makes a branch's snapshot the current one.",
    forms: [form('publish', '<table:table> <branch:branch> [to <to:branch>]')],
    examples: ['publish sales dev'],
  },
  {
    name: 'tables',
    about: 'Lists tables.',
    forms: [form('tables', '[in] [<namespace:namespace>]')],
    examples: ['tables', 'tables in eu'],
  },
  {
    name: 'describe',
    about: "Shows a table's columns, partitioning, key, size and properties.",
    forms: [form('describe', '<table:table>')],
    examples: ['describe sales'],
  },
  {
    name: 'files',
    about: "Lists a table's data files.",
    forms: [form('files', '<table:table> [at <at:version>]')],
    examples: ['files sales', 'files sales at tag:q1'],
  },
  {
    name: 'drop',
    about: 'Drops a table.',
    forms: [form('drop', '[@ifExists if exists] <table:table> {@ifExists if exists}{@purge purge}')],
    notes: ['Its files stay, so that `import` can bring it back; `purge` deletes them too.'],
    examples: ['drop sales', 'drop sales if exists purge'],
  },
  {
    name: 'import',
    about: 'Adopts a table from its metadata file.',
    forms: [form('import', '<table:new-table> from <metadata:path>')],
    examples: ["import sales from 'warehouse/sales/metadata/00003-1c5e.metadata.json'"],
  },
  {
    name: 'export',
    about: 'Writes a table or a query to a file.',
    forms: [
      form(
        'export',
        '<table:table> [at <at:version>] to <path:path> {format <format:csv|json|parquet>}{@overwrite overwrite}',
        (values: Omit<ExportRequest, 'source'> & { table: string; at?: Version }): ExportRequest => {
          const { table, at, ...rest } = values;
          return { ...rest, source: { table, at } };
        },
      ),
      form(
        'export',
        '<query:source> to <path:path> {format <format:csv|json|parquet>}{@overwrite overwrite}',
        (values: Omit<ExportRequest, 'source'> & { query: { sql: string } }): ExportRequest => {
          const { query, ...rest } = values;
          return { ...rest, source: { sql: query.sql } };
        },
      ),
    ],
    examples: [
      "export sales to 'sales.parquet'",
      "export (select * from sales where amount > 100) to 'large.csv' overwrite",
    ],
  },
  {
    name: 'compact',
    about: 'Rewrites files that are too small, too large or have deleted rows.',
    forms: [
      form('compact', '<table:table> manifests {@all all}', (values: CompactRequest) => ({
        ...values,
        what: 'manifests',
      })),
      form('compact', '<table:table> deletes {@all all}', (values: CompactRequest) => ({
        ...values,
        what: 'deletes',
      })),
      form(
        'compact',
        '<table:table> {where <where:condition>}{sort by <sortBy:fields>}{@all all}{to <targetSizeBytes:size>}{@partialProgress partial progress}',
      ),
    ],
    notes: [
      'Files that may hold rows for which the condition holds are rewritten as a whole.',
      'sort by orders the rows of all files; sort by zorder(a, b) keeps rows near each other that are near in any of the columns.',
      "to '128 MB' says how large files should be; else the table does (write.target-file-size-bytes).",
      'partial progress commits each group of files by itself.',
      'manifests puts the list of files in order, deletes makes one delete file of several.',
    ],
    examples: [
      'compact sales',
      "compact sales where sold_at >= '2026-01-01' sort by amount",
      'compact sales sort by zorder(id, sold_at)',
      'compact sales manifests',
    ],
  },
  {
    name: 'expire',
    about: 'Removes old snapshots and the files only they need.',
    forms: [form('expire', '<table:table> {older than <olderThanMs:duration>}{keep <keep:number>}')],
    notes: [
      'What branches and tags need stays, as long as their own retention says.',
      "Without an age the table's own counts (history.expire.max-snapshot-age-ms, else 5 days).",
    ],
    examples: ["expire sales older than '7 days' keep 5"],
  },
  {
    name: 'orphans',
    about: 'Finds files that no snapshot needs, such as those of broken-off writes.',
    forms: [form('orphans', '<table:table> {older than <olderThanMs:duration>}{@delete delete}')],
    notes: ['Files of the last 3 days are left out: a commit under way may need them.'],
    examples: ['orphans sales', 'orphans sales delete'],
  },
  {
    name: 'health',
    about: 'Tells what a table needs and why.',
    forms: [form('health', '<table:table>')],
    examples: ['health sales'],
  },
  {
    name: 'engine',
    about: 'Chooses the engine that runs SQL from now on, or tells which one does.',
    forms: [form('engine', `[<engine:${engineKinds.join('|')}>]`)],
    notes: [
      'duckdb is the embedded engine; the others run on the machines that `engines` in lakebook.json names.',
      'A cell that begins with `-- engine: trino` chooses for itself alone.',
      'Verbs always run here, on the same tables.',
    ],
    examples: ['engine', 'engine trino', 'engine duckdb'],
  },
  {
    name: 'add files',
    about: 'Makes Parquet files part of a table without copying them.',
    forms: [form('add files', '[to] <table:table> from <source:source>')],
    notes: [
      'Columns are found by their names, and must have the types of the table; all rows of a file must be in one partition.',
      'The files belong to the table from then on: rewriting and expiring it deletes them.',
    ],
    examples: ["add files to sales from 'exports/*.parquet'"],
  },
  {
    name: 'help',
    about: 'Shows this list, or a verb in full.',
    forms: [form('help', '[<topic:verb>]')],
    examples: ['help', 'help ingest'],
  },
];

/** The verb of a name, in any case. */
export function findVerb(name: string): Verb | undefined {
  const wanted = name.trim().replace(/\s+/g, ' ').toLowerCase();
  return verbs.find(verb => verb.name === wanted);
}

/** Names of all verbs. */
export const verbNames: readonly string[] = verbs.map(verb => verb.name);
