import { type TextPosition, ValidationError } from '../iceberg/errors.ts';

/** A JSON value with where it stands in its text. */
export type JsonNode = { readonly position: TextPosition } & (
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'other'; readonly value: number | boolean | null }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'object'; readonly members: readonly JsonMember[] }
);

export interface JsonMember {
  readonly key: string;
  readonly keyPosition: TextPosition;
  readonly value: JsonNode;
}

/** Deeper nesting than any file here has; keeps hostile files from exhausting the stack. */
const maxDepth = 100;

/**
 * Reads JSON that a person wrote, so that later checks can point at the place of a fault.
 * @throws ValidationError with the position of the first fault, also for a key that is there twice
 */
export function parseJsonSource(text: string, file: string): JsonNode {
  return new Parser(text, file).parse();
}

type Bare = JsonNode extends infer Node ? (Node extends JsonNode ? Omit<Node, 'position'> : never) : never;

/** A node with its place, which is worked out when it is asked for: few of a large file's are. */
function located(node: Bare, text: string, start: number, end: number): JsonNode {
  return Object.defineProperty(node, 'position', {
    get: () => positionIn(text, start, end),
    enumerable: true,
  }) as JsonNode;
}

function positionIn(text: string, start: number, end: number): TextPosition {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const line = text.slice(0, start).split('\n').length;
  return { line, column: start - lineStart + 1, length: Math.max(1, end - start) };
}

class Parser {
  readonly #text: string;
  readonly #file: string;
  #offset = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
    if (text.startsWith('\uFEFF')) this.#offset = 1;
  }

  parse(): JsonNode {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#offset < this.#text.length) this.#fail('The JSON value has ended, but more text follows.');
    return value;
  }

  #value(depth: number): JsonNode {
    if (depth > maxDepth) this.#fail('The JSON is nested too deeply.');
    this.#skipSpace();
    const start = this.#offset;
    switch (this.#text[start]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"': {
        const value = this.#string();
        return located({ kind: 'string', value }, this.#text, start, this.#offset);
      }
      default: {
        const [word] = this.#match(/[^\s,:\]}"[{]+/y) ?? this.#fail('A value is missing here.');
        try {
          const value = JSON.parse(word) as number | boolean | null;
          return located({ kind: 'other', value }, this.#text, start, this.#offset);
        } catch {
          this.#fail(`${word} is no JSON value.`, start, 'Text goes in double quotes.');
        }
      }
    }
  }

  #object(depth: number): JsonNode {
    const start = this.#offset++;
    const members: JsonMember[] = [];
    const keys = new Set<string>();
    const text = this.#text;
    this.#list('}', () => {
      const keyStart = this.#offset;
      if (this.#text[keyStart] !== '"') this.#fail('A key in double quotes is missing here.');
      const key = this.#string();
      const keyEnd = this.#offset;
      if (keys.has(key)) this.#fail(`The key "${key}" is there twice.`, keyStart);
      keys.add(key);
      this.#skipSpace();
      if (this.#text[this.#offset] !== ':') this.#fail(`A colon is missing after "${key}".`);
      this.#offset++;
      const value = this.#value(depth + 1);
      members.push({
        key,
        get keyPosition() {
          return positionIn(text, keyStart, keyEnd);
        },
        value,
      });
    });
    return located({ kind: 'object', members }, this.#text, start, start + 1);
  }

  #array(depth: number): JsonNode {
    const start = this.#offset++;
    const items: JsonNode[] = [];
    this.#list(']', () => items.push(this.#value(depth + 1)));
    return located({ kind: 'array', items }, this.#text, start, start + 1);
  }

  #list(end: string, item: () => void): void {
    for (let first = true; ; first = false) {
      this.#skipSpace();
      if (this.#text[this.#offset] === end && first) break;
      item();
      this.#skipSpace();
      if (this.#text[this.#offset] === end) break;
      if (this.#text[this.#offset] !== ',') this.#fail(`A comma or ${end} is missing here.`);
      this.#offset++;
      this.#skipSpace();
      if (this.#text[this.#offset] === end) this.#fail(`A comma can't stand before ${end}.`);
    }
    this.#offset++;
  }

  #string(): string {
    const start = this.#offset;
    const [quoted] = this.#match(/"(?:[^"\\\n]|\\.)*"/y) ?? this.#fail('This text has no closing quote.');
    try {
      return JSON.parse(quoted) as string;
    } catch {
      this.#fail(
        'This text has a control character or a backslash that JSON does not know.',
        start,
        'Write a backslash as \\\\.',
      );
    }
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#offset;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#offset = pattern.lastIndex;
    return match;
  }

  #skipSpace(): void {
    this.#match(/[ \t\r\n]*/y);
  }

  #fail(message: string, start = this.#offset, hint?: string): never {
    throw new ValidationError(`${this.#file}: ${message}`, {
      file: this.#file,
      position: positionIn(this.#text, start, start + 1),
      hint,
    });
  }
}
