import { ValidationError } from '../iceberg/errors.ts';
import type { Namespace, TableIdentifier } from './catalog.ts';

/** SQL catalogs keep names in VARCHAR(255) columns. */
const maxNameLength = 255;

/** `sales.eu` for the levels sales and eu, as SQL catalogs store namespaces. */
export function formatNamespace(namespace: Namespace): string {
  return namespace.join('.');
}

/** The levels of `sales.eu`; none for the empty text. */
export function parseNamespace(text: string): Namespace {
  return text === '' ? [] : text.split('.');
}

/** `default.sales`; a table name that isn't plain is put in double quotes: `default."my.table"`. */
export function formatIdentifier({ namespace, name }: TableIdentifier): string {
  const plain = /^[^\s."](?:[^."]*[^\s."])?$/.test(name);
  return [...namespace, plain ? name : `"${name.replaceAll('"', '""')}"`].join('.');
}

/**
 * The table that `a.b.t` means: the last part is the table, those before are the namespace's levels. Parts may be
 * in double quotes (`"a.b".t` is `a.b.t`, `a."x.y"` is the table "x.y"). A name alone is in `defaultNamespace`.
 * @throws ValidationError for empty parts and quotes that don't end
 */
export function parseIdentifier(text: string, defaultNamespace: Namespace = ['default']): TableIdentifier {
  const parts: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^".]+))\s*(\.|$)/y;
  for (let separator: string | undefined = '.'; separator === '.'; ) {
    const match = pattern.exec(text);
    const part = match?.[1]?.replaceAll('""', '"') ?? match?.[2]?.trim() ?? '';
    if (match === null || part === '') {
      throw new ValidationError(`"${text}" is no table name.`, {
        hint: 'Write it as table, namespace.table or "name with spaces".',
      });
    }
    parts.push(part);
    separator = match[3];
  }
  const name = parts.pop()!;
  return { namespace: parts.length === 0 ? defaultNamespace : parts.flatMap(parseNamespace), name };
}

/** @throws ValidationError for a name that can't be created so that every Iceberg library can use it. */
export function checkNewIdentifier({ namespace, name }: TableIdentifier): void {
  checkNewNamespace(namespace);
  checkName(name, 'table');
}

/** @throws ValidationError for a namespace that can't be created so that every Iceberg library can use it. */
export function checkNewNamespace(namespace: Namespace): void {
  if (namespace.length === 0) {
    throw new ValidationError('The namespace is missing.', { hint: 'Name one, as in namespace.table.' });
  }
  for (const level of namespace) checkName(level, 'namespace');
  checkLength(formatNamespace(namespace), 'namespace');
}

function checkName(name: string, what: string): void {
  const fault = nameFault(name);
  if (fault !== undefined) {
    throw new ValidationError(`${JSON.stringify(name)} can't be the name of a ${what}: ${fault}.`, {
      hint: 'Use letters, digits, underscores and dashes.',
    });
  }
  checkLength(name, what);
}

function checkLength(name: string, what: string): void {
  if (name.length > maxNameLength) {
    throw new ValidationError(
      `The name of a ${what} can have ${maxNameLength} characters; this one has ${name.length}.`,
    );
  }
}

function nameFault(name: string): string | undefined {
  if (name.trim() === '') return 'it is empty';
  if (name !== name.trim()) return 'it starts or ends with a space';
  if (name.includes('.')) return 'a dot separates the levels of a name';
  if (/[/\\]/.test(name)) return 'slashes separate folders';
  if (/\p{Cc}|\p{Cs}/u.test(name)) return 'it holds a character that can not be shown';
  return undefined;
}

/**
 * A folder name for a table, that every file system and every Iceberg library takes: libraries read locations as
 * URIs, so `?`, `#` and `%` don't come through all of them.
 */
export function folderName(name: string): string {
  return name.replace(/[^\p{L}\p{M}\p{N} _.+=@~-]/gu, '_').slice(0, 100);
}
