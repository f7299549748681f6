import { currentSchema } from '../../iceberg/metadata.ts';
import type { Schema } from '../../iceberg/schema.ts';
import type { TableLookup } from '../resolve.ts';
import type { FoundAt } from './at-clauses.ts';
import type { WrittenName } from './names.ts';
import type { QueryReferences, TableReference } from './references.ts';
import { schemaOfVersion, type TableVersion } from './version.ts';
import type { LakeView } from './views.ts';

/** A reference of the query with what it means. */
export interface Site {
  readonly reference: TableReference;
  readonly name: WrittenName;
  readonly at?: FoundAt;
  /** The lake table; absent for a view. */
  readonly found?: TableLookup;
  readonly view?: LakeView;
  readonly version?: TableVersion;
}

/** The columns of a site's lake table, at its version. */
export function schemaOf({ found, version }: Site): Schema {
  const { metadata } = found!.table;
  return version === undefined ? currentSchema(metadata) : schemaOfVersion(metadata, version);
}

/** What columns of a site may be qualified by. */
export interface SiteNames {
  /** The alias to give it; absent when it has one. */
  readonly alias?: string;
  readonly qualifiers: readonly (readonly string[])[];
}

/**
 * How columns of each reference may be qualified. Without an alias that is the last part of the name, also with the
 * parts before; two tables of one name in one FROM clause are told apart by their whole names.
 */
export function aliasesOf(
  references: QueryReferences,
  sites: readonly Site[],
  catalog: string,
): Map<Site, SiteNames> {
  const siteOf = new Map(sites.map(site => [site.reference, site]));
  const doubles = new Set<Site>();
  for (const { leaves } of references.clauses) {
    const plain = leaves.flatMap(({ reference }) => {
      const site = reference === undefined ? undefined : siteOf.get(reference);
      return site === undefined || site.reference.alias !== undefined ? [] : [site];
    });
    for (const site of plain) {
      const last = site.name.parts.at(-1)!.toLowerCase();
      const same = plain.filter(other => other.name.parts.at(-1)!.toLowerCase() === last);
      if (new Set(same.map(other => other.name.parts.join('.').toLowerCase())).size > 1) doubles.add(site);
    }
  }
  const result = new Map<Site, SiteNames>();
  for (const site of sites) {
    const { alias } = site.reference;
    const { parts } = site.name;
    const suffixes = qualifiersOf(site, catalog);
    if (alias !== undefined) result.set(site, { qualifiers: [[alias]] });
    else if (doubles.has(site))
      result.set(site, { alias: parts.join('.'), qualifiers: suffixes.filter(({ length }) => length > 1) });
    else result.set(site, { alias: parts.at(-1)!, qualifiers: suffixes });
  }
  return result;
}

/** `t`, `ns.t` and `catalog.ns.t`, as written and as the table is called in full. */
function qualifiersOf({ name, found }: Site, catalog: string): string[][] {
  const suffixes = (parts: readonly string[]) => parts.map((_, index) => parts.slice(index)).reverse();
  const written = suffixes(name.parts);
  if (found === undefined || found.metadataTable !== undefined || found.version !== undefined) return written;
  const { namespace, name: table } = found.table.identifier;
  const full = suffixes([catalog, ...namespace, table]).filter(({ length }) => length > 1);
  return [...written, ...full];
}
