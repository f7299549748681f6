import { ValidationError } from '../../iceberg/errors.ts';
import type { S3Keys } from '../../storage/s3-access.ts';
import type { S3Settings } from '../../storage/settings.ts';
import type { CatalogProperties } from '../catalog-properties.ts';
import { RestSettings } from './settings.ts';

/**
 * How S3 is reached by a catalog's properties (`s3.endpoint`, `s3.path-style-access`, `client.region`, ...). What the
 * lake's own settings or the AWS variables of the environment say comes first.
 */
export function s3SettingsOf(
  own: S3Settings,
  properties: CatalogProperties,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): S3Settings {
  const told = new RestSettings(properties);
  const hasEndpoint = environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL;
  const hasRegion = environment.AWS_REGION || environment.AWS_DEFAULT_REGION;
  const endpoint = own.endpoint ?? (hasEndpoint ? undefined : endpointOf(told.text('s3.endpoint')));
  const region =
    own.region ?? (hasRegion ? undefined : (told.text('s3.region') ?? told.text('client.region')));
  const pathStyle = own.pathStyle ?? pathStyleOf(told);
  const profile = own.profile ?? told.text('s3.profile-name') ?? told.text('client.profile-name');
  const anonymous = own.anonymous ?? (told.flag('s3.anonymous', false) || undefined);
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(pathStyle === undefined ? {} : { pathStyle }),
    ...(profile === undefined ? {} : { profile }),
    ...(anonymous === undefined ? {} : { anonymous }),
    ...(own.ca === undefined ? {} : { ca: own.ca }),
  };
}

function endpointOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (/^https?:\/\/[^/@]+/i.test(value)) return value.replace(/\/+$/, '');
  throw new ValidationError(`The catalog gives "${value}" as the address of S3 (s3.endpoint).`, {
    hint: 'Set storage.s3.endpoint in lakebook.json to the http address of the server.',
  });
}

/** PyIceberg says it the other way round. */
function pathStyleOf(told: RestSettings): boolean | undefined {
  if (told.text('s3.path-style-access') !== undefined) return told.flag('s3.path-style-access', false);
  if (told.text('s3.force-virtual-addressing') === undefined) return undefined;
  return !told.flag('s3.force-virtual-addressing', false);
}

/** Keys in a catalog's properties; undefined when there are none. */
export function s3KeysOf(properties: CatalogProperties): S3Keys | undefined {
  const told = new RestSettings(properties);
  for (const kind of ['s3', 'client']) {
    const accessKeyId = told.text(`${kind}.access-key-id`);
    const secretAccessKey = told.text(`${kind}.secret-access-key`);
    if (accessKeyId === undefined || secretAccessKey === undefined) continue;
    const sessionToken = told.text(`${kind}.session-token`);
    const expiresAt = Number(told.text('s3.session-token-expires-at-ms') ?? Number.NaN);
    return {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(Number.isFinite(expiresAt) ? { expiration: new Date(expiresAt) } : {}),
    };
  }
  return undefined;
}
