import { quoteString } from '../../engine/quote.ts';
import type { Type } from '../../iceberg/types.ts';

/*
 * Casts from text that DuckDB makes although something is lost: 3.7 to a whole number, 1.999 to two decimals, a
 * moment to its date. Ingest refuses them. A rule is a regular expression, so that it can be asked in SQL about all
 * rows and in JavaScript about the one line that is to be told.
 */

export interface ExactnessRule {
  /** Texts that would lose something. */
  readonly pattern: RegExp;
  /** SQL that is false for most texts that the pattern doesn't match, and is cheap; `x` is the text. */
  readonly prefilter: (x: string) => string;
  /** Why, after the value: `'3.7' is no whole number`. */
  readonly reason: string;
}

const infinite = '^[+-]?inf';

/** The rule of a type's texts; undefined for types whose casts keep everything or fail. */
export function exactnessRule(
  type: Type,
  options: {
    readonly decimalSeparator?: string;
    readonly dateFormat?: string;
    readonly timestampFormat?: string;
  },
): ExactnessRule | undefined {
  const point = options.decimalSeparator === ',' ? ',' : '\\.';
  const separator = quoteString(options.decimalSeparator === ',' ? ',' : '.');
  switch (type.kind) {
    case 'int':
    case 'long':
      return {
        pattern: new RegExp(`${point}\\d*[1-9]|e-`, 'i'),
        // A minus that isn't the first character is an exponent's.
        prefilter: x => `(contains(${x}, ${separator}) OR instr(${x}, '-') > 1)`,
        reason: 'is no whole number',
      };
    case 'decimal':
      return {
        pattern: new RegExp(`${point}\\d{${type.scale}}\\d*[1-9]|e-`, 'i'),
        prefilter: x =>
          `(instr(${x}, ${separator}) BETWEEN 1 AND strlen(${x}) - ${type.scale + 1} OR instr(${x}, '-') > 1)`,
        reason: `has more than ${type.scale} decimals`,
      };
    case 'date':
      if (options.dateFormat !== undefined) return undefined;
      return {
        pattern: new RegExp(`[ T].*[1-9]|${infinite}`, 'i'),
        prefilter: x => `strlen(${x}) <> 10`,
        reason: 'is no date without a time',
      };
    case 'timestamp':
      if (options.timestampFormat !== undefined) return undefined;
      return {
        pattern: new RegExp(`:.*[+-]\\d*[1-9]|\\.\\d{6}\\d*[1-9]|${infinite}`, 'i'),
        prefilter: x => `(strlen(${x}) <> 19 OR ${x}[17] <> ':')`,
        reason: 'has a time zone, more than 6 decimals of a second or no end, which a timestamp can’t keep',
      };
    case 'timestamptz':
      if (options.timestampFormat !== undefined) return undefined;
      return {
        pattern: new RegExp(`\\.\\d{6}\\d*[1-9]|${infinite}`, 'i'),
        prefilter: x => `(strlen(${x}) <> 19 OR ${x}[17] <> ':')`,
        reason: 'has more than 6 decimals of a second or no end, which a timestamp can’t keep',
      };
    default:
      return undefined;
  }
}

/** SQL that is true for texts that would lose something. */
export function inexactSql(rule: ExactnessRule, x: string): string {
  // CASE evaluates the regular expression for the few that the cheap test lets through.
  return `(CASE WHEN ${rule.prefilter(x)} THEN regexp_matches(${x}, ${quoteString(rule.pattern.source)}, 'i') ELSE false END)`;
}
