import { describe, expect, test } from 'vitest';
import { parseLoadTableResult } from '../../src/catalog/rest/load-result.ts';
import { UnsupportedError, ValidationError } from '../../src/iceberg/errors.ts';

const metadata = {
  'format-version': 2,
  'table-uuid': '9c12d441-03fe-4693-9a96-a0705ddf69c1',
  location: 's3://b/t',
  'last-sequence-number': 0,
  'last-updated-ms': 0,
  'last-column-id': 1,
  'current-schema-id': 0,
  schemas: [
    { type: 'struct', 'schema-id': 0, fields: [{ id: 1, name: 'id', required: false, type: 'long' }] },
  ],
  'default-spec-id': 0,
  'partition-specs': [{ 'spec-id': 0, fields: [] }],
  'last-partition-id': 999,
  'default-sort-order-id': 0,
  'sort-orders': [{ 'order-id': 0, fields: [] }],
};
const answer = { 'metadata-location': 's3://b/t/metadata/1.metadata.json', metadata };

describe('a table that a REST catalog answers with', () => {
  test('is read with how its files are reached', () => {
    const config = { 's3.endpoint': 'http://127.0.0.1:9000', 'scan-planning-mode': 'client' };
    const loaded = parseLoadTableResult({ ...answer, config });
    expect(loaded.metadata.location).toBe('s3://b/t');
    expect(loaded.grant).toEqual({ config, credentials: [] });
  });

  test('that only the catalog may plan is refused', () => {
    const read = () => parseLoadTableResult({ ...answer, config: { 'scan-planning-mode': 'server' } });
    expect(read).toThrow(UnsupportedError);
    expect(read).toThrow('lets nobody but itself plan');
  });

  test.each([
    [null],
    [[]],
    [{}],
    [{ ...answer, config: 5 }],
    [{ ...answer, 'storage-credentials': [{ config: {} }] }],
  ])('%j is refused', json => {
    expect(() => parseLoadTableResult(json)).toThrow(ValidationError);
  });
});
