/* What a lakebook.json says, for each kind of lake that can be added. Secrets are no part of it. */

export interface S3Place {
  /** `s3://bucket/prefix`. */
  readonly warehouse: string;
  /** Empty for AWS. */
  readonly endpoint: string;
  /** Empty for the usual one. */
  readonly region: string;
}

export interface RestPlace {
  readonly uri: string;
  /** Empty where the server has one only. */
  readonly warehouse: string;
  readonly scope?: string;
  readonly tokenAddress?: string;
}

/** A catalog file and a warehouse in the lake's folder. */
export function localLake(name: string): object {
  return {
    catalog: { type: 'sqlite', uri: '.lakebook/catalog.db', name },
    warehouse: '.lakebook/warehouse',
  };
}

/** A catalog file in the lake's folder, tables in a bucket. */
export function s3Lake(name: string, { warehouse, endpoint, region }: S3Place): object {
  const s3 = { ...(endpoint && { endpoint }), ...(region && { region }) };
  return {
    ...localLake(name),
    warehouse,
    ...(Object.keys(s3).length > 0 && { storage: { s3 } }),
  };
}

export function restLake(name: string, { uri, warehouse, scope, tokenAddress }: RestPlace): object {
  const properties = {
    ...(scope && { scope }),
    ...(tokenAddress && { 'oauth2-server-uri': tokenAddress }),
  };
  return {
    catalog: {
      type: 'rest',
      uri,
      name,
      ...(warehouse && { warehouse }),
      ...(Object.keys(properties).length > 0 && { properties }),
    },
  };
}

export function pyIcebergLake(catalog: string): object {
  return { catalog: { pyiceberg: catalog } };
}

/** `s3://bucket/prefix` of what a person typed: a bucket, `bucket/prefix`, or the address itself. */
export function s3Address(text: string): string {
  const rest = text
    .trim()
    .replace(/^s3[an]?:\/\//i, '')
    .replace(/^\/+|\/+$/g, '');
  return `s3://${rest}`;
}

/** Whether a bucket's name is one that S3 has. */
export function isBucketAddress(text: string): boolean {
  return /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?$/.test(s3Address(text));
}

export interface Findings {
  /** What failed, with what to do about it: one line each. */
  readonly faults: readonly string[];
  /** What was found of the lake's tables. */
  readonly found: string | undefined;
}

/** Reads what `lakebook doctor --format json` says. @throws SyntaxError when it says something else */
export function doctorFindings(text: string): Findings {
  const { checks } = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as {
    checks: readonly { name: string; state: string; found: string; advice?: string }[];
  };
  return {
    faults: checks
      .filter(({ state }) => state === 'failed')
      .map(({ name, found, advice }) => `${name}: ${found}${advice === undefined ? '' : ` ${advice}`}`),
    found: checks.find(({ name }) => name === 'Tables')?.found,
  };
}
