import type { Random } from './random.ts';

/** Characters that end, open or hide something somewhere, and that encodings stumble over. */
const troubles = [
  '\0',
  '\ud800',
  '\udc00',
  '\ufeff',
  '\u2028',
  '\u00a0',
  '\u202e',
  '😀',
  'é',
  'İ',
  'ß',
  '\r',
  '\n',
  '\t',
  ' ',
  "'",
  '"',
  '`',
  '\\',
  '$',
  '${',
  '%',
  '--',
  '/*',
  '*/',
  '#',
  ';',
  ',',
  '.',
  ':',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '<',
  '>',
  '=',
  '-',
  '+',
  '..',
  '__proto__',
  'constructor',
  'toString',
];

const numbers = [
  '0',
  '-1',
  '1e400',
  '-0',
  '9007199254740993',
  '99999999999999999999999999',
  '2147483648',
  '-9223372036854775809',
  '0x7f',
  '1.5',
  '00',
];

const longest = 200_000;

/**
 * Changes a text by its words and characters: words dropped, doubled, swapped, taken from other texts or from the
 * dictionary, numbers made extreme, troublesome characters put in between, and parts said thousands of times.
 */
export function mutateText(
  random: Random,
  corpus: readonly string[],
  dictionary: readonly string[] = [],
): string {
  let text = random.pick(corpus);
  for (let step = random.few(8); step > 0; step--) text = mutateOnce(random, text, corpus, dictionary);
  return text.slice(0, longest);
}

function mutateOnce(
  random: Random,
  text: string,
  corpus: readonly string[],
  dictionary: readonly string[],
): string {
  const words: string[] = text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? [];
  const at = random.below(words.length + 1);
  const put = (word: string, removed: number) => words.toSpliced(at, removed, word).join('');
  switch (random.below(11)) {
    case 0:
      return words.toSpliced(at, random.few(4)).join('');
    case 1:
      return put(words[at] ?? '', 0);
    case 2: {
      const other = random.below(words.length + 1);
      const swapped = [...words];
      [swapped[at], swapped[other]] = [words[other] ?? '', words[at] ?? ''];
      return swapped.join('');
    }
    case 3:
      return put(random.pick(troubles), random.below(2));
    case 4: {
      const place = random.below(text.length + 1);
      return text.slice(0, place) + random.pick(troubles) + text.slice(place + random.below(2));
    }
    case 5:
    case 6:
      return put(dictionary.length === 0 ? random.pick(troubles) : random.pick(dictionary), random.below(2));
    case 7: {
      const index = words.findIndex((word, i) => i >= at && /^\d+$/.test(word));
      return index < 0 ? put(random.pick(numbers), 0) : words.with(index, random.pick(numbers)).join('');
    }
    case 8: {
      const other: string[] = random.pick(corpus).match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? [];
      const from = random.below(other.length + 1);
      const part = random.oneIn(2) ? other.slice(from) : other.slice(from, from + random.few(8));
      return [...words.slice(0, at), ...part, ...(random.oneIn(2) ? [] : words.slice(at))].join('');
    }
    case 9: {
      // Nesting and lists beyond all measure.
      if (!random.oneIn(4)) return put(words[at] ?? '(', 0);
      const part = words.slice(at, at + random.few(4)).join('') || '(';
      return put(part.repeat(Math.min(random.pick([10, 200, 5000]), longest / part.length)), 0);
    }
    default:
      return text.slice(0, random.below(text.length + 1));
  }
}
