import { schemeOf } from './paths.ts';

/** Schemes under which Hadoop's clients know the same store. */
const sameSchemes: Readonly<Record<string, string>> = { s3a: 's3', s3n: 's3' };

/**
 * A text that is equal for addresses of the same file however they are written: `file:/dir/x`, `file:///dir/x`,
 * `file://localhost/dir/x` and `/dir/x`; `s3a://bucket/key` and `s3://bucket/key`.
 */
export function locationKey(location: string): string {
  const scheme = schemeOf(location);
  if (scheme === undefined || scheme === 'file') {
    const path = location.replace(/^file:/i, '').replace(/^\/\/(?:localhost)?(?=\/)/i, '');
    return `file:${path.replace(/\/{2,}/g, '/')}`;
  }
  const rest = location.slice(scheme.length + 1).replace(/^\/+/, '');
  return `${sameSchemes[scheme] ?? scheme}://${rest}`;
}

/** Whether a file is in a folder, at any depth; both as `locationKey` gives them. */
export function isBelow(file: string, folder: string): boolean {
  return file.startsWith(`${folder.replace(/\/+$/, '')}/`);
}
