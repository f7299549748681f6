import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Line of its first fence, from 1. */
  readonly line: number;
  /** Why it isn't run, if a comment `<!-- not run: ... -->` before it says so. */
  readonly notRun: string | undefined;
}

/** All pages of documentation, relative to the root. */
export function pages(): string[] {
  const docs = readdirSync(path.join(root, 'docs')).filter(name => name.endsWith('.md'));
  // Licences are others' texts.
  const top = readdirSync(root).filter(name => name.endsWith('.md') && name !== 'THIRD_PARTY_NOTICES.md');
  return [...top, ...docs.map(name => `docs/${name}`), 'samples/data/README.md'].sort();
}

export function readPage(page: string): string {
  return readFileSync(path.join(root, page), 'utf8');
}

export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const open = /^(`{3,})(\S*)\s*$/.exec(lines[at]!);
    if (open === null) continue;
    const end = lines.indexOf(open[1]!, at + 1);
    if (end < 0) throw new Error(`line ${at + 1}: the block is never closed`);
    const before = lines.slice(0, at).findLast(line => line.trim() !== '') ?? '';
    const notRun = /^<!-- not run: (.+) -->$/.exec(before)?.[1];
    blocks.push({
      language: open[2]!,
      text: lines.slice(at + 1, end).join('\n'),
      line: at + 1,
      notRun,
    });
    at = end;
  }
  return blocks;
}

/** Link targets outside of code, with their lines. */
export function linksOf(markdown: string): { target: string; line: number }[] {
  let inBlock = false;
  return markdown.split('\n').flatMap((text, index) => {
    if (/^`{3,}/.test(text)) inBlock = !inBlock;
    if (inBlock) return [];
    const plain = text.replace(/`[^`]*`/g, '');
    return [...plain.matchAll(/\]\(([^)\s]+)\)/g)].map(match => ({ target: match[1]!, line: index + 1 }));
  });
}

/** The anchors that headings of a page get, as on GitHub. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  let inBlock = false;
  for (const line of markdown.split('\n')) {
    if (/^`{3,}/.test(line)) inBlock = !inBlock;
    const heading = inBlock ? null : /^#{1,6} (.+)$/.exec(line);
    if (heading === null) continue;
    const anchor = heading[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
    let unique = anchor;
    for (let n = 1; anchors.has(unique); n++) unique = `${anchor}-${n}`;
    anchors.add(unique);
  }
  return anchors;
}
