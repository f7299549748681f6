import { type FileMetrics, inclusiveMetrics } from '../../../iceberg/evaluate.ts';
import { fieldIdsOf } from '../../../iceberg/expression.ts';
import { findField } from '../../../iceberg/schema.ts';
import type { Type } from '../../../iceberg/types.ts';
import type { RowFilter, RowRange } from '../../storage.ts';
import type { FooterMap, Leaf, RowGroup, StoredType } from './footer.ts';

/** The row groups of a file that a query needs. */
export interface RowGroupSelection {
  /** By row group. */
  readonly needed: readonly boolean[];
  /** The rows in them; ranges that touch are one. */
  readonly rows: readonly RowRange[];
}

/**
 * The row groups that may have rows which the filter selects, by the statistics in the footer, and those between
 * where there would be too many ranges of rows. Statistics that are absent or not understood leave out nothing.
 * @returns undefined when all are needed
 */
export function selectRowGroups(footer: FooterMap, filter: RowFilter): RowGroupSelection | undefined {
  const { rowGroups } = footer;
  const metricsOf = metricsReader(footer, filter);
  const needed = rowGroups.map(group => group.rows > 0 && filterSelects(filter, metricsOf(group)));
  if (rowGroups.every((group, index) => needed[index]! || group.rows === 0)) return undefined;
  const runs = mergeRuns(neededRuns(rowGroups, needed), filter.mostRanges);
  const selected = rowGroups.map((_, index) =>
    runs.some(({ first, last }) => first <= index && index <= last),
  );
  if (selected.every(Boolean)) return undefined;
  return { needed: selected, rows: runs.map(({ start, end }) => ({ start, end })) };
}

function filterSelects({ expr, schema }: RowFilter, metrics: FileMetrics): boolean {
  return inclusiveMetrics(expr, schema, metrics);
}

/** Neighbouring row groups and their rows. */
interface Run extends RowRange {
  readonly first: number;
  readonly last: number;
}

function neededRuns(rowGroups: readonly RowGroup[], needed: readonly boolean[]): Run[] {
  const runs: Run[] = [];
  let start = 0;
  for (const [index, { rows }] of rowGroups.entries()) {
    const end = start + rows;
    const before = runs.at(-1);
    if (needed[index] === true) {
      if (before?.end === start) runs[runs.length - 1] = { ...before, last: index, end };
      else runs.push({ first: index, last: index, start, end });
    }
    start = end;
  }
  return runs;
}

/** At most `most` runs: those go together between which there are the fewest rows. */
function mergeRuns(runs: readonly Run[], most: number): Run[] {
  const gaps = runs.slice(1).map((run, index) => ({ after: index, rows: run.start - runs[index]!.end }));
  const filled = new Set(
    gaps
      .sort((a, b) => a.rows - b.rows)
      .slice(0, Math.max(0, runs.length - most))
      .map(({ after }) => after),
  );
  const merged: Run[] = [];
  for (const [index, run] of runs.entries()) {
    const before = merged.at(-1);
    if (before === undefined || !filled.has(index - 1)) merged.push(run);
    else merged[merged.length - 1] = { ...before, last: run.last, end: run.end };
  }
  return merged;
}

/** What a row group's statistics say, in the form in which manifests tell of files. */
function metricsReader(
  footer: FooterMap,
  { expr, schema, withoutNan }: RowFilter,
): (group: RowGroup) => FileMetrics {
  const nanValueCounts = new Map(withoutNan?.map(fieldId => [fieldId, 0]));
  const columns: { fieldId: number; leaf: number; stored: StoredType | undefined }[] = [];
  for (const fieldId of fieldIdsOf(expr)) {
    const leaf = footer.leaves.findIndex(candidate => candidate.fieldId === fieldId);
    const type = findField(schema, fieldId)?.type;
    if (leaf < 0 || type === undefined) continue;
    columns.push({ fieldId, leaf, stored: comparableType(footer.leaves[leaf]!, type) });
  }
  return ({ rows, chunks }) => {
    const nullValueCounts = new Map<number, number>();
    const lowerBounds = new Map<number, Uint8Array>();
    const upperBounds = new Map<number, Uint8Array>();
    for (const { fieldId, leaf, stored } of columns) {
      const { nulls, min, max } = chunks[leaf]!;
      if (nulls !== undefined) nullValueCounts.set(fieldId, nulls);
      if (stored === undefined) continue;
      if (min !== undefined) lowerBounds.set(fieldId, bound(stored, min));
      if (max !== undefined) upperBounds.set(fieldId, bound(stored, max));
    }
    return {
      recordCount: rows,
      fileFormat: 'PARQUET',
      nullValueCounts,
      nanValueCounts,
      lowerBounds,
      upperBounds,
    };
  };
}

/** The type of a leaf's statistics if values of it are read as they are by a column of the type. */
function comparableType({ stored }: Leaf, type: Type): StoredType | undefined {
  if (stored === undefined) return undefined;
  if (type.kind === 'decimal') {
    return stored.kind === 'decimal' && stored.scale === type.scale ? stored : undefined;
  }
  return readAs[type.kind]?.includes(stored.kind) === true ? stored : undefined;
}

/** The stored types that a column's own type is the same as, or was widened from (spec: "Schema Evolution"). */
const readAs: Readonly<Partial<Record<Type['kind'], readonly StoredType['kind'][]>>> = {
  boolean: ['boolean'],
  int: ['int'],
  long: ['int', 'long'],
  float: ['float'],
  double: ['float', 'double'],
  date: ['date'],
  time: ['time'],
  timestamp: ['timestamp', 'date'],
  timestamptz: ['timestamp'],
  timestamp_ns: ['timestamp_ns', 'date'],
  timestamptz_ns: ['timestamp_ns'],
  string: ['string'],
};

/** Iceberg's single-value form, which is Parquet's but for the order of a decimal's bytes. */
function bound({ littleEndian }: StoredType, bytes: Uint8Array): Uint8Array {
  return littleEndian === true ? bytes.toReversed() : bytes;
}
