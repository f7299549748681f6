import { textPosition } from '../engine/errors.ts';
import { tokenize } from '../engine/sql/tokenizer.ts';
import { NotFoundError, ValidationError } from '../iceberg/errors.ts';

/** A notebook parameter's value, used as `$name` in SQL and `${name}` in the lake language's quoted strings. */
export type ParameterValue = string | number | bigint | boolean | null;
export type Parameters = Readonly<Record<string, ParameterValue>>;

const line = /^[ \t]*(?:set[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*/i;

/**
 * Reads a parameters cell: a line `name = value` for each parameter (`SET name = value;` is the same), with a value
 * in SQL's words: a number, 'text', true, false or NULL. What papermill writes for Python is understood too: "text" with
 * backslash escapes, True, False and None.
 * @throws ValidationError with its place in the cell
 */
export function parseParametersCell(source: string): Record<string, ParameterValue> {
  const values: Record<string, ParameterValue> = {};
  let start = 0;
  for (const text of source.split('\n')) {
    const offset = start;
    start += text.length + 1;
    if (/^\s*(--.*|#.*)?$/.test(text)) continue;
    const found = line.exec(text);
    if (found === null) {
      throw new ValidationError(
        'This line of the parameters cell is no `name = value`.',
        {
          position: textPosition(
            source,
            offset + (text.length - text.trimStart().length),
            text.trim().length,
          ),
          hint: "Write for example `region = 'EU'`; other statements belong into a cell of their own.",
        },
        'SYNTAX',
      );
    }
    values[found[1]!] = parseValue(source, offset + found[0].length, text.slice(found[0].length));
  }
  return values;
}

/** A text in double quotes, which means no name here. */
const doubleQuoted = /^"((?:[^"\\]|\\.)*)"\s*;?\s*((--|#).*)?$/;
const escapes = /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}|.)/g;
const escaped: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function withoutEscapes(text: string): string {
  return text.replace(escapes, (_, code: string) =>
    code.length > 1 ? String.fromCodePoint(Number.parseInt(code.slice(1), 16)) : (escaped[code] ?? code),
  );
}

function parseValue(source: string, offset: number, text: string): ParameterValue {
  const quoted = doubleQuoted.exec(text)?.[1];
  if (quoted !== undefined) return withoutEscapes(quoted);
  const tokens = tokenize(text).filter(token => token.text !== ';');
  const negative = tokens.length === 2 && (tokens[0]!.text === '-' || tokens[0]!.text === '+');
  const token = negative ? tokens[1]! : tokens[0];
  if (token !== undefined && tokens.length === (negative ? 2 : 1)) {
    if (token.type === 'number') return numberValue((negative ? tokens[0]!.text : '') + token.text);
    if (!negative && token.type === 'string') return token.value;
    if (!negative && token.type === 'word' && token.value in words) return words[token.value]!;
  }
  throw new ValidationError(
    text.trim() === '' ? 'The parameter has no value.' : `${text.trim()} is no value for a parameter.`,
    {
      position: textPosition(source, offset, Math.max(1, text.trimEnd().length)),
      hint: "A value is a number, a text in single quotes ('EU'), true, false or NULL.",
    },
    'SYNTAX',
  );
}

const words: Readonly<Record<string, ParameterValue>> = { TRUE: true, FALSE: false, NULL: null, NONE: null };

/** Integers beyond what a JavaScript number holds stay exact. */
function numberValue(text: string): number | bigint {
  const plain = text.replaceAll('_', '').replace(/^\+/, '');
  const value = Number(plain);
  return /^-?\d+$/.test(plain) && !Number.isSafeInteger(value) ? BigInt(plain) : value;
}

/**
 * The value of a parameter given as text (`--param name=text`). It takes the type of the notebook's own value; for a
 * parameter the notebook doesn't declare it is a number or true or false when it looks like one.
 * @throws ValidationError when the text doesn't fit the declared type
 */
export function parameterFromText(name: string, text: string, declared?: ParameterValue): ParameterValue {
  const isNumber = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text);
  switch (typeof declared) {
    case 'string':
      return text;
    case 'number':
    case 'bigint':
      if (isNumber) return numberValue(text);
      throw wrongType(name, text, 'a number', 'an unquoted number');
    case 'boolean':
      if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
      throw wrongType(name, text, 'true or false', 'true or false');
    default:
      if (isNumber) return numberValue(text);
      if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
      return /^null$/i.test(text) ? null : text;
  }
}

function wrongType(name: string, text: string, is: string, give: string): ValidationError {
  return new ValidationError(
    `The parameter ${name} is ${is} in the notebook, but "${text}" was given.`,
    { hint: `Give ${give}, or change the value in the notebook's parameters cell to a text.` },
    'PARAMETER_TYPE',
  );
}

/** A parameter's value as a SQL literal, for places where SQL text is built. */
export function sqlLiteral(value: ParameterValue): string {
  if (value === null) return 'NULL';
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** @throws NotFoundError naming the parameters there are */
export function lookUpParameter(
  parameters: Parameters,
  name: string,
  position?: { readonly line: number; readonly column: number },
): ParameterValue {
  const key = Object.keys(parameters).find(candidate => candidate.toLowerCase() === name.toLowerCase());
  if (key !== undefined) return parameters[key]!;
  const names = Object.keys(parameters);
  throw new NotFoundError('parameter', `There is no parameter ${name}.`, {
    position,
    hint:
      names.length > 0
        ? `The notebook's parameters are ${names.join(', ')}.`
        : `Add a first cell with \`-- parameters\` and a line \`${name} = ...\`, or run with --param ${name}=...`,
  });
}
