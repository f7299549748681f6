import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import {
  doctorFindings,
  isBucketAddress,
  localLake,
  pyIcebergLake,
  restLake,
  s3Address,
  s3Lake,
} from '../../src/extension/lake-json.ts';

/** What the catalog layer makes of a lakebook.json. */
async function read(json: object, environment: Record<string, string> = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-json-'));
  try {
    writeFileSync(path.join(folder, 'lakebook.json'), JSON.stringify(json));
    const config = await loadLakeConfig(folder, environment);
    return JSON.parse(JSON.stringify(config).replaceAll(folder, '/lake')) as typeof config;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('each kind of lake is read as it was meant', async () => {
  expect(await read(localLake('mine'))).toMatchObject({
    catalog: { type: 'sqlite', uri: '/lake/.lakebook/catalog.db', name: 'mine' },
    warehouse: 'file:///lake/.lakebook/warehouse',
  });
  const place = { warehouse: 's3://b/l', endpoint: 'http://h:9000', region: 'eu-x' };
  expect(await read(s3Lake('cloud', place))).toMatchObject({
    catalog: { type: 'sqlite', name: 'cloud' },
    warehouse: 's3://b/l',
    storage: { s3: { endpoint: 'http://h:9000', region: 'eu-x' } },
  });
  expect(s3Lake('cloud', { warehouse: 's3://b', endpoint: '', region: '' })).not.toHaveProperty('storage');
  const rest = { uri: 'http://h:1', warehouse: 'w', scope: 'all', tokenAddress: 'http://t' };
  expect((await read(restLake('team', rest))).catalog).toEqual({
    type: 'rest',
    uri: 'http://h:1',
    name: 'team',
    properties: { uri: 'http://h:1', warehouse: 'w', scope: 'all', 'oauth2-server-uri': 'http://t' },
  });
  expect(restLake('team', { uri: 'http://h:1', warehouse: '' })).toEqual({
    catalog: { type: 'rest', uri: 'http://h:1', name: 'team' },
  });
  const variables = { PYICEBERG_CATALOG__PROD__URI: 'http://h:2' };
  expect((await read(pyIcebergLake('prod'), variables)).catalog).toMatchObject({
    type: 'rest',
    uri: 'http://h:2',
    name: 'prod',
  });
});

test.each([
  ['bucket', 's3://bucket', true],
  [' s3://bucket/a/b/ ', 's3://bucket/a/b', true],
  ['s3a://my.bucket-1/a', 's3://my.bucket-1/a', true],
  ['/bucket/a', 's3://bucket/a', true],
  ['', 's3://', false],
  ['Bucket', 's3://Bucket', false],
  ['http://h/b', 's3://http://h/b', false],
  ['a', 's3://a', false],
])('%j is %s', (typed, address, isRight) => {
  expect([s3Address(typed), isBucketAddress(typed)]).toEqual([address, isRight]);
});

test("the doctor's findings", () => {
  const checks = [
    { name: 'Node', state: 'ok', found: 'v24' },
    { name: 'Temporary', state: 'warning', found: 'little space' },
    { name: 'Catalog', state: 'failed', found: 'No server answers.', advice: 'Start it.' },
    { name: 'Tables', state: 'ok', found: '3 in namespaces a' },
  ];
  const text = `(node:1) Warning: x\n${JSON.stringify({ ok: false, checks }, undefined, 2)}\n`;
  expect(doctorFindings(text)).toEqual({
    faults: ['Catalog: No server answers. Start it.'],
    found: '3 in namespaces a',
  });
  expect(() => doctorFindings('lakebook: it broke')).toThrow(SyntaxError);
});
