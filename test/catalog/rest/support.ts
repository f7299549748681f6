import { randomUUID } from 'node:crypto';
import { RestCatalog, type RestCatalogOptions } from '../../../src/catalog/rest/rest-catalog.ts';
import { LakebookError } from '../../../src/iceberg/errors.ts';
import type { Schema } from '../../../src/iceberg/schema.ts';
import { catalogUri } from './rest-server.ts';

/** Waits short enough for tests. */
export const quickRetries = { attempts: 4, firstDelayMs: 1, longestDelayMs: 5 };

export function openCatalog(
  uri: string,
  properties: Readonly<Record<string, string>> = {},
  options: Partial<RestCatalogOptions> = {},
): RestCatalog {
  return new RestCatalog({
    name: 'rest',
    properties: { uri, ...properties },
    retries: quickRetries,
    defaultNamespace: ['default'],
    ...options,
  });
}

export const schema: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: true, type: { kind: 'long' } },
    { id: 2, name: 'name', required: false, type: { kind: 'string' } },
  ],
  identifierFieldIds: [1],
};

/** The bucket of test/storage/s3/lake-server.ts. */
export const bucket = 'lakes';

/** Address of a warehouse of its own, and of its catalog on Iceberg's REST server (test/catalog/rest/lake-server.ts). */
export function freshCatalog(): { readonly warehouse: string; readonly uri: string } {
  const warehouse = `s3://${bucket}/${randomUUID()}`;
  return { warehouse, uri: catalogUri(process.env.LAKEBOOK_TEST_REST_PORT!, warehouse) };
}

/** The error that `work` fails with. */
export async function failureOf(work: Promise<unknown>): Promise<LakebookError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof LakebookError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Everything that a person or a log may see of an error. */
export function allTextOf(error: unknown): string {
  const texts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    texts.push(
      at.name,
      at.message,
      at.stack ?? '',
      String((at as { hint?: unknown }).hint),
      JSON.stringify(at),
    );
  }
  return texts.join('\n');
}
