import { didYouMeanHint } from '../iceberg/did-you-mean.ts';
import { NotFoundError } from '../iceberg/errors.ts';
import type { Namespace, TableIdentifier } from './catalog.ts';
import { formatIdentifier, formatNamespace, parseNamespace } from './identifiers.ts';
import { type CatalogRows, isTable } from './sqlite-rows.ts';

/** SQL catalogs keep a namespace alive by a property; PyIceberg and Iceberg's JDBC catalog use this one. */
export const existsProperty = { exists: 'true' } as const;

/** Names that an error message lists at most. */
const listedNames = 5;

/** The namespaces of a SQL catalog: one exists when it, or one below it, has a table or a property. */
export class Namespaces {
  readonly #all: readonly Namespace[];

  constructor(rows: CatalogRows, alwaysThere: Namespace) {
    this.#all = [...rows.namespaces().map(parseNamespace), alwaysThere].filter(levels => levels.length > 0);
  }

  exists(namespace: Namespace): boolean {
    return namespace.length > 0 && this.#all.some(levels => isAtOrBelow(levels, namespace));
  }

  /** Direct children in order of name; of no levels: the top ones. */
  children(parent: Namespace): Namespace[] {
    const depth = parent.length + 1;
    const found = this.#all.filter(levels => levels.length >= depth && isAtOrBelow(levels, parent));
    const names = new Set(found.map(levels => formatNamespace(levels.slice(0, depth))));
    return [...names].sort().map(parseNamespace);
  }

  notFound(namespace: Namespace, catalog: string): NotFoundError {
    const wanted = formatNamespace(namespace);
    const known = [...new Set(this.#all.map(formatNamespace))].sort();
    return new NotFoundError('namespace', `There is no namespace "${wanted}" in the catalog "${catalog}".`, {
      hint: didYouMeanHint(wanted, known) ?? `It has ${shortList(known)}.`,
    });
  }
}

/** The error for a table that isn't there, with the best guess at why. */
export function tableNotFound(
  rows: CatalogRows,
  namespaces: Namespaces,
  identifier: TableIdentifier,
  catalog: string,
): NotFoundError {
  const { namespace, name } = identifier;
  const fail = (message: string, hint: string) => new NotFoundError('table', message, { hint });
  const missing = `There is no table ${formatIdentifier(identifier)} in the catalog "${catalog}".`;
  if (rows.table(formatNamespace(namespace), name)?.type === 'VIEW') {
    return fail(`${formatIdentifier(identifier)} is a view, not a table.`, 'Lakebook reads tables only.');
  }
  const siblings = rows
    .tables(formatNamespace(namespace))
    .filter(isTable)
    .map(row => row.name);
  const near = didYouMeanHint(name, siblings);
  if (near !== undefined) return fail(missing, near);
  const [elsewhere] = rows.namespacesWith(name);
  if (elsewhere !== undefined) {
    return fail(missing, `There is one in another namespace: ${elsewhere}.${name}.`);
  }
  if (rows.namespaces().length === 0) {
    const others = rows.otherCatalogs();
    if (others.length > 0) {
      return fail(
        missing,
        `The file holds tables of ${shortList(others)}: set catalog.name in lakebook.json to it.`,
      );
    }
  }
  if (!namespaces.exists(namespace)) {
    return fail(missing, namespaces.notFound(namespace, catalog).message);
  }
  return fail(
    missing,
    siblings.length === 0
      ? `The namespace "${formatNamespace(namespace)}" has no tables.`
      : `The namespace "${formatNamespace(namespace)}" has ${shortList(siblings)}.`,
  );
}

function shortList(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const more = names.length - listedNames;
  return names.slice(0, listedNames).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function isAtOrBelow(levels: Namespace, ancestor: Namespace): boolean {
  return ancestor.every((level, index) => levels[index] === level);
}
