import type { LiteralValue } from '../remote-engine.ts';

/**
 * A value as a literal of Spark's SQL. What an escape in a text means depends on Spark's settings, and `${...}` is
 * replaced in texts too, so a text that has such characters is written as bytes.
 */
export function sparkLiteral(value: LiteralValue): string {
  switch (typeof value) {
    case 'string': {
      if (!/['\\$]/.test(value)) return `'${value}'`;
      return `CAST(X'${Buffer.from(value).toString('hex')}' AS STRING)`;
    }
    case 'bigint':
      return signed(String(value));
    case 'number':
      if (!Number.isFinite(value)) return `CAST('${value}' AS DOUBLE)`;
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return signed(String(value));
      return signed(`${Object.is(value, -0) ? '-0' : value}D`);
    case 'boolean':
      return String(value);
    default:
      return 'NULL';
  }
}

/** Two minus signs side by side would begin a comment. */
function signed(text: string): string {
  return text.startsWith('-') ? `(${text})` : text;
}

/** A name as Spark's SQL quotes it. */
export function sparkIdentifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The parts of a name that Spark has quoted where it must: `` a.`b.c` ``. */
export function identifierParts(name: string): string[] {
  return [...name.matchAll(/`((?:[^`]|``)*)`|([^.`]+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('``', '`') ?? plain!,
  );
}
