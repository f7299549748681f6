import type { Namespace } from '../catalog/catalog.ts';
import { formatIdentifier } from '../catalog/identifiers.ts';
import type { LakeConfig } from '../catalog/lake-config.ts';
import { type Lake, openLake } from '../catalog/open-lake.ts';
import { RestCatalog } from '../catalog/rest/rest-catalog.ts';
import { toErrorInfo } from '../notebook/error-info.ts';
import type { Check } from './doctor.ts';

/** Namespaces that are looked into for a table to try the storage with. */
const mostNamespaces = 10;

/** Asks a REST catalog for its configuration and namespaces, and reads a file of a table with what it gives out. */
export async function checkRestCatalog(config: LakeConfig): Promise<Check[]> {
  const lake = await openLake(config);
  try {
    const checks: Check[] = [];
    let namespaces: Namespace[];
    try {
      const properties = lake.catalog instanceof RestCatalog ? await lake.catalog.configuration() : {};
      namespaces = await lake.catalog.listNamespaces();
      checks.push({ name: 'Catalog', state: 'ok', found: describe(config, properties, namespaces.length) });
      const risk = unencrypted(config);
      if (risk !== undefined) checks.push(risk);
    } catch (error) {
      return [failed('Catalog', error, 'See docs/rest-catalogs.md for the settings of REST catalogs.')];
    }
    checks.push(await checkFiles(lake, namespaces));
    return checks;
  } finally {
    await lake.close();
  }
}

function describe(
  { catalog, warehouse }: LakeConfig,
  properties: Readonly<Record<string, string>>,
  namespaces: number,
): string {
  const parts = [
    `REST catalog at ${catalog.uri}`,
    ...(warehouse === '' ? [] : [`warehouse ${warehouse}`]),
    authenticationOf(properties),
    namespaces === 1 ? '1 namespace' : `${namespaces} namespaces`,
  ];
  return parts.join(', ');
}

function authenticationOf(properties: Readonly<Record<string, string>>): string {
  const isSet = (key: string) => properties[key] !== undefined && properties[key] !== '';
  if (properties['rest.sigv4-enabled'] === 'true' || properties['rest.auth.type'] === 'sigv4') {
    return 'requests signed for AWS';
  }
  if (isSet('credential')) return 'OAuth2 with client credentials';
  if (isSet('token')) return 'a bearer token';
  if (properties['rest.auth.type'] === 'basic') return 'a name and a password';
  return Object.keys(properties).some(key => /^header\.authorization$/i.test(key))
    ? 'a header of the settings'
    : 'no authentication';
}

/** Secrets that anybody between here and the server can read. */
function unencrypted({ catalog }: LakeConfig): Check | undefined {
  const { protocol, hostname } = new URL(catalog.uri);
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  const { credential, token } = catalog.properties ?? {};
  if (protocol !== 'http:' || isHere || (!credential && !token)) return undefined;
  return {
    name: 'Catalog',
    state: 'warning',
    found: 'The credential is sent without encryption.',
    advice: 'Write catalog.uri with https://.',
  };
}

async function checkFiles({ catalog, storage }: Lake, namespaces: readonly Namespace[]): Promise<Check> {
  const name = 'Storage';
  try {
    for (const namespace of namespaces.slice(0, mostNamespaces)) {
      const [identifier] = await catalog.listTables(namespace);
      if (identifier === undefined) continue;
      const { metadataLocation } = await catalog.loadTable(identifier);
      await storage.read(metadataLocation, { start: 0, end: 1 });
      return { name, state: 'ok', found: `files of ${formatIdentifier(identifier)} can be read` };
    }
    return { name, state: 'ok', found: 'not tried: no table was found' };
  } catch (error) {
    return failed(name, error, 'See docs/rest-catalogs.md for how files are reached.');
  }
}

function failed(name: string, error: unknown, advice: string): Check {
  const info = toErrorInfo(error);
  return { name, state: 'failed', found: info.message, advice: info.hint ?? advice };
}
