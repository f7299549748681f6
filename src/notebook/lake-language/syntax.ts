/*
 * The notation in which the grammar's tables write a verb's syntax, and what it is compiled to.
 *
 *   word                 a keyword, in any case
 *   <name:kind>          an argument; a kind may list choices: <mode:append|overwrite>
 *   @name                sets the argument `name` to true and takes no text
 *   [ ... ]              may be left out
 *   { ... }{ ... }       clauses in any order, each at most once
 *   ( ... | ... )        one of several
 */

export type Element =
  | { readonly type: 'word'; readonly word: string }
  | { readonly type: 'flag'; readonly name: string }
  | {
      readonly type: 'argument';
      readonly name: string;
      readonly kind: string;
      readonly choices?: readonly string[];
    }
  | { readonly type: 'sequence'; readonly items: readonly Element[] }
  | { readonly type: 'choice'; readonly options: readonly Element[] }
  | { readonly type: 'optional'; readonly item: Element }
  | { readonly type: 'clauses'; readonly clauses: readonly Element[] };

const piece = /\s+|<([\w-]+):([^>]+)>|@(\w+)|([[\]{}()|])|([^\s<>@[\]{}()|]+)/y;

/** @throws Error for a mistake in the notation itself, which the tests would find. */
export function compileSyntax(notation: string): Element {
  const symbols: (Element | string)[] = [];
  piece.lastIndex = 0;
  while (piece.lastIndex < notation.length) {
    const at = piece.lastIndex;
    const found = piece.exec(notation);
    if (found === null) throw new Error(`bad syntax notation at ${at}: ${notation}`);
    const [, name, kind, flag, mark, word] = found;
    if (name !== undefined) {
      const choices = kind!.includes('|') ? kind!.split('|') : undefined;
      symbols.push({ type: 'argument', name, kind: choices === undefined ? kind! : 'choice', choices });
    } else if (flag !== undefined) symbols.push({ type: 'flag', name: flag });
    else if (mark !== undefined) symbols.push(mark);
    else if (word !== undefined) symbols.push({ type: 'word', word: word.toLowerCase() });
  }
  let at = 0;
  const closing: Readonly<Record<string, string>> = { '[': ']', '{': '}', '(': ')' };
  const parseOptions = (end: string | undefined): Element => {
    const options: Element[] = [];
    for (;;) {
      options.push(parseSequence());
      if (symbols[at] !== '|') break;
      at++;
    }
    if (symbols[at] !== end) throw new Error(`expected ${end ?? 'the end'}: ${notation}`);
    at++;
    return options.length === 1 ? options[0]! : { type: 'choice', options };
  };
  const parseSequence = (): Element => {
    const items: Element[] = [];
    for (;;) {
      const symbol = symbols[at];
      if (symbol === undefined || symbol === '|' || symbol === ']' || symbol === '}' || symbol === ')') break;
      at++;
      if (typeof symbol !== 'string') {
        items.push(symbol);
        continue;
      }
      const inner = parseOptions(closing[symbol]);
      const previous = items.at(-1);
      if (symbol === '[') items.push({ type: 'optional', item: inner });
      else if (symbol === '(') items.push(inner);
      else if (previous?.type === 'clauses') {
        items[items.length - 1] = { type: 'clauses', clauses: [...previous.clauses, inner] };
      } else items.push({ type: 'clauses', clauses: [inner] });
    }
    return items.length === 1 ? items[0]! : { type: 'sequence', items };
  };
  return parseOptions(undefined);
}

/**
 * The syntax as people read it: `ingest <table> from <source> [mode append|overwrite]`.
 * @param most clauses shown of a set; the others become `...`
 */
export function showSyntax(element: Element, most = Number.POSITIVE_INFINITY): string {
  const show = (item: Element) => showSyntax(item, most);
  switch (element.type) {
    case 'word':
      return element.word;
    case 'flag':
      return '';
    case 'argument':
      return (
        element.choices?.join('|') ?? shownKinds[element.kind] ?? `<${element.kind.replace(/^new-/, '')}>`
      );
    case 'sequence':
      return element.items
        .map(show)
        .filter(text => text !== '')
        .join(' ');
    case 'choice':
      return `(${element.options.map(show).join(' | ')})`;
    case 'optional':
      return `[${inside(element.item, show)}]`;
    case 'clauses': {
      const shown = element.clauses.slice(0, most).map(clause => `[${inside(clause, show)}]`);
      return [...shown, ...(element.clauses.length > most ? ['...'] : [])].join(' ');
    }
  }
}

/** Brackets around alternatives need no parentheses. */
function inside(element: Element, show: (element: Element) => string): string {
  return element.type === 'choice' ? element.options.map(show).join(' | ') : show(element);
}

/** How kinds of arguments are shown; others as their own name. */
const shownKinds: Readonly<Record<string, string>> = {
  text: "'text'",
  path: "'path'",
  file: "'file'",
  duration: "'7 days'",
  size: "'128 MB'",
  number: '<n>',
  'new-ref': '<name>',
  ref: '<name>',
  properties: '<property> = <value>, ...',
  keys: '<property>, ...',
  fields: '(<field>, ...)',
  columns: '(<column>, ...)',
  'column-definitions': "(<column> <type> [not null] [comment 'text'], ...)",
  changes: '<change>, ...',
};
