import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { isSecretProperty } from '../../src/catalog/catalog-properties.ts';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import { temporaryFolder } from '../storage/support.ts';

function folderWith(catalog: object, more: object = {}): string {
  const folder = temporaryFolder('lakebook-config-');
  const text = JSON.stringify({ catalog: { type: 'rest', uri: 'http://h:1/', ...catalog }, ...more });
  writeFileSync(path.join(folder, 'lakebook.json'), text);
  return folder;
}

async function failure(
  folder: string,
  environment = {},
): Promise<{ message: string; hint: string; position: object }> {
  return await loadLakeConfig(folder, environment).then(
    () => {
      throw new Error('nothing failed');
    },
    error => error,
  );
}

describe('a REST catalog in lakebook.json', () => {
  test('has its properties by the keys of PyIceberg, as texts', async () => {
    const folder = folderWith({
      name: 'prod',
      warehouse: 'sales',
      properties: { scope: 'x', 'rest.sigv4-enabled': true, 'rest-page-size': 10 },
    });
    expect(await loadLakeConfig(folder, {})).toMatchObject({
      warehouse: 'sales',
      catalog: {
        type: 'rest',
        uri: 'http://h:1',
        name: 'prod',
        properties: {
          uri: 'http://h:1',
          warehouse: 'sales',
          scope: 'x',
          'rest.sigv4-enabled': 'true',
          'rest-page-size': '10',
        },
      },
    });
  });

  test('needs no warehouse, and takes the one of the file or the environment as it is written', async () => {
    expect(await loadLakeConfig(folderWith({}), {})).toMatchObject({
      warehouse: '',
      catalog: { properties: { uri: 'http://h:1' } },
    });
    const folder = folderWith({}, { warehouse: 'arn:aws:s3tables:eu:1:bucket/b' });
    expect((await loadLakeConfig(folder, {})).warehouse).toBe('arn:aws:s3tables:eu:1:bucket/b');
    expect((await loadLakeConfig(folder, { LAKEBOOK_WAREHOUSE: 'w' })).catalog.properties).toMatchObject({
      warehouse: 'w',
    });
  });

  test('takes secrets from the environment, over what the file says', async () => {
    const folder = folderWith({ properties: { scope: 'file' } });
    const { catalog } = await loadLakeConfig(folder, {
      LAKEBOOK_CATALOG_CREDENTIAL: 'id:secret',
      LAKEBOOK_CATALOG_TOKEN: 'abc',
      LAKEBOOK_CATALOG_SCOPE: 'environment',
      LAKEBOOK_CATALOG_PROPERTIES: '{"header.X-Api-Key": "k"}',
    });
    expect(catalog.properties).toMatchObject({
      credential: 'id:secret',
      token: 'abc',
      scope: 'environment',
      'header.X-Api-Key': 'k',
    });
  });

  test.each([
    ['credential', 'LAKEBOOK_CATALOG_CREDENTIAL'],
    ['token', 'LAKEBOOK_CATALOG_TOKEN'],
    ['s3.secret-access-key', 'LAKEBOOK_CATALOG_PROPERTIES'],
    ['header.Authorization', 'LAKEBOOK_CATALOG_PROPERTIES'],
  ])('refuses the secret %s with its place, and never repeats it', async (key, hint) => {
    const error = await failure(folderWith({ properties: { [key]: 'geheim' } }));
    expect(error.message).toContain(`"catalog.properties.${key}" is a secret`);
    expect(error.position).toMatchObject({ line: 1 });
    expect(error.hint).toContain(hint);
    expect(JSON.stringify([error.message, error.hint])).not.toContain('geheim');
  });

  test('refuses a password in the address without repeating it', async () => {
    const error = await failure(folderWith({ uri: 'https://me:geheim@host' }));
    expect(error.message).toContain('password');
    expect(error.message).not.toContain('geheim');
  });

  test.each([
    [{ properties: { scope: ['a'] } }, '"scope" must be a single value'],
    [{ properties: 'x' }, '"catalog.properties" must be a JSON object'],
  ])('refuses %j', async (catalog, message) => {
    expect((await failure(folderWith(catalog))).message).toContain(message);
  });

  test('refuses two warehouses, and an environment that is no JSON, by name', async () => {
    const two = folderWith({ warehouse: 'a' }, { warehouse: 'b' });
    expect((await failure(two)).message).toContain('named twice');
    const wrong = await failure(folderWith({}), { LAKEBOOK_CATALOG_PROPERTIES: 'x=y' });
    expect(wrong.message).toContain('LAKEBOOK_CATALOG_PROPERTIES');
  });
});

test('secrets are known by their names', () => {
  const secrets = ['token', 'credential', 's3.session-token', 'rest.auth.basic.password', 'header.Cookie'];
  const plain = [
    'uri',
    'scope',
    'token-refresh-enabled',
    'token-expires-in-ms',
    'oauth2-server-uri',
    's3.region',
  ];
  expect(secrets.filter(key => !isSecretProperty(key))).toEqual([]);
  expect(plain.filter(isSecretProperty)).toEqual([]);
});
