import type { Namespace } from '../../catalog/catalog.ts';
import { parseNamespace } from '../../catalog/identifiers.ts';
import type { EngineSession } from '../session.ts';

/** The namespace that a name in SQL means: `ns`, `ns.level`, `catalog.ns`; the catalog alone is its default one. */
export async function resolveNamespace(
  { lake }: EngineSession,
  parts: readonly string[],
): Promise<Namespace | undefined> {
  const levels = parts.flatMap(parseNamespace);
  if (await lake.catalog.namespaceExists(levels)) return levels;
  if (levels[0]?.toLowerCase() === lake.name.toLowerCase()) {
    const below = levels.length === 1 ? lake.defaultNamespace : levels.slice(1);
    if (levels.length === 1 || (await lake.catalog.namespaceExists(below))) return below;
  }
  return undefined;
}
