import { hasRowLineage, lineageFields } from '../../iceberg/row-lineage.ts';
import { quoteIdentifier } from '../quote.ts';
import { type Patch, SqlText } from '../sql/sql-text.ts';
import type { QueryTokens } from './names.ts';
import type { ColumnReference, StarReference } from './references.ts';
import { type Site, type SiteNames, schemaOf } from './site.ts';

/** Puts the query `inner` in a reference's place, in parentheses and with an alias, and takes its AT clause away. */
export function referencePatches(
  { query, list }: QueryTokens,
  { name, at }: Site,
  inner: SqlText,
  alias: string | undefined,
): Patch[] {
  const patches: Patch[] = [];
  const before = list[name.token - 1];
  const word = before?.type === 'word' && list[name.token - 2]?.text !== '.' ? before.value : '';
  const standsFor = query.sourceSpan({ start: name.start, end: name.end });
  const generated = (text: string) => SqlText.generated(text, standsFor);
  let open = '(';
  if (word === 'TABLE') {
    patches.push({ span: { start: before!.start, end: before!.end }, by: 'SELECT * FROM' });
  } else if (['DESCRIBE', 'DESC', 'SUMMARIZE', 'SHOW'].includes(word)) {
    open = 'SELECT * FROM (';
  }
  const close = alias === undefined ? '\n)' : `\n) AS ${quoteIdentifier(alias)}`;
  const by = SqlText.join([generated(open), inner, generated(close)]);
  patches.push({ span: { start: name.start, end: name.end }, by });
  if (at !== undefined) patches.push({ span: { start: at.start, end: at.end }, by: '' });
  return patches;
}

/**
 * A table has the columns of row lineage without showing them: where one is named beside a `*`, the star leaves it out.
 */
export function starPatch(
  { query, list }: QueryTokens,
  { offset, relation, excluded, beside, from }: StarReference,
  sites: readonly Site[],
): Patch | undefined {
  const leaves = from.leaves.filter(
    leaf => relation === undefined || leaf.alias?.toLowerCase() === relation.toLowerCase(),
  );
  const hidden = lineageFields.filter(({ name }) => {
    if (!beside.includes(name) || excluded.includes(name)) return false;
    return leaves.some(leaf => {
      const site = sites.find(candidate => candidate.reference === leaf.reference);
      return site?.found !== undefined && hidesLineage(site, name);
    });
  });
  const at = list.findIndex(token => token.start >= offset && token.text === '*');
  if (hidden.length === 0 || at < 0) return undefined;
  const names = hidden.map(({ name }) => name).join(', ');
  if (excluded.length === 0) {
    const { end } = list[at]!;
    return { span: { start: end, end }, by: ` EXCLUDE (${names})` };
  }
  // `EXCLUDE (a, b)` or `EXCLUDE a`.
  const [open, first] = [list[at + 2]!, list[at + 3]!];
  if (open.text === '(') return { span: { start: first.start, end: first.start }, by: `${names}, ` };
  const written = query.text.slice(open.start, open.end);
  return { span: { start: open.start, end: open.end }, by: `(${written}, ${names})` };
}

function hidesLineage(site: Site, name: string): boolean {
  const { table, metadataTable } = site.found!;
  if (metadataTable !== undefined || !hasRowLineage(table.metadata)) return false;
  return schemaOf(site).fields.every(field => field.name.toLowerCase() !== name);
}

/** `ns.t.column` can't be said of a sub-query: its qualifier becomes the alias. */
export function columnPatch(
  tokens: QueryTokens,
  { names, offset, from }: ColumnReference,
  sites: readonly Site[],
  siteNames: ReadonlyMap<Site, SiteNames>,
): Patch | undefined {
  const written = tokens.nameAt(offset);
  if (written === undefined || written.parts.length < names.length) return undefined;
  for (let clause: typeof from | undefined = from; clause !== undefined; clause = clause.outer) {
    if (clause.leaves.some(leaf => leaf.alias?.toLowerCase() === names[0]!.toLowerCase())) return undefined;
    for (const leaf of clause.leaves) {
      const site = sites.find(candidate => candidate.reference === leaf.reference);
      const own = site === undefined ? undefined : siteNames.get(site)!;
      if (own?.alias === undefined) continue;
      const qualifier = own.qualifiers.find(
        parts =>
          parts.length > 1 &&
          parts.length < names.length &&
          parts.every((part, index) => part.toLowerCase() === names[index]!.toLowerCase()),
      );
      if (qualifier === undefined) continue;
      const end = written.ends[qualifier.length - 1]!;
      return { span: { start: written.start, end }, by: quoteIdentifier(own.alias) };
    }
  }
  return undefined;
}
