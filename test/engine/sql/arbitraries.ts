import fc from 'fast-check';

/** White space between any two tokens. */
export const asciiGap: fc.Arbitrary<string> = fc.constantFrom(' ', '\n', '\t', '\r\n', '  ');

/** White space between tokens, if the first isn't `$a` and the second has no dollar sign. */
export const gap: fc.Arbitrary<string> = fc.oneof(asciiGap, fc.constantFrom('\u00a0', '\u3000 ', '\ufeff'));

/** A comment with what could be taken for the end of something. */
export const comment: fc.Arbitrary<string> = fc.constantFrom(
  ' -- name: x\n',
  ' -- it\'s; "\n',
  '--\r',
  '/**/',
  ' /* ; \' " $$ */ ',
  '/* /* ) */ -- */',
  '\n-- ;\n',
);

export const stringText: fc.Arbitrary<string> = fc.oneof(
  fc.string().map(text => `'${text.replaceAll("'", "''")}'`),
  fc.string().map(text => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`),
  fc.string().map(text => `$q$${text.replaceAll('$', '')}$q$`),
  fc.constantFrom("';'", "'--'", "'/*'", '$$;$$', "$x$ ' ; $$ $x$", "E'\\';'", "x'3B'"),
);

export const quotedName: fc.Arbitrary<string> = fc
  .string({ minLength: 1 })
  .map(text => `"${text.replaceAll('"', '""')}"`);

/** One token. */
export const tokenText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('select', 'FROM', 'a', 't$files', 'Größe', 'x1', '_', 'case', 'end', 'E', 'x'),
  fc.constantFrom('1', '2.5', '.5', '1e5', '0x1F', '1_000', '?', '?1', '$1', '$name'),
  fc.constantFrom(
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    ';',
    '.',
    '=>',
    '::',
    '->>',
    '<>',
    '<',
    '>',
    '+',
    '*',
    '@',
  ),
  stringText,
  quotedName,
);

/** Anything at all, mostly made of what has a meaning in SQL. */
export const anySql: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.oneof(
        tokenText,
        gap,
        comment,
        fc.constantFrom("'", '"', '$$', '$a$', '/*', '*/', '--', '\\', "E'", '\ud800'),
      ),
    )
    .map(parts => parts.join('')),
);
