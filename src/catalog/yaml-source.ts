import type { Scalar } from 'yaml';
import { type TextPosition, ValidationError } from '../iceberg/errors.ts';

/** A text or a mapping, with where it stands; lists aren't settings. */
export type YamlNode = { readonly position: TextPosition | undefined } & (
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'map'; readonly entries: readonly YamlEntry[] }
);

export interface YamlEntry {
  readonly key: string;
  readonly keyPosition: TextPosition;
  readonly value: YamlNode;
}

/** Deeper nesting than any file here has. */
const maxDepth = 20;

/**
 * Reads YAML that a person wrote: mappings of texts, as strictyaml reads them, where `no`, `1.0` and `null` are what they
 * look like. An empty file has no entries.
 * @throws ValidationError with the place of the first fault; its message never holds text of the file but keys
 */
export async function parseYamlSource(text: string, file: string): Promise<readonly YamlEntry[]> {
  // Few people have such a file, and everybody would wait for the parser: the editor's extension reads settings as well.
  const { isAlias, isMap, isScalar, LineCounter, parseDocument } = await import('./yaml-package.ts');
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'failsafe',
    lineCounter: lines,
    // The parser's own messages would quote lines, and with them secrets.
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: 'error',
  });
  const place = (start: number, end: number): TextPosition => {
    const { line, col } = lines.linePos(start);
    return { line, column: col, length: Math.max(1, end - start) };
  };
  const fail = (what: string, range: readonly number[] | null | undefined, hint?: string): never => {
    const [start = 0, end = start + 1] = range ?? [];
    throw new ValidationError(`${file}: ${what}`, { file, position: place(start, end), hint });
  };
  const [fault] = document.errors;
  if (fault !== undefined) {
    const known = Object.hasOwn(faults, fault.code) ? faults[fault.code] : undefined;
    fail(
      known ?? 'This is no YAML.',
      [fault.pos[0], fault.pos[0] + 1],
      'Indent with spaces, and write "key: value".',
    );
  }

  const entriesOf = (node: unknown, depth: number): readonly YamlEntry[] => {
    if (!isMap(node)) return [];
    return node.items.map(({ key, value }) => {
      const name = key as Scalar;
      if (!isScalar(key) || typeof key.value !== 'string') return fail('A key must be a text.', rangeOf(key));
      const keyPosition = place(name.range![0], name.range![1]);
      return { key: key.value, keyPosition, value: nodeOf(value, depth + 1) };
    });
  };
  const nodeOf = (node: unknown, depth: number): YamlNode => {
    const range = rangeOf(node);
    if (depth > maxDepth) return fail('The mappings are nested too deeply.', range);
    if (isAlias(node)) return fail('An alias (*name) is no value.', range, 'Write the value out.');
    if (isMap(node))
      return { kind: 'map', entries: entriesOf(node, depth), position: place(range![0]!, range![0]! + 1) };
    if (node === null || node === undefined) return { kind: 'text', text: '', position: undefined };
    if (isScalar(node)) {
      // In this schema a value that isn't written is null, and every other is text.
      const value = node.value === null ? '' : String(node.value);
      return { kind: 'text', text: value, position: range && place(range[0]!, range[1]!) };
    }
    return fail('A list is no value.', range, 'Write "key: value" for each setting.');
  };

  const { contents } = document;
  if (contents === null || (isScalar(contents) && (contents.value === null || contents.value === '')))
    return [];
  if (!isMap(contents)) return fail('The file must hold "key: value" settings.', rangeOf(contents));
  return entriesOf(contents, 0);
}

function rangeOf(node: unknown): readonly number[] | undefined {
  return (node as { range?: readonly number[] | null } | null)?.range ?? undefined;
}

/** What the parser found, by its codes. */
const faults: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'A key is there twice.',
  TAB_AS_INDENT: 'A tab indents this line.',
  MULTILINE_IMPLICIT_KEY: 'A key goes over several lines.',
  MISSING_CHAR: 'Something is missing here: a quote, a bracket, or a space behind a colon.',
  BAD_INDENT: 'This line is not indented like those around it.',
  BLOCK_AS_IMPLICIT_KEY: 'Settings in one line: the second belongs into a line of its own.',
  MULTIPLE_DOCS: 'The file holds several documents.',
  UNEXPECTED_TOKEN: 'This is not expected here.',
};
