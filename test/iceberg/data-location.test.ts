import { describe, expect, test } from 'vitest';
import { dataLocation } from '../../src/iceberg/data-location.ts';
import type { TableMetadata } from '../../src/iceberg/metadata.ts';

const location = 's3://bucket/db/table';
const at = (properties: Record<string, string>, folder: string, name: string) =>
  dataLocation({ location, properties } as unknown as TableMetadata, folder, name);
const hashed = { 'write.object-storage.enabled': 'true' };

describe('addresses of data files', () => {
  test('are in the folder of their partition', () => {
    expect(at({}, '', 'a.parquet')).toBe(`${location}/data/a.parquet`);
    expect(at({ 'write.data.path': 's3://other/x/' }, 'p=1/', 'a.parquet')).toBe(
      's3://other/x/p=1/a.parquet',
    );
  });

  // Folders that Iceberg's own tests name (TestLocationProvider).
  test.each([
    ['a', '0101/0110/1001/10110010'],
    ['b', '1110/0111/1110/00000011'],
    ['c', '0010/1101/0110/01011111'],
    ['d', '1001/0001/0100/01110011'],
  ])('for object storage: %s in %s', (name, folders) => {
    expect(at(hashed, '', name)).toBe(`${location}/data/${folders}/${name}`);
  });

  test('for object storage, with partitions and without, in the table’s folder and elsewhere', () => {
    expect(at(hashed, 'p=1/', 'f')).toMatch(
      /^s3:\/\/bucket\/db\/table\/data\/[01]{4}\/[01]{4}\/[01]{4}\/[01]{8}\/p=1\/f$/,
    );
    expect(at({ ...hashed, 'write.object-storage.partitioned-paths': 'false' }, 'p=1/', 'a')).toBe(
      `${location}/data/0101/0110/1001/10110010-a`,
    );
    expect(at({ ...hashed, 'write.data.path': 's3://other/x' }, '', 'a')).toBe(
      's3://other/x/0101/0110/1001/10110010/db/table/a',
    );
  });
});
