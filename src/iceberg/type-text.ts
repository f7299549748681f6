import { ValidationError } from './errors.ts';
import type { NestedField, PrimitiveType, SimpleKind, Type } from './types.ts';

/**
 * A type as people read it: `decimal(10,2)`, `fixed[16]`, `struct<a: int, b: string not null>`,
 * `list<string>`, `map<string, int not null>`. `parseTypeString` reads it back (ids aside).
 */
export function typeToString(type: Type): string {
  switch (type.kind) {
    case 'struct':
      return `struct<${type.fields.map(fieldText).join(', ')}>`;
    case 'list':
      return `list<${typeToString(type.element)}${type.elementRequired ? ' not null' : ''}>`;
    case 'map':
      return `map<${typeToString(type.key)}, ${typeToString(type.value)}${type.valueRequired ? ' not null' : ''}>`;
    default:
      return primitiveToString(type);
  }
}

function fieldText(field: NestedField): string {
  const name = /^[A-Za-z_][A-Za-z0-9_]*$/.test(field.name)
    ? field.name
    : `"${field.name.replaceAll('"', '""')}"`;
  return `${name}: ${typeToString(field.type)}${field.required ? ' not null' : ''}`;
}

/** The canonical string of a primitive type in schema JSON (spec: Appendix C). */
export function primitiveToString(type: PrimitiveType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'fixed':
      return `fixed[${type.length}]`;
    default:
      return type.parameters === undefined ? type.kind : `${type.kind}(${type.parameters})`;
  }
}

const simple = (kind: SimpleKind): Type => ({ kind });

/** Type names, lower case: Iceberg's own and the common SQL ones. */
const namedTypes: ReadonlyMap<string, Type> = new Map<string, Type>([
  ...(
    [
      'boolean',
      'int',
      'long',
      'float',
      'double',
      'date',
      'time',
      'timestamp',
      'timestamptz',
      'timestamp_ns',
      'timestamptz_ns',
      'string',
      'uuid',
      'binary',
      'unknown',
      'variant',
      'geometry',
      'geography',
    ] as const
  ).map(kind => [kind, simple(kind)] as const),
  ...(
    [
      ['boolean', ['bool', 'logical']],
      [
        'int',
        ['integer', 'int4', 'int32', 'signed', 'smallint', 'int2', 'int16', 'short', 'tinyint', 'int1'],
      ],
      ['int', ['utinyint', 'usmallint', 'uint8', 'uint16', 'byte']],
      ['long', ['bigint', 'int8', 'int64', 'uinteger', 'uint32']],
      ['float', ['real', 'float4', 'float32']],
      ['double', ['float8', 'float64']],
      ['string', ['varchar', 'text', 'char', 'bpchar', 'nvarchar', 'character', 'json']],
      ['binary', ['blob', 'bytea', 'varbinary', 'bytes']],
      ['uuid', ['guid']],
      ['timestamp', ['datetime', 'timestamp_us', 'timestamp_ms', 'timestamp_s']],
    ] as const
  ).flatMap(([kind, names]) => names.map(name => [name, simple(kind)] as const)),
  ['ubigint', { kind: 'decimal', precision: 20, scale: 0 }],
  ['uint64', { kind: 'decimal', precision: 20, scale: 0 }],
  ['hugeint', { kind: 'decimal', precision: 38, scale: 0 }],
]);

/** SQL types whose length in parentheses doesn't matter to Iceberg: `varchar(20)`, `timestamp(6)`. */
const ignoredLength = new Set(['varchar', 'char', 'bpchar', 'nvarchar', 'character', 'varbinary', 'time']);

/** Names `parseTypeString` takes that need no parameters, for help and completion. */
export const typeNames: readonly string[] = [
  ...namedTypes.keys(),
  'decimal',
  'fixed',
  'struct',
  'list',
  'map',
];

/**
 * Parses a type written by a person: Iceberg's names (`long`, `decimal(10,2)`, `fixed[16]`,
 * `struct<a: int, b: string not null>`, `list<int>`, `map<string, int>`) and SQL's (`BIGINT`, `varchar(20)`,
 * `numeric(10,2)`, `timestamp with time zone`, `STRUCT(a INT)`, `INT[]`, `array<int>`, `MAP(TEXT, INT)`).
 * Ids of nested fields are provisional: from `nextId`, else 1, 2, ... in the order of the text.
 * @throws ValidationError whose position is the place in `text`.
 */
export function parseTypeString(text: string, nextId?: () => number): Type {
  const parser = new TypeParser(text, 0, nextId);
  const type = parser.type();
  parser.end();
  return type;
}

/**
 * Parses the type that starts at offset `start` of a longer text, and says where it ends (after the last
 * character of the type). Positions in errors are those of the whole text.
 * @throws ValidationError
 */
export function parseTypePrefix(
  text: string,
  start: number,
  nextId?: () => number,
): { readonly type: Type; readonly end: number } {
  const parser = new TypeParser(text, start, nextId);
  const type = parser.type();
  return { type, end: parser.lastEnd };
}

interface Token {
  readonly text: string;
  readonly start: number;
  /** 'name' may be quoted: then `text` is the unquoted name. */
  readonly kind: 'name' | 'quoted' | 'number' | 'symbol' | 'end';
}

const tokenPattern = /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|("(?:[^"]|"")*"|`[^`]*`)|(\d+)|([<>()[\],:]))/y;

class TypeParser {
  readonly #text: string;
  #offset: number;
  readonly #nextId: () => number;
  #depth = 0;
  /** Offset after the last token that was consumed. */
  lastEnd: number;

  constructor(text: string, start: number, nextId: (() => number) | undefined) {
    let last = 0;
    this.#nextId = nextId ?? (() => ++last);
    this.#text = text;
    this.#offset = start;
    this.lastEnd = start;
  }

  type(): Type {
    if (++this.#depth > 100) throw this.#error('Types are nested more than 100 levels deep', this.#peek());
    let type = this.#base();
    while (this.#accept('[')) {
      if (this.#peek().kind === 'number') this.#next();
      this.#expect(']');
      type = { kind: 'list', elementId: this.#nextId(), elementRequired: false, element: type };
    }
    this.#depth--;
    return type;
  }

  end(): void {
    const token = this.#peek();
    if (token.kind !== 'end')
      throw this.#error(`Nothing may follow the type, but "${token.text}" does`, token);
  }

  #base(): Type {
    const token = this.#next();
    if (token.kind !== 'name') throw this.#error('A type is missing here', token);
    const name = token.text.toLowerCase();
    switch (name) {
      case 'struct':
      case 'row':
        return this.#struct();
      case 'list':
      case 'array':
        return this.#list();
      case 'map':
        return this.#map();
      case 'decimal':
      case 'numeric':
      case 'dec':
        return this.#decimal(token);
      case 'fixed':
        return this.#fixed();
      case 'geometry':
      case 'geography':
        return this.#geo(name);
      case 'timestamp':
        return this.#timestamp();
      default:
        break;
    }
    if (name === 'double' && this.#peekWord('precision')) this.#next();
    if (name === 'character' && this.#peekWord('varying')) this.#next();
    const type = namedTypes.get(name);
    if (type === undefined) throw this.#unknown(token);
    if (ignoredLength.has(name)) this.#length();
    if (name === 'time' && this.#peekWord('without')) this.#words('without', 'time', 'zone');
    return type;
  }

  #struct(): Type {
    const close = this.#open();
    const fields: NestedField[] = [];
    do {
      const name = this.#next();
      if (name.kind !== 'name' && name.kind !== 'quoted')
        throw this.#error('A field name is missing here', name);
      const id = this.#nextId();
      this.#accept(':');
      const type = this.type();
      const required = this.#notNull();
      if (fields.some(field => field.name === name.text)) {
        throw this.#error(`The field "${name.text}" is there twice`, name);
      }
      fields.push({ id, name: name.text, required, type });
    } while (this.#accept(','));
    this.#expect(close);
    return { kind: 'struct', fields };
  }

  #list(): Type {
    const close = this.#open();
    const elementId = this.#nextId();
    const element = this.type();
    const elementRequired = this.#notNull();
    this.#expect(close);
    return { kind: 'list', elementId, elementRequired, element };
  }

  #map(): Type {
    const close = this.#open();
    const keyId = this.#nextId();
    const valueId = this.#nextId();
    const key = this.type();
    this.#notNull();
    this.#expect(',');
    const value = this.type();
    const valueRequired = this.#notNull();
    this.#expect(close);
    return { kind: 'map', keyId, key, valueId, valueRequired, value };
  }

  #decimal(token: Token): Type {
    // Without parameters: DuckDB's default, as the SQL of this project is DuckDB's.
    if (!this.#accept('(')) return { kind: 'decimal', precision: 18, scale: 3 };
    const precision = this.#number('precision');
    const scale = this.#accept(',') ? this.#number('scale') : 0;
    this.#expect(')');
    if (precision < 1 || precision > 38) {
      throw this.#error(`The precision of a decimal is 1 to 38, not ${precision}`, token);
    }
    if (scale > precision) {
      throw this.#error(`The scale of a decimal can't be larger than its precision (${precision})`, token);
    }
    return { kind: 'decimal', precision, scale };
  }

  #fixed(): Type {
    const close = this.#accept('(') ? ')' : ']';
    if (close === ']') this.#expect('[');
    const length = this.#number('length');
    this.#expect(close);
    return { kind: 'fixed', length };
  }

  #geo(kind: 'geometry' | 'geography'): Type {
    if (!this.#accept('(')) return { kind };
    const end = this.#text.indexOf(')', this.#offset);
    if (end < 0) throw this.#error('A closing ) is missing', this.#peek());
    const parameters = this.#text.slice(this.#offset, end).trim();
    this.#offset = end;
    this.#expect(')');
    return { kind, parameters };
  }

  #timestamp(): Type {
    const digits = this.#length();
    const zoned = this.#peekWord('with');
    if (zoned) {
      this.#next();
      if (this.#peekWord('local')) this.#next();
      this.#words('time', 'zone');
    } else if (this.#peekWord('without')) {
      this.#words('without', 'time', 'zone');
    }
    const kind = zoned ? 'timestamptz' : 'timestamp';
    return { kind: digits !== undefined && digits > 6 ? `${kind}_ns` : kind };
  }

  /** `(20)`, when it's there. */
  #length(): number | undefined {
    if (!this.#accept('(')) return undefined;
    const length = this.#number('length');
    this.#expect(')');
    return length;
  }

  #notNull(): boolean {
    if (this.#peekWord('not')) {
      this.#words('not', 'null');
      return true;
    }
    if (this.#peekWord('null')) this.#next();
    return false;
  }

  #open(): '>' | ')' {
    if (this.#accept('<')) return '>';
    if (this.#accept('(')) return ')';
    throw this.#error('< is missing here', this.#peek());
  }

  #number(what: string): number {
    const token = this.#next();
    const value = Number(token.text);
    if (token.kind === 'number' && value <= 0x7fffffff) return value;
    throw this.#error(`The ${what} must be a whole number`, token);
  }

  #words(...words: readonly string[]): void {
    for (const word of words) {
      const token = this.#next();
      if (token.kind !== 'name' || token.text.toLowerCase() !== word) {
        throw this.#error(`"${word}" is missing here`, token);
      }
    }
  }

  #peekWord(word: string): boolean {
    const token = this.#peek();
    return token.kind === 'name' && token.text.toLowerCase() === word;
  }

  #accept(symbol: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'symbol' || token.text !== symbol) return false;
    this.#next();
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#accept(symbol)) throw this.#error(`${symbol} is missing here`, this.#peek());
  }

  #peek(): Token {
    const { token } = this.#scan();
    return token;
  }

  #next(): Token {
    const { token, end } = this.#scan();
    this.#offset = end;
    if (token.kind !== 'end') this.lastEnd = end;
    return token;
  }

  #scan(): { token: Token; end: number } {
    tokenPattern.lastIndex = this.#offset;
    const match = tokenPattern.exec(this.#text);
    if (match === null) {
      const rest = this.#text.slice(this.#offset);
      const start = this.#offset + (rest.length - rest.trimStart().length);
      const text = this.#text.slice(start, start + 1);
      return { token: { kind: text === '' ? 'end' : 'symbol', text, start }, end: start + text.length };
    }
    const end = tokenPattern.lastIndex;
    const raw = match[1] ?? match[2] ?? match[3] ?? match[4]!;
    const start = end - raw.length;
    if (match[2] !== undefined) {
      const quote = raw[0]!;
      const text = raw.slice(1, -1).replaceAll(quote + quote, quote);
      return { token: { kind: 'quoted', text, start }, end };
    }
    const kind = match[1] !== undefined ? 'name' : match[3] !== undefined ? 'number' : 'symbol';
    return { token: { kind, text: raw, start }, end };
  }

  #unknown(token: Token): ValidationError {
    return this.#error(
      `There is no type "${token.text}"`,
      token,
      'Types are boolean, int, long, float, double, decimal(p,s), date, time, timestamp, timestamptz, string, uuid, fixed[n], binary, struct<...>, list<...> and map<...>.',
    );
  }

  #error(message: string, token: Token, hint?: string): ValidationError {
    const lines = this.#text.slice(0, token.start).split('\n');
    const column = lines.at(-1)!.length + 1;
    const at = token.kind === 'end' ? 'at the end of' : `at column ${column} of`;
    const shown = this.#text.length > 80 ? `${this.#text.slice(0, 77)}...` : this.#text;
    return new ValidationError(`${message}, ${at} "${shown}".`, {
      hint:
        hint ?? 'For example: decimal(10,2), timestamptz, list<string>, struct<a: int, b: string not null>.',
      position: { line: lines.length, column, length: Math.max(1, token.text.length) },
    });
  }
}
