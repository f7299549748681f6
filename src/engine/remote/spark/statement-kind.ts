const space = /^(?:\s|--(?:\\\n|[^\n])*|\/\*[\s\S]*?\*\/|\()+/;
const word = /^[A-Za-z_]+/;

/** Words between a verb and what it is about. */
const adornments = new Set([
  'OR',
  'REPLACE',
  'GLOBAL',
  'TEMPORARY',
  'TEMP',
  'EXTERNAL',
  'OVERWRITE',
  'INTO',
  'FROM',
  'ONLY',
]);
/** Verbs that say what they do only with the word after them. */
const withObject = new Set([
  'CREATE',
  'DROP',
  'ALTER',
  'SHOW',
  'CACHE',
  'UNCACHE',
  'REFRESH',
  'TRUNCATE',
  'ANALYZE',
]);

/** What kind of statement a text is: `INSERT`, `CREATE TABLE`, `USE`, ...; undefined for a query. */
export function operationOf(sql: string): string | undefined {
  const words = leadingWords(sql, 6);
  const verb = words[0];
  if (verb === undefined || ['SELECT', 'WITH', 'FROM', 'VALUES', 'TABLE'].includes(verb)) return undefined;
  if (!withObject.has(verb)) return verb;
  const object = words.slice(1).find(name => !adornments.has(name));
  return object === undefined ? verb : `${verb} ${object}`;
}

function leadingWords(sql: string, count: number): string[] {
  const words: string[] = [];
  let rest = sql;
  while (words.length < count) {
    rest = rest.replace(space, '');
    const next = word.exec(rest)?.[0];
    if (next === undefined) break;
    words.push(next.toUpperCase());
    rest = rest.slice(next.length);
  }
  return words;
}
