import { ValidationError } from './errors.ts';

const integerText = /^-?\d+$/;

/** Deeper nesting than any metadata has; what walks over JSON later would exhaust the stack. */
export const maxJsonDepth = 1000;

/**
 * Parses JSON without losing integers: those beyond ±(2^53 - 1) become bigint, all other numbers stay number.
 * `what` names the text in the error ("table metadata").
 * @throws ValidationError with the line and column of the fault where the parser tells it, also for JSON that is
 * nested too deeply.
 */
export function parseJson(text: string, what = 'JSON text'): unknown {
  if (isTooDeep(text))
    throw new ValidationError(`The ${what} is nested more than ${maxJsonDepth} levels deep.`);
  try {
    // The reviver is slow; a text without a run of 16 digits can't hold an unsafe integer.
    return /\d{16}/.test(text) ? JSON.parse(text, revive) : JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ValidationError(`The ${what} isn't valid JSON: ${error.message}`, {
      position: positionOf(text, error.message),
      cause: error,
    });
  }
}

/** Whether brackets are nested beyond the limit; those in strings don't count. */
export function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > maxJsonDepth) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}

/** Offset of the quote that ends a string, or of the text's end. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

function revive(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && integerText.test(source) ? BigInt(source) : value;
}

/** V8 tells the offset for some faults only. */
function positionOf(text: string, message: string): { line: number; column: number } | undefined {
  const offset = message.includes('end of JSON input') ? text.length : /at position (\d+)/.exec(message)?.[1];
  if (offset === undefined) return undefined;
  const before = text.slice(0, Number(offset)).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

// JSON.rawJSON is in every Node this project supports, but not yet in TypeScript's library.
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/**
 * Serializes with every bigint written as a JSON number, digit by digit, and -0 as such. `indent` as for
 * JSON.stringify.
 */
export function stringifyJson(value: unknown, indent?: number | string): string {
  return JSON.stringify(value, (_key, v) => exactNumber(v), indent);
}

function exactNumber(value: unknown): unknown {
  if (typeof value === 'bigint') return rawJson(value.toString());
  return Object.is(value, -0) ? rawJson('-0.0') : value;
}

// The as* functions below check parsed JSON; `where` names the place in the error ("Schema 0: fields").

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws ValidationError naming `where` when the value isn't a JSON object. */
export function asObject(value: unknown, where: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new ValidationError(`${where} must be a JSON object, but is ${describeJson(value)}.`);
}

/** @throws ValidationError naming `where` when the value isn't a JSON array. */
export function asArray(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ValidationError(`${where} must be a JSON array, but is ${describeJson(value)}.`);
}

/** @throws ValidationError naming `where` when the value isn't a string. */
export function asString(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  throw new ValidationError(`${where} must be a string, but is ${describeJson(value)}.`);
}

/** @throws ValidationError naming `where` when the value isn't true or false. */
export function asBoolean(value: unknown, where: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new ValidationError(`${where} must be true or false, but is ${describeJson(value)}.`);
}

/** An integer that a JavaScript number holds exactly. @throws ValidationError naming `where`. */
export function asInteger(value: unknown, where: string): number {
  // JSON has a -0, which is no other integer than 0.
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : (value as number);
  throw new ValidationError(`${where} must be an integer, but is ${describeJson(value)}.`);
}

/** A 64-bit integer. @throws ValidationError naming `where`. */
export function asLong(value: unknown, where: string): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return value;
  throw new ValidationError(`${where} must be a 64-bit integer, but is ${describeJson(value)}.`);
}

/** A JSON value as messages show it. */
export function describeJson(value: unknown): string {
  if (value === undefined) return 'missing';
  let text: string;
  try {
    text = stringifyJson(value) ?? String(value);
  } catch {
    // Values that didn't come from JSON may hold themselves, or be deeper than the stack.
    return 'something that can not be shown';
  }
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The fields that are not among the known ones; undefined when there are none. */
export function unknownFields(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const entries = Object.entries(object).filter(([name]) => !known.has(name));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** What `unknownFields` found, to be spread into the object that it is kept in. */
export function kept(object: JsonObject, known: ReadonlySet<string>): { readonly extra?: JsonObject } {
  const extra = unknownFields(object, known);
  return extra === undefined ? {} : { extra };
}
