import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '../..');

/** A test that a document names. */
export interface NamedTest {
  /** `test/iceberg/avro.test.ts` */
  readonly file: string;
  /** As it is written: titles of `test.each` with their placeholders. */
  readonly title: string;
}

/** The tests that a table's cell names: `` `file`: title ``, parted by `<br>`. */
export function namedTests(cell: string): NamedTest[] {
  return cell.split('<br>').flatMap(part => {
    const [, file, title] = /^`(test\/[^`]+\.test\.ts)`: (.*)$/.exec(part.trim()) ?? [];
    if (file === undefined) return [];
    return [{ file, title: title!.replaceAll('&#124;', '|').replaceAll('&lt;', '<') }];
  });
}

/** Titles of a file's tests, and of the groups that they are in. */
function titlesOf(file: string): ReadonlySet<string> {
  const source = readFileSync(path.join(root, file), 'utf8');
  const titles = new Set<string>();
  // A title is the first argument of a call, also of the call that `each(...)` answers with.
  const calls = source.matchAll(
    /(?:\b(?:test|it|describe)|\)|\])\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*?)\1\s*,/g,
  );
  for (const [, , title] of calls) titles.add(title!.replace(/\\(.)/g, '$1'));
  return titles;
}

/** Those that aren't there, for messages. */
export function missingTests(tests: readonly NamedTest[]): string[] {
  return tests
    .filter(({ file, title }) => !existsSync(path.join(root, file)) || !titlesOf(file).has(title))
    .map(({ file, title }) => `${file}: ${title}`);
}

/** The cells of every row of a document's tables, without headings. */
export function tableRows(document: string): string[][] {
  const lines = readFileSync(path.join(root, document), 'utf8').split('\n');
  return lines
    .filter(
      (line, index) =>
        line.startsWith('|') && !/^\|[-:|]+\|$/.test(line) && !/^\|[-:|]+\|$/.test(lines[index + 1] ?? ''),
    )
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    );
}
