import { ValidationError } from '../iceberg/errors.ts';
import { fault } from './config-reader.ts';
import { type JsonMember, type JsonNode, parseJsonSource } from './json-source.ts';

/**
 * Settings of a REST catalog by the keys that PyIceberg and Iceberg's Java library use: `uri`, `warehouse`,
 * `credential`, `token`, `scope`, `oauth2-server-uri`, `rest.sigv4-enabled`, `s3.*`, `header.*`, ... They may hold
 * secrets, so they never go into a message or a log.
 */
export type CatalogProperties = Readonly<Record<string, string>>;

/** The environment variables that set properties of a REST catalog, and the properties they set. */
export const propertyVariables = {
  LAKEBOOK_CATALOG_CREDENTIAL: 'credential',
  LAKEBOOK_CATALOG_TOKEN: 'token',
  LAKEBOOK_CATALOG_SCOPE: 'scope',
  LAKEBOOK_CATALOG_OAUTH2_SERVER_URI: 'oauth2-server-uri',
  LAKEBOOK_CATALOG_AUDIENCE: 'audience',
  LAKEBOOK_CATALOG_RESOURCE: 'resource',
} as const;

/** Holds a JSON object of any further properties, such as headers with secrets. */
export const propertiesVariable = 'LAKEBOOK_CATALOG_PROPERTIES';

/** Keys that speak of tokens without being one. */
const harmless =
  /^(token-(refresh|exchange)-enabled|token-expires-in-ms|.*\.token-(refresh|exchange)-enabled)$/i;
const secret = /credential|token|secret|password|access.?key|authorization|cookie|api.?key|signature/i;

/** Whether a property's value is a secret by its name. */
export function isSecretProperty(key: string): boolean {
  return secret.test(key) && !harmless.test(key);
}

/**
 * Reads `catalog.properties` of lakebook.json; numbers and booleans become text.
 * @throws ValidationError with the place of the fault; secrets are refused: the file is there to be shared
 */
export function readCatalogProperties(node: JsonNode, file: string): CatalogProperties {
  const properties = readProperties(node, file, '"catalog.properties"');
  const found = membersOf(node).find(({ key }) => isSecretProperty(key));
  if (found === undefined) return properties;
  throw new ValidationError(
    `${file}: "catalog.properties.${found.key}" is a secret, which doesn't belong in this file.`,
    { file, position: found.keyPosition, hint: secretHint(found.key) },
  );
}

function secretHint(key: string): string {
  const variable = Object.entries(propertyVariables).find(([, property]) => property === key)?.[0];
  return variable === undefined
    ? `Set ${propertiesVariable} in the environment to a JSON object with it: {"${key}": "..."}.`
    : `Set ${variable} in the environment instead.`;
}

/**
 * The properties that the environment sets.
 * @throws ValidationError when `LAKEBOOK_CATALOG_PROPERTIES` is no JSON object of single values
 */
export function propertiesOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): CatalogProperties {
  const properties: Record<string, string> = {};
  const json = environment[propertiesVariable];
  if (json)
    Object.assign(properties, readProperties(parseJsonSource(json, propertiesVariable), propertiesVariable));
  for (const [variable, key] of Object.entries(propertyVariables)) {
    const value = environment[variable];
    if (value) properties[key] = value;
  }
  return properties;
}

function readProperties(node: JsonNode, file: string, what = 'It'): CatalogProperties {
  if (node.kind !== 'object') throw fault(file, node, `${what} must be a JSON object, { ... }.`);
  const properties: Record<string, string> = {};
  for (const { key, value } of node.members) {
    if ((value.kind !== 'string' && value.kind !== 'other') || value.value === null) {
      throw fault(file, value, `"${key}" must be a single value.`);
    }
    properties[key] = String(value.value);
  }
  return properties;
}

function membersOf(node: JsonNode): readonly JsonMember[] {
  return node.kind === 'object' ? node.members : [];
}
