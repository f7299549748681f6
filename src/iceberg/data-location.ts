import { dataFolder, type TableMetadata } from './metadata.ts';
import { murmur3 } from './murmur3.ts';
import { booleanProperty, propertyNames } from './properties.ts';

/** Bits of a file name's hash that stand before it, in folders: 4, 4, 4 and 8 of them. */
const hashBits = 20;
const folderLength = 4;
const folderCount = 3;

/**
 * The address of a new data or delete file: below the data folder, in the folder of its partition (`p=1/`, '' for none).
 * With `write.object-storage.enabled` folders made of a hash come first, as in Iceberg's Java library: object stores
 * spread requests by the beginning of keys, and one prefix for all files would slow them down.
 */
export function dataLocation(metadata: TableMetadata, partitionFolder: string, fileName: string): string {
  const { properties } = metadata;
  const isHashed = booleanProperty(properties, propertyNames.objectStorageEnabled, false);
  if (!isHashed) return `${dataFolder(metadata)}/${partitionFolder}${fileName}`;
  const withPartitions = booleanProperty(properties, propertyNames.objectStoragePartitionedPaths, true);
  const name = withPartitions ? `${partitionFolder}${fileName}` : fileName;
  const folder = dataFolder(metadata);
  const hash = hashFolders(name);
  const table = metadata.location.replace(/\/+$/, '');
  if (!folder.startsWith(table)) {
    // A folder that several tables share.
    return `${folder}/${hash}/${table.split('/').slice(-2).join('/')}/${name}`;
  }
  return `${folder}/${hash}${withPartitions ? '/' : '-'}${name}`;
}

/** `0101/0110/1001/10110010` */
function hashFolders(name: string): string {
  const bits = (murmur3(Buffer.from(name)) >>> 0).toString(2).padStart(32, '0').slice(-hashBits);
  const folders = Array.from({ length: folderCount }, (_, i) =>
    bits.slice(i * folderLength, (i + 1) * folderLength),
  );
  return [...folders, bits.slice(folderCount * folderLength)].join('/');
}
