import { type TSchema, Type } from 'typebox';
import { mediaTypes } from '../query/formats.ts';

/*
 * What requests and answers look like. Fastify checks requests against these, and the OpenAPI document is made of them.
 */

/** `sales`, `ns.sales`: parts of letters, digits, `_` and `-`. Other names are for SQL, in double quotes. */
export const TableName = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[\\p{L}_][\\p{L}\\p{N}_-]{0,127}(\\.[\\p{L}_][\\p{L}\\p{N}_-]{0,127}){0,3}$',
  description: 'A table: `sales`, or `namespace.sales`; `sales.branch_dev` is a branch of it.',
  examples: ['sales'],
});
export const TableParams = Type.Object({ table: TableName });

export const ColumnName = Type.String({ minLength: 1, maxLength: 512, examples: ['amount'] });
const TypeText = Type.String({
  minLength: 1,
  maxLength: 2000,
  pattern: '^[\\p{L}\\p{N}_ \\t,.:()<>\\[\\]"-]+$',
  description: 'An Iceberg or SQL type: `long`, `decimal(10,2)`, `struct<a: int>`.',
  examples: ['decimal(10,2)'],
});
const Term = Type.String({
  minLength: 1,
  maxLength: 1000,
  pattern: "^[^\\u0000-\\u001f;']+$",
  description: 'As in SQL: `month(sold_at)`, `bucket(16, id)`, `region`.',
});
const Condition = Type.String({
  minLength: 1,
  maxLength: 100_000,
  description: 'A SQL condition on the table.',
});
const Properties = Type.Record(
  Type.String({ minLength: 1, maxLength: 255 }),
  Type.String({ maxLength: 10_000 }),
);

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'A URN for the kind of problem.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'A stable name for programs: `TABLE_NOT_FOUND`, `SYNTAX`, ...' }),
    hint: Type.Optional(Type.String({ description: 'What to do next.' })),
    position: Type.Optional(
      Type.Object({
        line: Type.Integer(),
        column: Type.Integer(),
        length: Type.Optional(Type.Integer()),
      }),
    ),
    instance: Type.Optional(
      Type.String({ description: 'The id of the request, for finding it in the log.' }),
    ),
  },
  { description: 'RFC 9457' },
);

function problem(description: string): Record<string, unknown> {
  return { description, content: { 'application/problem+json': { schema: ProblemSchema } } };
}

/** The refusals that a route documents, beside its answers. */
export function problems(
  ...statuses: readonly (keyof typeof texts)[]
): Record<number, Record<string, unknown>> {
  return Object.fromEntries([...always, ...statuses].map(status => [status, problem(texts[status])]));
}

const always = [400, 403, 405, 421, 429, 431] as const;
const texts = {
  400: 'The request is not right.',
  401: 'There is no token, or a wrong one.',
  403: 'The token, the page that calls, or the SQL may not do this.',
  404: 'There is no such table, snapshot or cursor.',
  405: 'The address takes other methods.',
  408: 'It took too long.',
  409: 'It exists already, or others changed it at the same time.',
  413: 'The body, the SQL text or the answer is too large.',
  415: 'The body is in a format that is not known here.',
  406: 'None of the accepted formats can be given.',
  410: 'The result is not kept any more.',
  421: 'The server does not answer to the name in the Host header.',
  422: 'The content can not be used.',
  429: 'Too many requests at once.',
  431: 'The headers are too large.',
  503: 'Not ready.',
} as const;

export function content(type: string, schema: TSchema, description: string): Record<string, unknown> {
  return { description, content: { [type]: { schema } } };
}

const Row = Type.Array(Type.Unknown());
export const QueryAnswer = Type.Object({
  columns: Type.Array(
    Type.Object({
      name: Type.String(),
      type: Type.String({ description: 'SQL type' }),
      values: Type.Optional(Type.Array(Type.Unknown(), { description: 'With `layout=columns`' })),
    }),
  ),
  rows: Type.Optional(Type.Array(Row, { description: 'With `layout=rows`' })),
  row_count: Type.Integer({ description: 'Rows in this answer' }),
  truncated: Type.Boolean({ description: 'Whether the query has more rows than the limit' }),
  next: Type.Optional(Type.String({ description: 'The cursor of the next page' })),
  elapsed_ms: Type.Number(),
});

export function queryAnswers(): Record<string, unknown> {
  const binary = Type.String({ format: 'binary' });
  return {
    description: 'The rows',
    content: {
      [mediaTypes.json]: { schema: QueryAnswer },
      [mediaTypes.ndjson]: { schema: Type.String({ description: 'A JSON object for each row and line' }) },
      [mediaTypes.csv]: { schema: Type.String() },
      [mediaTypes.arrow]: { schema: binary },
      [mediaTypes.parquet]: { schema: binary },
    },
  };
}

const Limit = Type.Integer({ minimum: 1, maximum: 1_000_000_000, description: 'Rows at most' });
const Timeout = Type.Number({ minimum: 0.01, maximum: 86_400, description: 'Seconds it may take' });
const SnapshotId = Type.String({
  pattern: '^[0-9]{1,19}$',
  description: 'Reads the tables that have this snapshot as it left them; a query of one table.',
});
const AsOf = Type.String({
  minLength: 4,
  maxLength: 64,
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]{1,18}(Z|[+-][0-9:]{2,6})?)?$',
  description: 'Reads all tables as they were then. ISO 8601; without a zone it is UTC.',
  examples: ['2026-01-31T08:00:00Z'],
});
const Layout = Type.Union([Type.Literal('rows'), Type.Literal('columns')], {
  description: 'Of a JSON answer',
});
const Cursor = Type.String({ minLength: 1, maxLength: 100, description: '`next` of the page before' });

const common = {
  limit: Type.Optional(Limit),
  page_size: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100_000, description: 'Reads the result page by page, in JSON' }),
  ),
  timeout: Type.Optional(Timeout),
  snapshot: Type.Optional(SnapshotId),
  as_of: Type.Optional(AsOf),
  layout: Type.Optional(Layout),
};
const Sql = Type.String({ minLength: 1, description: 'One query', examples: ['SELECT 1 AS one'] });

export const QueryParams = Type.Object(
  {
    sql: Type.Optional(Sql),
    cursor: Type.Optional(Cursor),
    ...common,
  },
  { additionalProperties: false },
);
export const QueryBody = Type.Object(
  {
    sql: Sql,
    parameters: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }),
        Type.Union([Type.String({ maxLength: 1_000_000 }), Type.Number(), Type.Boolean(), Type.Null()]),
        {
          description: 'Values of `$name` in the query. They are bound, never pasted into it.',
          maxProperties: 100,
          additionalProperties: false,
        },
      ),
    ),
    ...common,
  },
  { additionalProperties: false },
);

export const PreviewParams = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 100 })),
    snapshot: Type.Optional(SnapshotId),
    as_of: Type.Optional(AsOf),
    layout: Type.Optional(Layout),
  },
  { additionalProperties: false },
);

const OnErrorMode = Type.Union([Type.Literal('abort'), Type.Literal('skip'), Type.Literal('quarantine')], {
  description:
    'What becomes of rows that do not fit: `abort` refuses the upload, `skip` leaves them out, `quarantine` keeps them in the table `<name>_rejected`.',
});

export const fileFormats = ['csv', 'ndjson', 'json', 'parquet', 'arrow'] as const;
export type UploadFormat = (typeof fileFormats)[number];

export const IngestParams = Type.Object(
  {
    mode: Type.Optional(
      Type.Union(
        [
          Type.Literal('append'),
          Type.Literal('overwrite'),
          Type.Literal('replace-partitions'),
          Type.Literal('upsert'),
        ],
        { description: '`append` when absent' },
      ),
    ),
    create: Type.Optional(Type.Boolean({ description: 'Makes the table if it is not there' })),
    key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2000,
        description:
          'Columns that tell rows apart, separated by commas: those of an upsert, or of a new table',
      }),
    ),
    on_error: Type.Optional(OnErrorMode),
    format: Type.Optional(
      Type.Union(
        fileFormats.map(format => Type.Literal(format)),
        { description: "By the body's media type, or the file's name, when absent" },
      ),
    ),
    delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 1, description: 'Of CSV' })),
    header: Type.Optional(Type.Boolean({ description: 'Of CSV' })),
    encoding: Type.Optional(
      Type.Union([Type.Literal('utf-8'), Type.Literal('utf-16'), Type.Literal('latin-1')]),
    ),
    null_text: Type.Optional(
      Type.String({ maxLength: 100, description: 'Of CSV: text that stands for NULL' }),
    ),
    timeout: Type.Optional(Timeout),
  },
  { additionalProperties: false },
);

export const IdempotencyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^[\\x21-\\x7e]+$',
      description:
        'Names the upload: sent again under the same key it is not applied again, and answers what it answered. Kept as long as the snapshot.',
    }),
  ),
});

export const ChangeAnswer = Type.Object({
  table: Type.String(),
  rows_inserted: Type.Integer(),
  rows_updated: Type.Integer(),
  rows_deleted: Type.Integer(),
  rows_rejected: Type.Integer(),
  snapshot_id: Type.Union([Type.String(), Type.Null()], {
    description: 'Absent when nothing had to be changed',
  }),
  text: Type.String({ description: 'One sentence for people' }),
  warnings: Type.Array(Type.String()),
  replayed: Type.Boolean({ description: 'An earlier request with the same Idempotency-Key did this' }),
});

export const DoneAnswer = Type.Object({
  table: Type.String(),
  text: Type.String(),
  snapshot_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});

export const CreateBody = Type.Object(
  {
    table: TableName,
    columns: Type.Array(
      Type.Object(
        {
          name: ColumnName,
          type: TypeText,
          required: Type.Optional(Type.Boolean()),
          comment: Type.Optional(Type.String({ maxLength: 10_000 })),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 5_000 },
    ),
    partitioned_by: Type.Optional(Type.Array(Term, { maxItems: 50 })),
    sorted_by: Type.Optional(Type.Array(Term, { maxItems: 50 })),
    key: Type.Optional(Type.Array(ColumnName, { maxItems: 50 })),
    comment: Type.Optional(Type.String({ maxLength: 10_000 })),
    properties: Type.Optional(Properties),
    if_not_exists: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

export const DropParams = Type.Object(
  { purge: Type.Optional(Type.Boolean({ description: "Deletes the table's files too" })) },
  { additionalProperties: false },
);

export const UpsertBody = Type.Object(
  {
    rows: Type.Array(Type.Record(Type.String(), Type.Unknown()), { minItems: 1, maxItems: 100_000 }),
    on: Type.Optional(Type.Array(ColumnName, { minItems: 1, maxItems: 50 })),
    when_matched_delete: Type.Optional(Condition),
  },
  { additionalProperties: false },
);
export const DeleteBody = Type.Object({ where: Condition }, { additionalProperties: false });

const Place = Type.Union([
  Type.Object({ kind: Type.Literal('first') }, { additionalProperties: false }),
  Type.Object(
    { kind: Type.Union([Type.Literal('after'), Type.Literal('before')]), column: ColumnName },
    { additionalProperties: false },
  ),
]);
const change = <K extends string, P extends Record<string, TSchema>>(kind: K, members: P) =>
  Type.Object({ kind: Type.Literal(kind), ...members }, { additionalProperties: false });
export const EvolveBody = Type.Object(
  {
    changes: Type.Array(
      Type.Union([
        change('add', {
          column: ColumnName,
          type: TypeText,
          comment: Type.Optional(Type.String({ maxLength: 10_000 })),
          place: Type.Optional(Place),
        }),
        change('drop', { column: ColumnName }),
        change('rename', { column: ColumnName, to: ColumnName }),
        change('widen', { column: ColumnName, type: TypeText }),
        change('optional', { column: ColumnName }),
        change('required', { column: ColumnName }),
        change('move', { column: ColumnName, place: Place }),
        change('comment', { column: ColumnName, comment: Type.String({ maxLength: 10_000 }) }),
        change('key', { columns: Type.Array(ColumnName, { maxItems: 50 }) }),
        change('partition-by', { fields: Type.Array(Term, { maxItems: 50 }) }),
        change('add-partition-field', { field: Term }),
        change('drop-partition-field', { field: Term }),
        change('sort-by', { fields: Type.Array(Term, { maxItems: 50 }) }),
        change('set', { properties: Properties }),
        change('unset', {
          keys: Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 50 }),
        }),
        change('rename-table', { to: TableName }),
      ]),
      { minItems: 1, maxItems: 200 },
    ),
  },
  { additionalProperties: false },
);

export const RollbackBody = Type.Object(
  {
    snapshot: Type.Optional(SnapshotId),
    as_of: Type.Optional(AsOf),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    steps: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'So many commits back' }),
    ),
  },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
);

export const TableList = Type.Object({
  tables: Type.Array(
    Type.Object({
      name: Type.String(),
      namespace: Type.String(),
      table: Type.String(),
      rows: Type.Union([Type.Integer(), Type.Null()]),
      files: Type.Union([Type.Integer(), Type.Null()]),
      bytes: Type.Union([Type.Integer(), Type.Null()]),
      snapshots: Type.Union([Type.Integer(), Type.Null()]),
      changed_at: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
  warnings: Type.Array(Type.String()),
});

export const TableDetails = Type.Object({
  name: Type.String(),
  namespace: Type.String(),
  format_version: Type.Integer(),
  uuid: Type.String(),
  snapshot_id: Type.Union([Type.String(), Type.Null()]),
  columns: Type.Array(
    Type.Object({
      id: Type.Integer(),
      name: Type.String(),
      type: Type.String(),
      required: Type.Boolean(),
      comment: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
  key: Type.Array(Type.String()),
  partitioned_by: Type.Array(Type.String()),
  sorted_by: Type.Array(Type.String()),
  properties: Type.Record(Type.String(), Type.String()),
  refs: Type.Array(Type.Object({ name: Type.String(), type: Type.String(), snapshot_id: Type.String() })),
  rows: Type.Union([Type.Integer(), Type.Null()]),
});

export const SnapshotList = Type.Object({
  snapshots: Type.Array(
    Type.Object({
      snapshot_id: Type.String(),
      parent_id: Type.Union([Type.String(), Type.Null()]),
      committed_at: Type.String(),
      operation: Type.Union([Type.String(), Type.Null()]),
      is_current: Type.Boolean(),
      summary: Type.Record(Type.String(), Type.String()),
    }),
  ),
});
