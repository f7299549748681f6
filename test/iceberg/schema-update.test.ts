import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LakebookError } from '../../src/iceberg/errors.ts';
import { currentSchema } from '../../src/iceberg/metadata.ts';
import { promotionFault } from '../../src/iceberg/promotion.ts';
import { parseTypeString } from '../../src/iceberg/schema.ts';
import {
  changeSchema,
  type EvolvingSchema,
  type SchemaChange,
  type SchemaContext,
} from '../../src/iceberg/schema-update.ts';
import type { NestedField, Type } from '../../src/iceberg/types.ts';
import { altered, schemaFrom, show, tableFrom, withSnapshots } from './evolution-support.ts';

const context: SchemaContext = {
  formatVersion: 2,
  isEmpty: false,
  spec: { specId: 0, fields: [] },
  sortFields: [],
};
const int: Type = { kind: 'int' };
const long: Type = { kind: 'long' };

function evolve(
  fields: string,
  changes: readonly SchemaChange[],
  extra: Partial<SchemaContext> = {},
): string {
  return show(evolved(fields, changes, extra).schema.fields);
}

function evolved(
  fields: string,
  changes: readonly SchemaChange[],
  extra: Partial<SchemaContext> = {},
): EvolvingSchema {
  const table = tableFrom(fields, { formatVersion: extra.formatVersion });
  let state: EvolvingSchema = { schema: currentSchema(table), lastColumnId: table.lastColumnId };
  for (const change of changes) state = changeSchema(state, change, { ...context, ...extra });
  return state;
}

function failure(fields: string, changes: readonly SchemaChange[], extra: Partial<SchemaContext> = {}) {
  try {
    evolve(fields, changes, extra);
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    expect(error.hint).toBeTruthy();
    return `${error.code}: ${error.message} ${error.hint}`;
  }
  throw new Error('nothing failed');
}

describe('adding columns', () => {
  test('new columns get ids that were never used, at the end or at a place', () => {
    expect(
      evolve('a: int, b: int', [
        { kind: 'drop-column', column: ['b'] },
        { kind: 'add-column', column: ['b'], type: int },
        { kind: 'add-column', column: ['c'], type: long, place: { kind: 'first' } },
        { kind: 'add-column', column: ['d'], type: int, place: { kind: 'after', column: ['A'] } },
        { kind: 'add-column', column: ['e'], type: int, place: { kind: 'before', column: ['b'] } },
      ]),
    ).toBe('c 4 long, a 1 int, d 5 int, e 6 int, b 3 int');
  });

  test('nested columns are numbered like those of other Iceberg libraries: a struct first, then what is in it', () => {
    const type = parseTypeString('struct<x: int, y: list<struct<z: int>>>');
    expect(
      evolve('a: int', [
        { kind: 'add-column', column: ['s'], type },
        { kind: 'add-column', column: ['t'], type: int },
      ]),
    ).toBe('a 1 int, s 2 {x 3 int, y 4 [5 {z 6 int}]}, t 7 int');
  });

  test('fields are added to structs, also to those in lists and maps', () => {
    const table = 's: struct<x: int>, l: list<struct<x: int>>, m: map<string, struct<x: int>>';
    expect(
      evolve(table, [
        { kind: 'add-column', column: ['s', 'y'], type: int, place: { kind: 'first' } },
        { kind: 'add-column', column: ['l', 'y'], type: int },
        { kind: 'add-column', column: ['l', 'element', 'w'], type: int },
        {
          kind: 'add-column',
          column: ['m', 'value', 'y'],
          type: int,
          place: { kind: 'before', column: ['x'] },
        },
      ]),
    ).toBe(
      's 1 {y 10 int, x 4 int}, l 2 [5 {x 6 int, y 11 int, w 12 int}], m 3 <7 string, 8 {y 13 int, x 9 int}>',
    );
  });

  test('names are taken whatever their case', () => {
    const add = (...column: string[]): SchemaChange => ({ kind: 'add-column', column, type: int });
    expect(failure('a: int', [add('A')])).toContain('COLUMN_EXISTS: The table has a column "a" already.');
    expect(failure('s: struct<x: int>', [add('S', 'X')])).toContain('"s" has a column "x" already');
    expect(evolve('a: int, s: struct<b: int>', [add('s', 'a')])).toBe('a 1 int, s 2 {b 3 int, a 4 int}');
    const type = parseTypeString('struct<a: int, "A": int>');
    expect(failure('a: int', [{ kind: 'add-column', column: ['s'], type }])).toContain('field "a" twice');
  });

  test('names that no column can have are refused', () => {
    for (const name of ['', ' ', 'a\nb', '_row_id', '_FILE'])
      expect(failure('a: int', [{ kind: 'add-column', column: [name], type: int }])).toContain(
        "can't be the name of a column",
      );
  });

  test('a name of a partition field is taken', () => {
    const spec = {
      specId: 0,
      fields: [{ sourceId: 1, fieldId: 1000, name: 'a_bucket', transform: { kind: 'bucket', buckets: 4 } }],
    } as const;
    expect(failure('a: int', [{ kind: 'add-column', column: ['A_bucket'], type: int }], { spec })).toContain(
      'the name of a partition field',
    );
    const rename: SchemaChange = { kind: 'rename-column', column: ['a'], to: 'a_bucket' };
    expect(failure('a: int', [rename], { spec })).toContain('the name of a partition field');
    // The values of the column itself may have its name.
    const values = {
      specId: 0,
      fields: [{ sourceId: 1, fieldId: 1000, name: 'b', transform: { kind: 'identity' } }],
    } as const;
    expect(evolve('a: int', [{ ...rename, to: 'b' }], { spec: values })).toBe('b 1 int');
  });

  test('a required column needs a default, unless the table never had rows', () => {
    const add: SchemaChange = { kind: 'add-column', column: ['b'], type: int, required: true };
    expect(failure('a: int', [add])).toContain("can't be added as NOT NULL");
    expect(failure('a: int', [add], { formatVersion: 3 })).toContain('Give it a DEFAULT');
    expect(evolve('a: int', [add], { isEmpty: true })).toBe('a 1 int, b 2! int');
    expect(evolve('a: int', [{ ...add, default: 7 }], { formatVersion: 3 })).toBe('a 1 int, b 2! int');
  });

  test('defaults are for format version 3 and simple types', () => {
    const add: SchemaChange = { kind: 'add-column', column: ['b'], type: int, default: 0 };
    expect(failure('a: int', [add])).toContain('UNSUPPORTED: The column "b" can\'t have a default');
    const { schema } = evolved('a: int', [add], { formatVersion: 3 });
    expect(schema.fields[1]).toMatchObject({ initialDefault: 0, writeDefault: 0 });
    const struct = parseTypeString('struct<x: int>');
    expect(failure('a: int', [{ ...add, type: struct, default: {} }], { formatVersion: 3 })).toContain(
      "of type struct<x: int> can't have a default",
    );
  });

  test('types of format version 3 are for tables of that version', () => {
    for (const text of ['timestamp_ns', 'list<variant>', 'map<string, struct<g: geometry>>', 'unknown']) {
      const add: SchemaChange = { kind: 'add-column', column: ['b'], type: parseTypeString(text) };
      expect(failure('a: int', [add])).toContain('needs format version 3, and the table has 2');
      expect(evolve('a: int', [add], { formatVersion: 3 })).toContain('b 2');
    }
  });

  test('only structs take fields', () => {
    expect(failure('a: int', [{ kind: 'add-column', column: ['a', 'b'], type: int }])).toContain(
      'No field can be added to "a": it is of type int',
    );
  });

  test('IF NOT EXISTS and IF EXISTS pass over what is as asked for', () => {
    expect(
      evolve('a: int, s: struct<x: int, y: int>', [
        { kind: 'add-column', column: ['A'], type: long, ifNotExists: true },
        { kind: 'add-column', column: ['s', 'X'], type: long, ifNotExists: true },
        { kind: 'add-column', column: ['b'], type: long, ifNotExists: true },
        { kind: 'drop-column', column: ['nope'], ifExists: true },
        { kind: 'drop-column', column: ['s', 'y'], ifExists: true },
      ]),
    ).toBe('a 1 int, s 2 {x 3 int}, b 5 long');
  });

  test('a place has to be beside the column', () => {
    const add = (place: string[]): SchemaChange => ({
      kind: 'add-column',
      column: ['n'],
      type: int,
      place: { kind: 'after', column: place },
    });
    expect(failure('a: int, s: struct<x: int>', [add(['s', 'x'])])).toContain(
      'no direct column of the table',
    );
    expect(failure('amount: int', [add(['amuont'])])).toContain('Did you mean "amount"?');
    expect(
      evolve('a: int, s: struct<x: int, y: int>', [
        { kind: 'add-column', column: ['s', 'n'], type: int, place: { kind: 'after', column: ['s', 'x'] } },
      ]),
    ).toBe('a 1 int, s 2 {x 3 int, n 5 int, y 4 int}');
  });
});

describe('dropping columns', () => {
  const spec = {
    specId: 0,
    fields: [{ sourceId: 3, fieldId: 1000, name: 'x', transform: { kind: 'identity' } }],
  } as const;
  const sortFields = [
    { sourceId: 3, transform: { kind: 'identity' }, direction: 'asc', nullOrder: 'nulls-first' },
  ] as const;
  const table = 'a: int, s: struct<x: int not null, y: int> not null';

  test('a column that partitions, sorts or identifies is kept, also in a struct', () => {
    for (const column of [['s', 'x'], ['S']]) {
      const drop: SchemaChange = { kind: 'drop-column', column };
      expect(failure(table, [drop], { spec })).toContain('DROP PARTITION FIELD x');
      expect(failure(table, [drop], { sortFields })).toContain('WRITE UNORDERED');
      expect(failure(table, [{ kind: 'set-identifier-fields', columns: [['s', 'x']] }, drop])).toContain(
        'DROP IDENTIFIER FIELDS',
      );
    }
    expect(evolve(table, [{ kind: 'drop-column', column: ['s', 'y'] }], { spec, sortFields })).toBe(
      'a 1 int, s 2! {x 3! int}',
    );
  });

  test('a void partition field keeps its column too: other libraries look it up when they write', () => {
    const voided = { specId: 0, fields: [{ ...spec.fields[0], transform: { kind: 'void' } }] } as const;
    const drop: SchemaChange = { kind: 'drop-column', column: ['s', 'x'] };
    expect(failure(table, [drop], { spec: voided })).toContain('ALTER TABLE ... SET PARTITIONED BY');
    expect(failure(table, [drop], { spec: voided, formatVersion: 1 })).toContain("'format-version' = '2'");
    const metadata = altered(
      tableFrom('a: int, b: int', {
        formatVersion: 1,
        partitionedBy: [{ column: ['a'], transform: { kind: 'identity' } }],
      }),
      { kind: 'drop-partition-field', field: { name: 'a' } },
    );
    const cleaned = altered(
      metadata,
      { kind: 'set-properties', properties: { 'format-version': '2' } },
      { kind: 'set-partitioning', fields: [] },
      { kind: 'drop-column', column: ['a'] },
    );
    expect(show(currentSchema(cleaned).fields)).toBe('b 2 int');
  });

  test('a struct and a table keep a field', () => {
    expect(failure('a: int', [{ kind: 'drop-column', column: ['a'] }])).toContain('the only one');
    expect(failure('a: int, s: struct<x: int>', [{ kind: 'drop-column', column: ['s', 'x'] }])).toContain(
      'Drop "s" itself',
    );
  });

  test('unknown columns are told with what may be meant', () => {
    expect(failure('amount: int, b: int', [{ kind: 'drop-column', column: ['amuont'] }])).toBe(
      'COLUMN_NOT_FOUND: There is no column "amuont". Did you mean "amount"?',
    );
    expect(failure('a: int, s: struct<x: int>', [{ kind: 'drop-column', column: ['s', 'zzz'] }])).toBe(
      'COLUMN_NOT_FOUND: There is no column "zzz" in "s". It has x.',
    );
  });
});

describe('lists and maps', () => {
  const table = 'l: list<int>, m: map<struct<k: int>, int>, b: int';

  test('elements, keys and values are neither dropped, renamed nor moved', () => {
    for (const column of [
      ['l', 'element'],
      ['m', 'value'],
      ['m', 'key'],
    ]) {
      expect(failure(table, [{ kind: 'drop-column', column }])).toContain("can't be dropped");
      expect(failure(table, [{ kind: 'rename-column', column, to: 'x' }])).toContain("can't be renamed");
      expect(failure(table, [{ kind: 'move-column', column, place: { kind: 'first' } }])).toContain('moved');
    }
  });

  test('elements and values are widened, keys are not', () => {
    expect(
      evolve(table, [
        { kind: 'set-type', column: ['l', 'element'], type: long },
        { kind: 'set-type', column: ['m', 'value'], type: long },
      ]),
    ).toBe('l 1 [4 long], m 2 <5 {k 7 int}, 6 long>, b 3 int');
    expect(failure(table, [{ kind: 'set-type', column: ['m', 'key', 'k'], type: long }])).toContain(
      'belongs to the keys of the map "m"',
    );
    expect(failure(table, [{ kind: 'add-column', column: ['m', 'key', 'n'], type: int }])).toContain(
      'belongs to the keys',
    );
    expect(failure(table, [{ kind: 'rename-column', column: ['m', 'key', 'k'], to: 'n' }])).toContain(
      'belongs to the keys',
    );
  });
});

describe('other changes', () => {
  test('renaming keeps the id; only the case may change; names of others are taken', () => {
    expect(evolve('a: int, b: int', [{ kind: 'rename-column', column: ['A'], to: 'AA' }])).toBe(
      'AA 1 int, b 2 int',
    );
    expect(evolve('a: int', [{ kind: 'rename-column', column: ['a'], to: 'A' }])).toBe('A 1 int');
    expect(failure('a: int, b: int', [{ kind: 'rename-column', column: ['a'], to: 'B' }])).toContain(
      'COLUMN_EXISTS',
    );
  });

  test('columns move within their struct', () => {
    const table = 'a: int, s: struct<x: int, y: int>, c: int';
    const move = (column: string[], place: Extract<SchemaChange, { kind: 'move-column' }>['place']) =>
      evolve(table, [{ kind: 'move-column', column, place }]);
    expect(move(['c'], { kind: 'first' })).toMatch(/^c 3 int, a/);
    expect(move(['a'], { kind: 'after', column: ['c'] })).toMatch(/^s .*c 3 int, a 1 int$/);
    expect(move(['s', 'y'], { kind: 'before', column: ['x'] })).toBe(
      'a 1 int, s 2 {y 5 int, x 4 int}, c 3 int',
    );
    expect(
      failure(table, [{ kind: 'move-column', column: ['a'], place: { kind: 'after', column: ['A'] } }]),
    ).toContain("can't be moved after itself");
  });

  test('NOT NULL needs proof; a key column keeps it', () => {
    const require: SchemaChange = { kind: 'set-required', column: ['a'], required: true };
    expect(failure('a: int', [require])).toContain("can't be made NOT NULL");
    expect(evolve('a: int', [{ ...require, provenNotNull: true }])).toBe('a 1! int');
    expect(evolve('a: int', [require], { isEmpty: true })).toBe('a 1! int');
    expect(evolve('a: int not null', [{ ...require, required: false }])).toBe('a 1 int');
    expect(
      failure('s: struct<a: int not null> not null', [
        { kind: 'set-identifier-fields', columns: [['s', 'a']] },
        { kind: 'set-required', column: ['s'], required: false },
      ]),
    ).toContain('part of the key');
  });

  test('key columns are required, simple, exact and single', () => {
    const key = (column: string[]) => [{ kind: 'set-identifier-fields', columns: [column] }] as const;
    expect(failure('a: int', key(['a']))).toContain('ALTER COLUMN a SET NOT NULL');
    expect(failure('s: struct<a: int not null>', key(['s', 'a']))).toContain('"s" may be null');
    expect(failure('a: double not null', key(['a']))).toContain("don't compare exactly");
    expect(failure('a: list<int> not null', key(['a']))).toContain('it is a list');
    expect(failure('l: list<int not null> not null', key(['l', 'element']))).toContain('in a list or map');
    expect(evolved('a: int not null', key(['A'])).schema.identifierFieldIds).toEqual([1]);
    expect(
      evolved('a: int not null', [...key(['A']), { kind: 'drop-identifier-fields', columns: [['a']] }]).schema
        .identifierFieldIds,
    ).toEqual([]);
    expect(failure('a: int', [{ kind: 'drop-identifier-fields', columns: [['a']] }])).toContain('has no key');
  });

  test('comments and defaults come and go', () => {
    const { schema } = evolved(
      'a: int',
      [
        { kind: 'set-doc', column: ['a'], doc: 'x' },
        { kind: 'set-default', column: ['a'], default: 5 },
      ],
      { formatVersion: 3 },
    );
    expect(schema.fields[0]).toEqual({
      id: 1,
      name: 'a',
      required: false,
      type: int,
      doc: 'x',
      writeDefault: 5,
    });
    const state = { schema, lastColumnId: 1 };
    const without = changeSchema(state, { kind: 'set-doc', column: ['a'], doc: undefined }, context);
    const plain = changeSchema(without, { kind: 'set-default', column: ['a'], default: null }, context);
    expect(plain.schema.fields[0]).toEqual({ id: 1, name: 'a', required: false, type: int });
  });
});

const primitives = [
  ...['boolean', 'int', 'long', 'float', 'double', 'date', 'time', 'timestamp', 'timestamptz'],
  ...['timestamp_ns', 'timestamptz_ns', 'string', 'uuid', 'binary', 'fixed[4]', 'fixed[8]', 'unknown'],
  ...['decimal(9,2)', 'decimal(10,2)', 'decimal(10,3)', 'variant', 'geometry'],
];
/** Spec, "Schema Evolution": the promotions that are allowed; `unknown` ones since version 3. */
const legal = new Set(['int>long', 'float>double', 'decimal(9,2)>decimal(10,2)']);

describe('type promotion', () => {
  test.each([1, 2, 3] as const)('exactly the promotions of the specification, in version %i', version => {
    for (const from of primitives) {
      for (const to of primitives) {
        const allowed = from === to || legal.has(`${from}>${to}`) || (from === 'unknown' && version === 3);
        const fault = promotionFault(parseTypeString(from), parseTypeString(to), version);
        expect(`${from}>${to} ${fault === undefined}`).toBe(`${from}>${to} ${allowed}`);
      }
    }
  });

  test('nested types only stay what they are', () => {
    const change: SchemaChange = { kind: 'set-type', column: ['l'], type: parseTypeString('list<long>') };
    expect(failure('l: list<int>', [change])).toContain('changed one by one');
    expect(evolve('l: list<long>', [change])).toBe('l 1 [2 long]');
  });

  test('errors say what can be done', () => {
    const to = (text: string): SchemaChange[] => [
      { kind: 'set-type', column: ['a'], type: parseTypeString(text) },
    ];
    expect(failure('a: int', to('string'))).toContain('An int can become a long.');
    expect(failure('a: long', to('int'))).toContain('Add a column of the new type');
    expect(failure('a: decimal(9,2)', to('decimal(9,3)'))).toContain('the scale of a decimal is fixed');
  });
});

describe('against a model', () => {
  interface Column {
    id: number;
    name: string;
    wide: boolean;
  }
  const names = ['a', 'b', 'c', 'd', 'e'];
  const command = fc.oneof(
    fc.record({
      do: fc.constant('add' as const),
      name: fc.constantFrom(...names),
      at: fc.integer({ min: -1, max: 4 }),
    }),
    fc.record({ do: fc.constant('drop' as const), at: fc.nat(4) }),
    fc.record({ do: fc.constant('rename' as const), at: fc.nat(4), name: fc.constantFrom(...names) }),
    fc.record({ do: fc.constant('move' as const), at: fc.nat(4), before: fc.nat(4) }),
    fc.record({ do: fc.constant('widen' as const), at: fc.nat(4) }),
  );

  // The model: a list of columns, at the top or in a struct in a list; ids count up and never come back.
  test.each([
    { parent: [] as string[], table: 'a: int', first: { id: 1, next: 2 } },
    { parent: ['l', 'element'], table: 'l: list<struct<a: int>>', first: { id: 3, next: 4 } },
  ])('sequences of changes in "$parent"', ({ parent, table, first }) => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 25 }), commands => {
        const metadata = tableFrom(table);
        let state: EvolvingSchema = {
          schema: currentSchema(metadata),
          lastColumnId: metadata.lastColumnId,
        };
        let model: Column[] = [{ id: first.id, name: 'a', wide: false }];
        let nextId = first.next;
        const attempt = (change: SchemaChange, legal: boolean, effect: () => void) => {
          if (legal) {
            state = changeSchema(state, change, context);
            effect();
          } else {
            expect(() => changeSchema(state, change, context)).toThrow(LakebookError);
          }
        };
        for (const step of commands) {
          const taken = (name: string, but?: Column) => model.some(c => c !== but && c.name === name);
          if (step.do === 'add') {
            const after = step.at < 0 ? undefined : model[step.at % model.length];
            const place =
              after === undefined
                ? ({ kind: 'first' } as const)
                : ({ kind: 'after', column: [after.name] } as const);
            attempt(
              { kind: 'add-column', column: [...parent, step.name], type: int, place },
              !taken(step.name),
              () => {
                model = model.toSpliced(after === undefined ? 0 : model.indexOf(after) + 1, 0, {
                  id: nextId++,
                  name: step.name,
                  wide: false,
                });
              },
            );
            continue;
          }
          const column = model[step.at % model.length]!;
          const path = [...parent, column.name.toUpperCase()];
          if (step.do === 'drop') {
            attempt({ kind: 'drop-column', column: path }, model.length > 1, () => {
              model = model.filter(c => c !== column);
            });
          } else if (step.do === 'rename') {
            attempt({ kind: 'rename-column', column: path, to: step.name }, !taken(step.name, column), () => {
              column.name = step.name;
            });
          } else if (step.do === 'move') {
            const other = model[step.before % model.length]!;
            const place = { kind: 'before', column: [other.name] } as const;
            attempt({ kind: 'move-column', column: path, place }, other !== column, () => {
              model = model.filter(c => c !== column);
              model.splice(model.indexOf(other), 0, column);
            });
          } else {
            attempt({ kind: 'set-type', column: path, type: long }, true, () => {
              column.wide = true;
            });
          }
        }
        const fields = parent.length === 0 ? state.schema.fields : inner(state.schema.fields);
        expect(show(fields)).toBe(model.map(c => `${c.name} ${c.id} ${c.wide ? 'long' : 'int'}`).join(', '));
        expect(state.lastColumnId).toBe(nextId - 1);
      }),
    );
  });

  function inner(fields: readonly NestedField[]): readonly NestedField[] {
    const { type } = fields[0]!;
    if (type.kind !== 'list' || type.element.kind !== 'struct') throw new Error('no list of structs');
    return type.element.fields;
  }
});

test('a schema that returns to an earlier one becomes that one again', () => {
  const table = withSnapshots(tableFrom('a: int, b: int'), [1000]);
  const commented = altered(table, { kind: 'set-doc', column: ['a'], doc: 'x' });
  expect(commented.currentSchemaId).toBe(1);
  const back = altered(commented, { kind: 'set-doc', column: ['a'], doc: undefined });
  expect(back.currentSchemaId).toBe(0);
  expect(back.schemas).toHaveLength(2);
  expect(schemaFrom('a: int, b: int').fields.map(field => field.id)).toEqual([1, 2]);
});
