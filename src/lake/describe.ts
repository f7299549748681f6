import type { EngineSession } from '../engine/session.ts';
import {
  currentSchema,
  currentSnapshot,
  currentSortOrder,
  currentSpec,
  mainBranch,
  type TableMetadata,
} from '../iceberg/metadata.ts';
import { fieldPath, type Schema, typeToString } from '../iceberg/schema.ts';
import { distinctCounts } from '../iceberg/statistics.ts';
import type { Transform } from '../iceberg/transform.ts';
import { transformToString } from '../iceberg/transform.ts';
import { bytesText, count, momentText, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { DescribeRequest } from './requests.ts';
import { requireTable, shownName } from './targets.ts';

const columns = [
  { name: 'column', type: 'VARCHAR' },
  { name: 'type', type: 'VARCHAR' },
  { name: 'required', type: 'BOOLEAN' },
  { name: 'key', type: 'BOOLEAN' },
];
const distinctColumn = { name: 'distinct_values', type: 'BIGINT' };
const commentColumn = { name: 'comment', type: 'VARCHAR' };

/** A table's columns, and in the text everything else that it is. */
export async function describe(
  session: EngineSession,
  request: DescribeRequest,
  _options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const { metadata } = table;
  const schema = currentSchema(metadata);
  const distinct = distinctCounts(metadata);
  // A column of nothing but NULLs says nothing.
  const hasComments = schema.fields.some(field => field.doc !== undefined);
  const rows = schema.fields.map(field => [
    field.name,
    typeToString(field.type),
    field.required,
    schema.identifierFieldIds.includes(field.id),
    ...(distinct === undefined ? [] : [distinct.counts.get(field.id) ?? null]),
    ...(hasComments ? [field.doc ?? null] : []),
  ]);
  const lines = [
    `${shownName(session, table)}: ${sizeText(metadata)}`,
    ...facts(metadata, schema).map(([name, value]) => `${`${name}:`.padEnd(16)}${value}`),
  ];
  return {
    text: lines.join('\n'),
    columns: [
      ...columns,
      ...(distinct === undefined ? [] : [distinctColumn]),
      ...(hasComments ? [commentColumn] : []),
    ],
    rows,
  };
}

function sizeText(metadata: TableMetadata): string {
  const snapshot = currentSnapshot(metadata);
  if (snapshot === undefined) return 'no rows yet.';
  const { summary } = snapshot;
  const total = (key: string) => (summary[key] === undefined ? undefined : Number(summary[key]));
  const parts = [
    [total('total-records'), (n: number) => count(n, 'row')],
    [total('total-data-files'), (n: number) => count(n, 'file')],
    [total('total-files-size'), bytesText],
  ] as const;
  const known = parts.flatMap(([number, text]) => (number === undefined ? [] : [text(number)]));
  return `${known.join(', ')}; ${count(metadata.snapshots.length, 'snapshot')}, last changed ${momentText(metadata.lastUpdatedMs)}.`;
}

function facts(metadata: TableMetadata, schema: Schema): [string, string][] {
  const spec = currentSpec(metadata).fields.filter(field => field.transform.kind !== 'void');
  const partitioned = spec.map(field => transformText(field.transform, schema, field.sourceId));
  const sorted = currentSortOrder(metadata).fields.map(
    field =>
      `${transformText(field.transform, schema, field.sourceId)} ${field.direction} ${field.nullOrder.replace('-', ' ')}`,
  );
  const named = (type: 'branch' | 'tag') =>
    Object.entries(metadata.refs)
      .filter(([name, ref]) => ref.type === type && name !== mainBranch)
      .map(([name]) => name);
  const { comment, ...properties } = metadata.properties;
  const list: [string, readonly string[]][] = [
    ['comment', comment === undefined ? [] : [comment]],
    ['partitioned by', partitioned],
    ['sorted by', sorted],
    ['branches', named('branch')],
    ['tags', named('tag')],
    ['properties', Object.entries(properties).map(([key, value]) => `${key} = ${value}`)],
  ];
  return [
    ...list
      .filter(([, values]) => values.length > 0)
      .map(([name, values]): [string, string] => [name, values.join(', ')]),
    ['format version', String(metadata.formatVersion)],
    ['location', metadata.location],
  ];
}

/** `month(sold_at)`, `bucket(16, id)`; the bare column for identity. */
export function transformText(transform: Transform, schema: Schema, sourceId: number): string {
  const source = fieldPath(schema, sourceId) ?? `field ${sourceId}`;
  const text = transformToString(transform);
  if (text === 'identity') return source;
  const [, name, argument] = /^(\w+)\[(.+)\]$/.exec(text) ?? [];
  return name === undefined ? `${text}(${source})` : `${name}(${argument}, ${source})`;
}
