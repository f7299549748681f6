import { describe, expect, test } from 'vitest';
import { LakebookError } from '../../src/iceberg/errors.ts';
import { currentSpec, type TableMetadata } from '../../src/iceberg/metadata.ts';
import type { PartitionTerm, SpecChange } from '../../src/iceberg/spec-update.ts';
import { parseTransform, transformToString } from '../../src/iceberg/transform.ts';
import { altered, tableFrom } from './evolution-support.ts';

const columns = 'id: long, ts: timestamp, s: string, f: double, n: struct<d: date>, l: list<int>';

/** `bucket[16](id)`, `s`, `day(ts) as d`. */
function term(text: string): PartitionTerm {
  const match = /^(?:([a-z]+(?:\[\d+\])?)\(([\w.]+)\)|([\w.]+))(?: as (\w+))?$/.exec(text)!;
  return {
    transform: parseTransform(match[1] ?? 'identity'),
    column: (match[2] ?? match[3]!).split('.'),
    ...(match[4] === undefined ? {} : { name: match[4] }),
  };
}

const add = (text: string): SpecChange => ({ kind: 'add-partition-field', field: term(text) });
const drop = (name: string): SpecChange => ({ kind: 'drop-partition-field', field: { name } });
const dropTerm = (text: string): SpecChange => ({
  kind: 'drop-partition-field',
  field: { term: term(text) },
});
const set = (...texts: string[]): SpecChange => ({ kind: 'set-partitioning', fields: texts.map(term) });

const table = (formatVersion: number, ...partitionedBy: string[]) =>
  tableFrom(columns, { formatVersion, partitionedBy: partitionedBy.map(term) });

/** `0: 1000 id_bucket=bucket[16](1)` */
function spec(metadata: TableMetadata): string {
  const { specId, fields } = currentSpec(metadata);
  const texts = fields.map(f => `${f.fieldId} ${f.name}=${transformToString(f.transform)}(${f.sourceId})`);
  return `${specId}: ${texts.join(', ')}`;
}

function failure(metadata: TableMetadata, ...changes: SpecChange[]): string {
  try {
    altered(metadata, ...changes);
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    return `${error.code}: ${error.message} ${error.hint}`;
  }
  throw new Error('nothing failed');
}

// The vectors are those of Iceberg's Java library (TestUpdatePartitionSpec).
describe('partition evolution', () => {
  test('names of new tables and of added fields', () => {
    expect(spec(table(2, 'bucket[16](id)', 'day(ts)', 'truncate[4](s)', 'month(n.d)'))).toBe(
      '0: 1000 id_bucket=bucket[16](1), 1001 ts_day=day(2), 1002 s_trunc=truncate[4](3), 1003 n.d_month=month(7)',
    );
    expect(spec(altered(table(2), add('bucket[16](id)'), add('truncate[4](s)'), add('hour(ts)')))).toBe(
      '1: 1000 id_bucket_16=bucket[16](1), 1001 s_trunc_4=truncate[4](3), 1002 ts_hour=hour(2)',
    );
    expect(spec(altered(table(2), add('bucket[16](id) as shard')))).toBe('1: 1000 shard=bucket[16](1)');
  });

  test('a dropped field is void before version 2 and gone since', () => {
    for (const change of [drop('TS_day'), dropTerm('day(ts)')]) {
      expect(spec(altered(table(1, 'day(ts)', 's'), change))).toBe(
        '1: 1000 ts_day=void(2), 1001 s=identity(3)',
      );
      expect(spec(altered(table(2, 'day(ts)', 's'), change))).toBe('1: 1001 s=identity(3)');
    }
  });

  test('a field that comes back gets its id and name back, since version 2', () => {
    const without = altered(altered(table(2, 'bucket[8](id)', 's'), drop('id_bucket')), add('day(ts)'));
    expect(spec(without)).toBe('2: 1001 s=identity(3), 1002 ts_day=day(2)');
    expect(spec(altered(without, add('bucket[8](id)')))).toBe(
      '3: 1001 s=identity(3), 1002 ts_day=day(2), 1000 id_bucket=bucket[8](1)',
    );
    expect(spec(altered(without, add('bucket[8](id) as shard')))).toBe(
      '3: 1001 s=identity(3), 1002 ts_day=day(2), 1003 shard=bucket[8](1)',
    );
  });

  test('before version 2 it is a new field, and the void one gives up its name', () => {
    const without = altered(table(1, 'day(ts)'), drop('ts_day'));
    expect(spec(altered(without, add('day(ts)')))).toBe('2: 1000 ts_day_1000=void(2), 1001 ts_day=day(2)');
  });

  test('dropping and adding the same field changes nothing; with another name it is renamed', () => {
    for (const version of [1, 2]) {
      const base = table(version, 'day(ts)', 's');
      expect(spec(altered(base, drop('ts_day'), add('day(ts)')))).toBe(spec(base));
      expect(spec(altered(base, drop('ts_day'), add('day(ts) as d')))).toBe(
        '1: 1000 d=day(2), 1001 s=identity(3)',
      );
    }
  });

  test('replacing: void in its place before version 2, removed since', () => {
    const replace: SpecChange = {
      kind: 'replace-partition-field',
      field: { name: 'ts_day' },
      by: term('hour(ts) as ts_day'),
    };
    expect(spec(altered(table(1, 'day(ts)', 's'), replace))).toBe(
      '1: 1000 ts_day_1000=void(2), 1001 s=identity(3), 1002 ts_day=hour(2)',
    );
    expect(spec(altered(table(2, 'day(ts)', 's'), replace))).toBe(
      '1: 1001 s=identity(3), 1002 ts_day=hour(2)',
    );
  });

  test('the whole spec in the order asked for, fields keep their ids', () => {
    const base = table(2, 'day(ts)', 's');
    expect(spec(altered(base, set('s', 'bucket[4](id)', 'day(ts)')))).toBe(
      '1: 1001 s=identity(3), 1002 id_bucket=bucket[4](1), 1000 ts_day=day(2)',
    );
    expect(spec(altered(base, set()))).toBe('1: ');
    expect(spec(altered(table(1, 'day(ts)', 's'), set('s')))).toBe(
      '1: 1000 ts_day=void(2), 1001 s=identity(3)',
    );
  });

  test('a spec the table had before is used again, ids are never given out twice', () => {
    const base = table(2, 's');
    const finer = altered(base, add('day(ts)'));
    const back = altered(finer, drop('ts_day'));
    expect(spec(back)).toBe('0: 1000 s=identity(3)');
    expect(back.partitionSpecs).toHaveLength(2);
    expect(spec(altered(back, add('hour(ts)')))).toBe('2: 1000 s=identity(3), 1002 ts_hour=hour(2)');
  });

  test('an upgrade in the same change counts', () => {
    const upgrade = { kind: 'set-properties', properties: { 'format-version': '2' } } as const;
    expect(spec(altered(table(1, 'day(ts)', 's'), upgrade, drop('ts_day')))).toBe('1: 1001 s=identity(3)');
  });

  test('sources are found without regard to case, in structs too', () => {
    expect(spec(altered(table(2), add('year(N.D)')))).toBe('1: 1000 n.d_year=year(7)');
  });
});

describe('what is refused', () => {
  const base = table(2, 'day(ts)', 's');

  test('fields and names that are there', () => {
    expect(failure(base, add('day(TS)'))).toContain('is partitioned by day(ts) already: the field "ts_day"');
    expect(failure(base, add('bucket[4](id) as TS_DAY'))).toContain('There is a partition field "ts_day"');
    expect(failure(base, add('bucket[4](id)'), add('bucket[4](id)'))).toContain('already');
    expect(failure(base, add('bucket[4](id) as s'))).toMatch(/called "s": a column is|a partition field "s"/);
    expect(failure(table(2), add('bucket[4](id) as f'))).toContain('can\'t be called "f": a column is');
  });

  test('columns and transforms that do not fit', () => {
    expect(failure(base, add('day(s)'))).toContain('the column is of type string. day is for dates');
    expect(failure(base, add('bucket[4](f)'))).toContain('bucket is for all simple types but');
    expect(failure(base, add('l.element'))).toContain('by l.element: the column is in a list or map');
    expect(failure(base, add('n'))).toContain('of type struct');
    expect(failure(base, add('hour(n.d)'))).toContain('hour is for timestamps');
    expect(failure(base, add('day(tz)'))).toContain('Did you mean "ts"?');
  });

  test('unknown fields, with what may be meant', () => {
    expect(failure(base, drop('ts_dya'))).toContain('PARTITION_FIELD_NOT_FOUND');
    expect(failure(base, drop('ts_dya'))).toContain('Did you mean "ts_day"?');
    expect(failure(base, dropTerm('hour(ts)'))).toContain('Its partition fields are ts_day, s.');
    expect(failure(table(2), drop('x'))).toContain('The table is not partitioned.');
    const voided = altered(table(1, 's'), drop('s'));
    expect(failure(voided, drop('s'))).toContain('not partitioned');
  });

  test('times that overlap in one spec', () => {
    expect(failure(base, set('month(ts)', 'day(ts)'))).toContain('month(ts) and day(ts) overlap');
    // Since the finer one came later, this is how tables evolve.
    expect(spec(altered(base, add('hour(ts)')))).toContain('ts_hour');
  });
});
