import type { Random } from './random.ts';

type Json = unknown;

/** What takes the place of a value. */
const values: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  -0,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  1e308,
  0.5,
  9223372036854775807n,
  -9223372036854775809n,
  10n ** 30n,
  '',
  ' ',
  'x',
  '\ud800',
  '\0',
  '__proto__',
  '../../x',
  '1',
  '-1',
  'true',
  [],
  {},
  [[]],
  [null],
];

/** Keys that JavaScript gives a meaning of their own. */
const keys = ['__proto__', 'constructor', 'toString', 'length', '', 'x', '0'];

/**
 * Changes a JSON value by its structure: values replaced by those of another kind, extreme ones or ones from elsewhere
 * in it, members dropped, renamed and doubled, and nesting beyond all measure. What comes in isn't changed.
 */
export function mutateJson(random: Random, json: Json, words: readonly Json[] = []): Json {
  let root: Json = structuredClone(json);
  for (let step = random.few(5); step > 0; step--) {
    const places = placesOf(root);
    root = mutateAt(random, root, random.pick(places), places, words);
  }
  return root;
}

/** A value in the tree, by what holds it; the root has no holder. */
interface Place {
  readonly holder?: Record<string, Json> | Json[];
  readonly key: string;
}

function placesOf(root: Json): Place[] {
  const places: Place[] = [{ key: '' }];
  const visit = (value: Json, depth: number): void => {
    if (typeof value !== 'object' || value === null || depth > 40) return;
    for (const key of Object.keys(value)) {
      places.push({ holder: value as Record<string, Json>, key });
      visit((value as Record<string, Json>)[key], depth + 1);
    }
  };
  visit(root, 0);
  return places;
}

function mutateAt(
  random: Random,
  root: Json,
  { holder, key }: Place,
  places: readonly Place[],
  words: readonly Json[],
): Json {
  if (holder === undefined) return random.oneIn(10) ? random.pick(values) : root;
  const set = (value: Json) => {
    Object.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true });
    return root;
  };
  const old = (holder as Record<string, Json>)[key];
  switch (random.below(9)) {
    case 0:
      return set(clonedOr(random.pick(values), null));
    case 1:
      if (words.length === 0) return set(random.pick(values));
      return set(clonedOr(random.pick(words), null));
    case 2:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      return root;
    case 3: {
      const other = random.pick(places);
      const value = other.holder === undefined ? root : (other.holder as Record<string, Json>)[other.key];
      return set(clonedOr(value, null));
    }
    case 4:
      if (Array.isArray(holder)) {
        const times = random.oneIn(20) ? 2000 : 1;
        for (let i = 0; i < times; i++) holder.push(clonedOr(old, null));
      } else set([old]);
      return root;
    case 5: {
      if (Array.isArray(holder)) return set({ x: old });
      const name = random.oneIn(2) ? random.pick(keys) : random.pick(places).key;
      delete holder[key];
      Object.defineProperty(holder, name, {
        value: old,
        enumerable: true,
        writable: true,
        configurable: true,
      });
      return root;
    }
    case 6:
      if (typeof old === 'number') return set(random.oneIn(2) ? old + random.pick([1, -1, 1000]) : -old);
      if (typeof old === 'string') return set(old + random.pick(['x', '.', '/', ' ', '\u0000', old]));
      return set(old === true ? false : random.pick(values));
    case 7: {
      if (!random.oneIn(10)) return set([old]);
      let nested: Json = old;
      for (let depth = random.pick([50, 200, 3000]); depth > 0; depth--) {
        nested = random.oneIn(2) ? [nested] : { [key]: nested };
      }
      return set(nested);
    }
    default:
      return set(typeof old === 'object' ? '' : String(old));
  }
}

/** A copy, or the fallback for what is too deep to be copied. */
function clonedOr(value: Json, fallback: Json): Json {
  try {
    return structuredClone(value);
  } catch {
    return fallback;
  }
}

/** As JSON text, however deep; bigints as numbers, as Iceberg writes longs. */
export function jsonText(value: Json): string {
  const parts: string[] = [];
  // A stack of what is still to be written, so that depth costs no call stack.
  const rest: (string | { readonly value: Json })[] = [{ value }];
  while (rest.length > 0) {
    const item = rest.pop()!;
    if (typeof item === 'string') {
      parts.push(item);
      continue;
    }
    const json = item.value;
    if (typeof json === 'bigint') parts.push(String(json));
    else if (Object.is(json, -0)) parts.push('-0');
    else if (typeof json !== 'object' || json === null) parts.push(JSON.stringify(json) ?? 'null');
    else {
      const isArray = Array.isArray(json);
      const entries = Object.entries(json);
      rest.push(isArray ? ']' : '}');
      for (let i = entries.length - 1; i >= 0; i--) {
        const [name, inner] = entries[i]!;
        rest.push({ value: inner });
        if (!isArray) rest.push(`${JSON.stringify(name)}:`);
        if (i > 0) rest.push(',');
      }
      rest.push(isArray ? '[' : '{');
    }
  }
  return parts.join('');
}
