import { didYouMeanHint } from './did-you-mean.ts';
import { AlreadyExistsError, NotFoundError, type TextPosition, ValidationError } from './errors.ts';
import {
  type PartitionField,
  type PartitionSpec,
  partitionIdStart,
  samePartitionSource,
} from './partition.ts';
import { findField, isSingleValued, type Schema } from './schema.ts';
import { type ColumnNames, type LocatedField, locateColumn, sameName } from './schema-tree.ts';
import { canTransform, type Transform, transformToString } from './transform.ts';
import { typeToString } from './type-text.ts';

/** A partition field as a person asks for it. */
export interface PartitionTerm {
  readonly column: ColumnNames;
  readonly transform: Transform;
  /** Absent: the standard name of column and transform. */
  readonly name?: string;
}

/** A partition field that is there already: by its name, or by column and transform. */
export type PartitionFieldName = { readonly name: string } | { readonly term: PartitionTerm };

/** One change of how new rows are partitioned. `at` is where a person wrote it, for errors. */
export type SpecChange = { readonly at?: TextPosition } & (
  | { readonly kind: 'add-partition-field'; readonly field: PartitionTerm }
  | { readonly kind: 'drop-partition-field'; readonly field: PartitionFieldName }
  | {
      readonly kind: 'replace-partition-field';
      readonly field: PartitionFieldName;
      readonly by: PartitionTerm;
    }
  /** The whole spec; no fields: unpartitioned. */
  | { readonly kind: 'set-partitioning'; readonly fields: readonly PartitionTerm[] }
);

interface EvolvingField {
  readonly field: PartitionField;
  /** Whether the spec that the change starts from has it. */
  readonly inBase: boolean;
  readonly dropped: boolean;
}

/** A partition spec that is being changed. */
export interface EvolvingSpec {
  readonly formatVersion: 1 | 2 | 3;
  /** All specs that the table ever had. */
  readonly history: readonly PartitionSpec[];
  readonly fields: readonly EvolvingField[];
  readonly lastPartitionId: number;
}

export function evolvingSpec(table: {
  readonly formatVersion: 1 | 2 | 3;
  readonly spec: PartitionSpec;
  readonly history: readonly PartitionSpec[];
  readonly lastPartitionId: number;
}): EvolvingSpec {
  const { formatVersion, spec, history, lastPartitionId } = table;
  const fields = spec.fields.map(field => ({ field, inBase: true, dropped: false }));
  return { formatVersion, history, fields, lastPartitionId };
}

/**
 * The fields after all changes. Before format version 2 fields are told by their place, so a dropped one stays as
 * a void one; since then it's removed (spec: "Partition Evolution").
 */
export function evolvedFields(spec: EvolvingSpec): PartitionField[] {
  if (spec.formatVersion >= 2) return spec.fields.filter(entry => !entry.dropped).map(({ field }) => field);
  return spec.fields
    .filter(entry => entry.inBase || !entry.dropped)
    .map(({ field, dropped }) => (dropped ? { ...field, transform: { kind: 'void' } } : field));
}

/**
 * The spec after a change. Field ids are never given to other fields; a field of the same column, transform and
 * (when one is asked for) name as one that the table had before gets that one's id back, since format version 2.
 * @throws NotFoundError('partition field' or 'column'), AlreadyExistsError('partition field'), ValidationError
 */
export function changeSpec(spec: EvolvingSpec, change: SpecChange, schema: Schema): EvolvingSpec {
  switch (change.kind) {
    case 'add-partition-field':
      return addField(spec, change.field, schema, 'added', change.at);
    case 'drop-partition-field':
      return dropField(spec, change.field, schema, change.at);
    case 'replace-partition-field':
      return addField(
        dropField(spec, change.field, schema, change.at),
        change.by,
        schema,
        'added',
        change.at,
      );
    case 'set-partitioning':
      return replaceFields(spec, change.fields, schema, change.at);
  }
}

/**
 * The spec of a new table.
 * @throws as changeSpec
 */
export function newSpec(terms: readonly PartitionTerm[], schema: Schema, at?: TextPosition): PartitionSpec {
  const empty: EvolvingSpec = {
    formatVersion: 2,
    history: [],
    fields: [],
    lastPartitionId: partitionIdStart,
  };
  return { specId: 0, fields: evolvedFields(replaceFields(empty, terms, schema, at)) };
}

function replaceFields(
  spec: EvolvingSpec,
  terms: readonly PartitionTerm[],
  schema: Schema,
  at: TextPosition | undefined,
): EvolvingSpec {
  checkRedundantTimes(terms, schema, at);
  // Since version 2 the order is as asked for; before, what is there keeps its place.
  const cleared: EvolvingSpec = {
    ...spec,
    fields:
      spec.formatVersion >= 2
        ? []
        : spec.fields.filter(entry => entry.inBase).map(entry => ({ ...entry, dropped: true })),
  };
  return terms.reduce((result, term) => addField(result, term, schema, 'new', at), cleared);
}

function addField(
  spec: EvolvingSpec,
  term: PartitionTerm,
  schema: Schema,
  naming: 'new' | 'added',
  at: TextPosition | undefined,
): EvolvingSpec {
  const source = partitionSource(schema, term, at);
  const { transform } = term;
  const wanted: PartitionField = { sourceId: source.field.id, fieldId: 0, name: term.name ?? '', transform };
  const same = spec.fields.find(({ field }) => samePartitionSource(field, wanted));
  if (same !== undefined && !same.dropped) {
    throw new AlreadyExistsError(
      'partition field',
      `The table is partitioned by ${termText(source, transform)} already: the field "${same.field.name}".`,
      { hint: 'Leave it out.', position: at },
    );
  }
  if (same !== undefined) {
    const name = term.name ?? same.field.name;
    const restored = { ...same, dropped: false, field: { ...same.field, name } };
    const others = spec.fields.filter(entry => entry !== same);
    const { fields } = withFreeName({ ...spec, fields: others }, name, at);
    const renamed = new Map(others.map((entry, index) => [entry, fields[index]!]));
    return {
      ...spec,
      fields: spec.fields.map(entry => (entry === same ? restored : renamed.get(entry)!)),
    };
  }
  const former = formerField(spec, wanted, term.name);
  const name = former?.name ?? term.name ?? standardName(source, transform, naming);
  checkName(schema, name, source.field.id, transform, at);
  const fieldId = former?.fieldId ?? spec.lastPartitionId + 1;
  const { fields } = withFreeName(spec, name, at);
  return {
    ...spec,
    fields: [...fields, { field: { ...wanted, fieldId, name }, inBase: false, dropped: false }],
    lastPartitionId: Math.max(spec.lastPartitionId, fieldId),
  };
}

/** A field that the table was partitioned by before, whose id the same field has to get again. */
function formerField(
  spec: EvolvingSpec,
  wanted: PartitionField,
  name: string | undefined,
): PartitionField | undefined {
  if (spec.formatVersion < 2) return undefined;
  return spec.history
    .flatMap(({ fields }) => fields)
    .find(field => samePartitionSource(field, wanted) && (name === undefined || field.name === name));
}

/** Makes a name free: void fields and dropped ones, which may stay as void ones, give theirs up. */
function withFreeName(spec: EvolvingSpec, name: string, at: TextPosition | undefined): EvolvingSpec {
  const fields = spec.fields.map(entry => {
    const { field } = entry;
    if (!sameName(field.name, name)) return entry;
    if (!entry.dropped && field.transform.kind !== 'void') {
      throw new AlreadyExistsError('partition field', `There is a partition field "${field.name}" already.`, {
        hint: 'Give the field another name: ADD PARTITION FIELD ... AS name.',
        position: at,
      });
    }
    return { ...entry, field: { ...field, name: `${field.name}_${field.fieldId}` } };
  });
  return { ...spec, fields };
}

function dropField(
  spec: EvolvingSpec,
  wanted: PartitionFieldName,
  schema: Schema,
  at: TextPosition | undefined,
): EvolvingSpec {
  const found = findPartitionField(spec, wanted, schema, at);
  const fields = spec.fields.flatMap(entry => {
    if (entry !== found) return [entry];
    return entry.inBase ? [{ ...entry, dropped: true }] : [];
  });
  return { ...spec, fields };
}

function findPartitionField(
  spec: EvolvingSpec,
  wanted: PartitionFieldName,
  schema: Schema,
  at: TextPosition | undefined,
): EvolvingField {
  const live = spec.fields.filter(({ dropped, field }) => !dropped && field.transform.kind !== 'void');
  const byTerm = (column: ColumnNames, transform: Transform) => {
    const sourceId = locateColumn(schema, column, at).field.id;
    return live.find(({ field }) =>
      samePartitionSource(field, { sourceId, fieldId: 0, name: '', transform }),
    );
  };
  let found: EvolvingField | undefined;
  let text: string;
  if ('name' in wanted) {
    text = `called "${wanted.name}"`;
    found = live.find(({ field }) => field.name === wanted.name);
    found ??= live.find(({ field }) => sameName(field.name, wanted.name));
    if (found === undefined && schema.fields.some(field => sameName(field.name, wanted.name)))
      found = byTerm([wanted.name], { kind: 'identity' });
  } else {
    const { column, transform } = wanted.term;
    text = termText(locateColumn(schema, column, at), transform);
    found = byTerm(column, transform);
  }
  if (found !== undefined) return found;
  const names = live.map(({ field }) => field.name);
  throw new NotFoundError('partition field', `The table has no partition field ${text}.`, {
    hint:
      names.length === 0
        ? 'The table is not partitioned.'
        : (('name' in wanted ? didYouMeanHint(wanted.name, names) : undefined) ??
          `Its partition fields are ${names.join(', ')}.`),
    position: at,
  });
}

/** The column of a partition field. @throws NotFoundError, ValidationError when it can't be partitioned so */
function partitionSource(schema: Schema, term: PartitionTerm, at: TextPosition | undefined): LocatedField {
  const source = locateColumn(schema, term.column, at);
  const text = termText(source, term.transform);
  if (!isSingleValued(schema, source.field.id)) {
    throw new ValidationError(`The table can't be partitioned by ${text}: the column is in a list or map.`, {
      hint: 'Partition by columns that a row has once.',
      position: at,
    });
  }
  if (!canTransform(term.transform, source.field.type)) {
    throw new ValidationError(
      `The table can't be partitioned by ${text}: the column is of type ${typeToString(source.field.type)}.`,
      { hint: transformHint(term.transform), position: at },
    );
  }
  return source;
}

/** What types a transform is for, one sentence. */
export function transformHint(transform: Transform): string {
  switch (transform.kind) {
    case 'hour':
      return 'hour is for timestamps.';
    case 'year':
    case 'month':
    case 'day':
      return `${transform.kind} is for dates and timestamps.`;
    case 'truncate':
      return 'truncate is for int, long, decimal, string and binary columns.';
    case 'bucket':
      return 'bucket is for all simple types but boolean, float and double.';
    default:
      return 'Use a column of a simple type.';
  }
}

/** `bucket[16](id)`, `region`. */
function termText({ names }: LocatedField, transform: Transform): string {
  const column = names.join('.');
  return transform.kind === 'identity' ? column : `${transformToString(transform)}(${column})`;
}

/**
 * The name of a field nobody named, as Iceberg's Java library gives it: `ts_day`, `id_bucket`, `s_trunc`; fields
 * added to a table later have the transform's parameter in it too, `id_bucket_16`.
 */
function standardName({ names }: LocatedField, transform: Transform, naming: 'new' | 'added'): string {
  const column = names.join('.');
  const parameter = (value: number) => (naming === 'added' ? `_${value}` : '');
  switch (transform.kind) {
    case 'identity':
      return column;
    case 'bucket':
      return `${column}_bucket${parameter(transform.buckets)}`;
    case 'truncate':
      return `${column}_trunc${parameter(transform.width)}`;
    case 'void':
      return `${column}_null`;
    case 'other':
      return `${column}_${transform.text}`;
    default:
      return `${column}_${transform.kind}`;
  }
}

/** A partition field may have a column's name only if it is that column's value. */
function checkName(
  schema: Schema,
  name: string,
  sourceId: number,
  transform: Transform,
  at: TextPosition | undefined,
): void {
  if (name.trim() === '') {
    throw new ValidationError('The name of a partition field is empty.', {
      hint: 'Choose a name.',
      position: at,
    });
  }
  const column = findField(schema, name);
  if (column === undefined || (transform.kind === 'identity' && column.id === sourceId)) return;
  throw new AlreadyExistsError(
    'partition field',
    `A partition field can't be called "${name}": a column is.`,
    {
      hint: 'Give the field another name: ... AS name.',
      position: at,
    },
  );
}

const timeTransforms = new Set(['year', 'month', 'day', 'hour']);

/** Rows of one day are of one month anyway: such a pair is a mistake, and Iceberg's Java library refuses it too. */
function checkRedundantTimes(
  terms: readonly PartitionTerm[],
  schema: Schema,
  at: TextPosition | undefined,
): void {
  const seen = new Map<number, string>();
  for (const { column, transform } of terms) {
    if (!timeTransforms.has(transform.kind)) continue;
    const located = locateColumn(schema, column, at);
    const text = termText(located, transform);
    const other = seen.get(located.field.id);
    if (other !== undefined && other !== text) {
      throw new ValidationError(`The partition fields ${other} and ${text} overlap.`, {
        hint: 'Keep the one that is as fine as you need.',
        position: at,
      });
    }
    seen.set(located.field.id, text);
  }
}
