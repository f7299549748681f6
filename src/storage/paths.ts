import { UnsupportedError, ValidationError } from '../iceberg/errors.ts';

// Iceberg locations look like URIs but are plain text: PyIceberg, Spark and the rest write `file:///dir/a b` for
// the folder "a b" and take `%20` for three characters of a file's name. Nothing here encodes or decodes.

const schemePattern = /^([A-Za-z][A-Za-z0-9+.-]+):/;
const drivePattern = /^[A-Za-z]:[\\/]/;

type Platform = NodeJS.Platform;

/** The scheme of an address in lower case (`file`, `s3`); undefined for a bare path, with or without a drive. */
export function schemeOf(location: string): string | undefined {
  // A drive letter is no scheme: those have two letters at least here.
  return schemePattern.exec(location)?.[1]?.toLowerCase();
}

/** Whether an address means a file of this machine: `file:...` or a bare path. */
export function isLocal(location: string): boolean {
  const scheme = schemeOf(location);
  return scheme === undefined || scheme === 'file';
}

/**
 * The local path of an address: `file:///dir/x` (PyIceberg), `file:/dir/x` (Spark, Hadoop), `file://localhost/dir/x`
 * and bare absolute paths. On Windows `file:///C:/dir/x` is `C:\dir\x` and `file://server/share/x` a network path.
 * @throws UnsupportedError for another scheme or host, ValidationError for a relative path
 */
export function toLocalPath(location: string, platform: Platform = process.platform): string {
  const windows = platform === 'win32';
  if (location.includes('\0'))
    throw new ValidationError(`The address ${JSON.stringify(location)} holds a NUL.`);
  if (schemeOf(location) === undefined) return absolute(location, location, windows);
  if (!isLocal(location)) {
    throw new UnsupportedError(`${location} is not on the local file system.`, {
      hint: `Lakebook can't read or write "${schemeOf(location)}" addresses here: use a file:/// address.`,
    });
  }
  const rest = location.slice('file:'.length);
  if (!rest.startsWith('//')) return absolute(rest, location, windows);
  // file://C:/dir is a common slip for file:///C:/dir.
  if (windows && drivePattern.test(rest.slice(2))) return absolute(rest.slice(2), location, windows);
  const slash = rest.indexOf('/', 2);
  const host = rest.slice(2, slash === -1 ? undefined : slash);
  const path = slash === -1 ? '' : rest.slice(slash);
  if (host === '' || host.toLowerCase() === 'localhost') return absolute(path, location, windows);
  if (windows) return `\\\\${host}${path.replaceAll('/', '\\')}`;
  throw new UnsupportedError(`${location} names the host "${host}".`, {
    hint: `A file address has three slashes before the path: file:///${host}${path}.`,
  });
}

function absolute(path: string, location: string, windows: boolean): string {
  if (!windows && path.startsWith('/')) return path.replace(/^\/{2,}/, '/');
  if (windows) {
    const plain = path.replace(/^\/+(?=[A-Za-z]:)/, '').replaceAll('/', '\\');
    if (drivePattern.test(plain) || plain.startsWith('\\\\')) return plain;
    if (plain.startsWith('\\')) return plain;
  }
  throw new ValidationError(`"${location}" is not an absolute address.`, {
    hint: windows ? 'Write it as file:///C:/dir/file.' : 'Write it as file:///dir/file.',
  });
}

/** The address that metadata stores for an absolute local path: `file:///dir/x`, with forward slashes. */
export function toFileUri(path: string, platform: Platform = process.platform): string {
  if (platform !== 'win32') return `file://${path}`;
  const slashes = path.replaceAll('\\', '/');
  if (slashes.startsWith('//')) return `file:${slashes}`;
  return drivePattern.test(path) ? `file:///${slashes}` : `file://${slashes}`;
}

/** Joins an address and parts below it with single slashes; empty parts are left out. */
export function joinLocation(base: string, ...parts: readonly string[]): string {
  // The slashes of `file:///` and `/` belong to the root, not to the end of a name.
  let joined = /^(?:[A-Za-z][A-Za-z0-9+.-]+:)?\/*$/.test(base) ? base : stripTrailingSlashes(base);
  for (const part of parts) {
    const name = part.replace(/^\/+|\/+$/g, '');
    if (name !== '') joined = joined.endsWith('/') ? joined + name : `${joined}/${name}`;
  }
  return joined;
}

/** Without slashes at the end, as Iceberg stores table locations. */
export function stripTrailingSlashes(location: string): string {
  return location.replace(/(?<=[^/:])\/+$/, '');
}
