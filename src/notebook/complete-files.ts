import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { CompletionItem } from './protocol.ts';

/** Files that can be read as rows. */
const readable =
  /\.(csv|tsv|txt|psv|json|ndjson|jsonl|parquet|arrow|arrows|feather|avro|xlsx)(\.(gz|zst|bz2))?$/i;
const maxItems = 200;

/**
 * Folders and readable files that go on from what is typed of a path.
 * @param typed what stands between the quote and the cursor
 */
export async function completePath(folder: string, typed: string): Promise<CompletionItem[]> {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(typed)) return [];
  const slash = typed.lastIndexOf('/');
  const base = path.resolve(folder, typed.slice(0, slash + 1));
  const entries = await readdir(base, { withFileTypes: true }).catch(() => []);
  return entries
    .filter(
      entry =>
        !entry.name.startsWith('.') &&
        (entry.isDirectory() ? entry.name !== 'node_modules' : readable.test(entry.name)),
    )
    .sort((a, b) => Number(b.isDirectory()) - Number(a.isDirectory()) || (a.name < b.name ? -1 : 1))
    .slice(0, maxItems)
    .map(entry =>
      entry.isDirectory()
        ? { label: `${entry.name}/`, kind: 'folder' as const }
        : { label: entry.name, kind: 'file' as const },
    );
}
