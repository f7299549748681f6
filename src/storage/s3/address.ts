import { ValidationError } from '../../iceberg/errors.ts';
import { schemeOf } from '../paths.ts';

/** Hadoop's names for S3 mean the same objects. */
const schemes = ['s3', 's3a', 's3n'];

/** Where an object is. The key is plain text: nothing in an address is encoded. */
export interface S3Address {
  readonly bucket: string;
  /** Without a slash in front; empty for the bucket itself. */
  readonly key: string;
}

export function isS3(location: string): boolean {
  const scheme = schemeOf(location);
  return scheme !== undefined && schemes.includes(scheme);
}

/** @throws ValidationError for an address without a bucket */
export function parseS3Address(location: string): S3Address {
  const match = /^s3[an]?:\/\/([^/]+)\/?(.*)$/is.exec(location);
  if (match === null) {
    throw new ValidationError(`"${location}" is no address of an object in S3.`, {
      hint: 'Write it as s3://bucket/folder/file.',
    });
  }
  return { bucket: match[1]!, key: match[2]! };
}

/** What all keys below a folder begin with. */
export function folderPrefix({ key }: S3Address): string {
  const folder = key.replace(/\/+$/, '');
  return folder === '' ? '' : `${folder}/`;
}
