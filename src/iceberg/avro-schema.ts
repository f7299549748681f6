import { AvroFormatError } from './avro-binary.ts';

/** A parsed Avro schema with the properties that Iceberg adds (spec: Appendix A, "Avro"). */
export type AvroNode =
  | {
      readonly kind: AvroPrimitive;
      readonly logical: string | undefined;
      readonly precision?: number;
      readonly scale?: number;
      /** Iceberg's property of timestamps: whether they are moments. */
      readonly adjustsToUtc?: boolean;
    }
  | {
      readonly kind: 'fixed';
      readonly size: number;
      readonly logical: string | undefined;
      readonly precision?: number;
      readonly scale?: number;
    }
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  | { readonly kind: 'record'; readonly fields: readonly AvroField[]; readonly logical?: string }
  /** With the logical type `map`, an array of records that stands for a map. */
  | {
      readonly kind: 'array';
      readonly items: AvroNode;
      readonly elementId?: number;
      readonly logical?: string;
    }
  | { readonly kind: 'map'; readonly values: AvroNode; readonly keyId?: number; readonly valueId?: number }
  | { readonly kind: 'union'; readonly branches: readonly AvroNode[] };

export type AvroPrimitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string';

export interface AvroField {
  readonly name: string;
  /** Iceberg's field id, when the writer put one there. */
  readonly id: number | undefined;
  readonly type: AvroNode;
}

const PRIMITIVES: ReadonlySet<string> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);
const MAX_DEPTH = 64;

/** Parses an Avro schema (parsed JSON). Recursive types are refused: no Iceberg file has them. */
export function parseAvroSchema(json: unknown): AvroNode {
  return parse(json, '', new Map(), 0);
}

function parse(
  json: unknown,
  namespace: string,
  named: Map<string, AvroNode | undefined>,
  depth: number,
): AvroNode {
  if (depth > MAX_DEPTH) throw new AvroFormatError('the Avro schema is nested too deeply');
  if (typeof json === 'string') {
    if (PRIMITIVES.has(json)) return { kind: json as AvroPrimitive, logical: undefined };
    const node = named.get(fullName(json, namespace)) ?? named.get(json);
    if (node === undefined)
      throw new AvroFormatError(`the Avro schema uses ${json}, which is unknown or recursive`);
    return node;
  }
  if (Array.isArray(json)) {
    return { kind: 'union', branches: json.map(branch => parse(branch, namespace, named, depth + 1)) };
  }
  if (typeof json !== 'object' || json === null) throw new AvroFormatError('the Avro schema is malformed');
  const o = json as Record<string, unknown>;
  const logical = typeof o.logicalType === 'string' ? o.logicalType : undefined;
  const decimal = { precision: optionalInteger(o.precision), scale: optionalInteger(o.scale) };
  if (o.type === 'array') {
    const items = parse(o.items, namespace, named, depth + 1);
    return { kind: 'array', items, elementId: optionalInteger(o['element-id']), logical };
  }
  if (o.type === 'map') {
    const values = parse(o.values, namespace, named, depth + 1);
    return {
      kind: 'map',
      values,
      keyId: optionalInteger(o['key-id']),
      valueId: optionalInteger(o['value-id']),
    };
  }
  if (typeof o.type === 'string' && PRIMITIVES.has(o.type)) {
    const adjusts = o['adjust-to-utc'];
    return {
      kind: o.type as AvroPrimitive,
      logical,
      ...decimal,
      ...(typeof adjusts === 'boolean' ? { adjustsToUtc: adjusts } : {}),
    };
  }
  if (o.type !== 'record' && o.type !== 'error' && o.type !== 'fixed' && o.type !== 'enum') {
    // {"type": {...}} or {"type": "name"}: a wrapper around another type.
    return parse(o.type, namespace, named, depth + 1);
  }
  const space = typeof o.namespace === 'string' ? o.namespace : namespace;
  const name = fullName(String(o.name ?? ''), space);
  if (named.has(name)) throw new AvroFormatError(`the Avro schema defines ${name} twice`);
  named.set(name, undefined);
  const node = parseNamed(o, logical, decimal, space, named, depth);
  named.set(name, node);
  return node;
}

function parseNamed(
  o: Record<string, unknown>,
  logical: string | undefined,
  decimal: { precision: number | undefined; scale: number | undefined },
  namespace: string,
  named: Map<string, AvroNode | undefined>,
  depth: number,
): AvroNode {
  if (o.type === 'fixed') {
    const size = optionalInteger(o.size);
    if (size === undefined || size < 0)
      throw new AvroFormatError('the Avro schema has a fixed type without a size');
    return { kind: 'fixed', size, logical, ...decimal };
  }
  if (o.type === 'enum') {
    if (!Array.isArray(o.symbols)) throw new AvroFormatError('the Avro schema has an enum without symbols');
    return { kind: 'enum', symbols: o.symbols.map(String) };
  }
  if (!Array.isArray(o.fields)) throw new AvroFormatError('the Avro schema has a record without fields');
  const fields = o.fields.map((field: unknown): AvroField => {
    if (typeof field !== 'object' || field === null)
      throw new AvroFormatError('the Avro schema is malformed');
    const f = field as Record<string, unknown>;
    return {
      name: String(f.name),
      id: optionalInteger(f['field-id']),
      type: parse(f.type, namespace, named, depth + 1),
    };
  });
  return { kind: 'record', fields, logical };
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
}

function optionalInteger(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

/** The single branch beside null of an optional type; the type itself when it's no union. */
export function nonNull(node: AvroNode): AvroNode {
  if (node.kind !== 'union') return node;
  const others = node.branches.filter(branch => branch.kind !== 'null');
  if (others.length > 1) throw new AvroFormatError('the Avro schema has a union of several types');
  return others[0] ?? { kind: 'null', logical: undefined };
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether a name may stand in an Avro schema as it is. */
export function isAvroName(name: string): boolean {
  return NAME.test(name);
}

/** A legal Avro name, made the way Iceberg's Java library makes it (`a.b` -> `a_x2Eb`, `1a` -> `_1a`). */
export function sanitizeAvroName(name: string): string {
  let out = '';
  for (let i = 0; i < name.length; i++) {
    const c = name[i]!;
    if (/[A-Za-z_]/.test(c) || (i > 0 && /[0-9]/.test(c))) out += c;
    else if (/[0-9]/.test(c)) out += `_${c}`;
    else out += `_x${c.charCodeAt(0).toString(16).toUpperCase()}`;
  }
  return out === '' ? '_' : out;
}
