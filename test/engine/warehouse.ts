import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import { type Lake, openLake } from '../../src/catalog/open-lake.ts';
import { catalogUri } from '../catalog/rest/rest-server.ts';

/** The bucket of test/storage/s3/lake-server.ts. */
const bucket = 'lakes';

/**
 * Opens the lake of a folder on what is under test: its own folder; when LAKEBOOK_TEST_STORAGE is `s3`, the same path in
 * a bucket of MinIO; when it is `rest`, a catalog of Iceberg's REST server for that path in the bucket.
 */
export async function openTestLake(folder: string): Promise<Lake> {
  const config = await loadLakeConfig(folder);
  const { LAKEBOOK_TEST_STORAGE: under, LAKEBOOK_TEST_REST_PORT: port } = process.env;
  const isDefault = config.file === undefined;
  if ((under !== 's3' && under !== 'rest') || !isDefault) return openLake(config);
  // Small files would be read whole, and not at all where they were written: columns shall be fetched by name here.
  const s3 = { cache: { smallFileBytes: 0, keepWritten: false } };
  const warehouse = `s3://${bucket}${folder}`;
  if (under === 's3') return openLake({ ...config, warehouse }, { s3 });
  const uri = catalogUri(port!, warehouse);
  const catalog = { type: 'rest', uri, name: config.catalog.name, properties: { uri, warehouse } } as const;
  return openLake({ ...config, catalog, warehouse }, { s3 });
}

/** Names of all files below an address, relative to it, sorted. */
export async function filesBelow({ storage }: Lake, location: string): Promise<string[]> {
  const names: string[] = [];
  for await (const file of storage.list(location)) names.push(file.location.slice(location.length + 1));
  return names.sort();
}

/** A path of this machine where the file at an address can be read. */
export async function localCopy({ storage }: Lake, location: string): Promise<string> {
  const [local] = await storage.localPaths([{ location, fileSize: await storage.size(location) }]);
  return local!;
}
