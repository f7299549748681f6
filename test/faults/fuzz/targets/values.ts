import { parseJson, stringifyJson } from '../../../../src/iceberg/json.ts';
import { type PartitionSpec, partitionPath } from '../../../../src/iceberg/partition.ts';
import { parseTypePrefix, parseTypeString, typeToString } from '../../../../src/iceberg/schema.ts';
import { parseTransform, transformToString } from '../../../../src/iceberg/transform.ts';
import type { Type, Value } from '../../../../src/iceberg/types.ts';
import {
  parseHuman,
  valueFromBytes,
  valueFromJson,
  valueToBytes,
  valueToHuman,
  valueToJson,
} from '../../../../src/iceberg/value.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { jsonText, mutateJson } from '../mutate-json.ts';
import { mutateText } from '../mutate-text.ts';
import type { Random } from '../random.ts';
import { agree, disagree, type OpenTarget } from '../target.ts';

const typeTexts = [
  'long',
  'decimal(10,2)',
  'fixed[16]',
  'timestamp with time zone',
  'timestamp(9) without time zone',
  'struct<a: int, "b c": list<string not null> not null, d: map<string, struct<x: uuid>>>',
  'STRUCT(a INT, b DECIMAL(5))[]',
  'map(text, int[3])',
  'geography(OGC:CRS84, spherical)',
  'bucket[16]',
  'truncate[4]',
  'character varying(20)',
];

/** Types as people write them, and transforms. */
export async function openTypeText(): Promise<OpenTarget> {
  const words = ['struct<', 'list<', 'map<', 'not null', 'row(', '`a`', '"a""b"', 'variant', 'unknown'];
  return {
    input: random => mutateText(random, typeTexts, words),
    run(input) {
      const text = input as string;
      const transform = parseTransform(text);
      agree('transform', parseTransform(transformToString(transform)), transform);
      const prefix = parseTypePrefix(`x ${text}`, 2);
      if (prefix.end > text.length + 2) disagree('a type ends behind its text');
      const type = parseTypeString(text);
      agree(
        'type written and read again',
        typeToString(parseTypeString(typeToString(type))),
        typeToString(type),
      );
    },
  };
}

const types: readonly Type[] = [
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'decimal(9,2)',
  'decimal(38,38)',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'timestamp_ns',
  'timestamptz_ns',
  'string',
  'uuid',
  'fixed[3]',
  'binary',
].map(text => parseTypeString(text));
const nested: readonly Type[] = [
  'list<int>',
  'map<string, decimal(9,2)>',
  'struct<a: long, b: list<timestamptz>>',
].map(text => parseTypeString(text));

/** A value's kind stands in front of it in the input. */
const typeOf = (list: readonly Type[], text: string): Type => list[text.charCodeAt(0) % list.length]!;

/** Single values in their binary form. */
export async function openValueBytes(): Promise<OpenTarget> {
  const corpus = [4, 8, 16, 3, 1, 0, 2, 17].map(length =>
    Uint8Array.from({ length: length + 1 }, (_, i) => i * 37),
  );
  return {
    input(random: Random) {
      const bytes = mutateBytes(random, corpus);
      return Uint8Array.of(random.below(types.length), ...bytes.subarray(0, 40));
    },
    run(input) {
      const bytes = input as Uint8Array;
      const type = types[bytes[0]! % types.length]!;
      const value = valueFromBytes(type, bytes.subarray(1));
      const written = valueToBytes(type, value);
      // NaN has several bit patterns, promoted and padded values other lengths: what counts is the value.
      agree('value written and read again', valueFromBytes(type, written), value);
      if (inRange(type, value)) {
        agree('value as text', parseHuman(type, valueToHuman(type, value)), value);
        agree(
          'value as JSON',
          valueFromJson(type, parseJson(stringifyJson(valueToJson(type, value)))),
          value,
        );
      }
      const path = partitionPath(specOf(type), schemaOf(type), [value]);
      checkPath(path);
    },
  };
}

/** Whether a value is one that the type has: bytes say more than that. */
function inRange(type: Type, value: Value): boolean {
  switch (type.kind) {
    case 'decimal': {
      const limit = 10n ** BigInt(type.precision);
      return (value as bigint) < limit && (value as bigint) > -limit;
    }
    case 'time':
      return (value as bigint) >= 0n && (value as bigint) < 86_400_000_000n;
    case 'string':
      return !(value as string).includes('\ufffd');
    default:
      return true;
  }
}

const schemaOf = (type: Type) => ({
  schemaId: 0,
  fields: [{ id: 1, name: 'c', required: false, type }],
  identifierFieldIds: [],
});
const specOf = (_type: Type): PartitionSpec => ({
  specId: 0,
  fields: [{ sourceId: 1, fieldId: 1000, name: '../c', transform: { kind: 'identity' } }],
});

/** A partition's folder is one step down, whatever its value is. */
function checkPath(path: string): void {
  const names = path.split('/');
  if (names.length !== 1 || path === '..' || path === '.' || /[\\\0?#\s]/.test(path))
    disagree(`the folder ${path}`);
  if (!/^[A-Za-z0-9.*_=%+-]*$/.test(path)) disagree(`the folder ${path}`);
}

const jsonValues: readonly unknown[] = [
  true,
  34,
  34n,
  2n ** 60n,
  1.5,
  'NaN',
  '14.20',
  '2017-11-16',
  '22:31:08.123456',
  '2017-11-16T22:31:08.123456',
  '2017-11-16T22:31:08.123456789+00:00',
  'f79c3e09-677c-4bbd-a479-3f349cb785e7',
  '000102ff',
  [1, 2, null],
  { keys: ['a', 'b'], values: ['1.00', '2.50'] },
  { 1: 1, 2: ['2017-11-16T22:31:08+00:00'] },
];

/** Single values in their JSON form, as defaults are stored. */
export async function openValueJson(): Promise<OpenTarget> {
  const all = [...types, ...nested];
  return {
    input(random: Random) {
      const value = mutateJson(random, [random.pick(jsonValues)], jsonValues);
      return (
        String.fromCharCode(random.below(all.length)) + jsonText(Array.isArray(value) ? value[0] : value)
      );
    },
    run(input) {
      const text = input as string;
      const type = typeOf(all, text);
      const value = valueFromJson(type, parseJson(text.slice(1)));
      const written = stringifyJson(valueToJson(type, value));
      agree('value written and read again', valueFromJson(type, parseJson(written)), value);
    },
  };
}

/** Values as people write them. */
export async function openValueText(): Promise<OpenTarget> {
  const texts = jsonValues.filter(value => typeof value !== 'object').map(String);
  const words = ['-infinity', 'infinity', '(BC)', '+12026-01-31', '1e5', '-1e-3', '\\x00', '24:00:00', 'Z'];
  return {
    input: random => String.fromCharCode(random.below(types.length)) + mutateText(random, texts, words),
    run(input) {
      const text = input as string;
      const type = typeOf(types, text);
      const value = parseHuman(type, text.slice(1));
      agree('value as text', parseHuman(type, valueToHuman(type, value)), value);
      checkPath(partitionPath(specOf(type), schemaOf(type), [value]));
    },
  };
}
