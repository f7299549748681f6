import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { SqlLake } from './support.ts';

let lake: SqlLake;
beforeAll(async () => {
  lake = await SqlLake.open();
});

interface Column {
  name: string;
  wide: boolean;
}

/** How columns of one level are declared, named, written and read. */
interface Level {
  readonly name: string;
  create(first: string): string;
  path(column: string): string;
  insert(values: readonly string[], columns: readonly Column[]): string;
  read(column: string): string;
}

const structOf = (values: readonly string[], columns: readonly Column[]) =>
  `{${columns.map((column, index) => `${column.name}: ${values[index]}`).join(', ')}}`;

const levels: readonly Level[] = [
  {
    name: 'columns of the table',
    create: first => `${first} INT`,
    path: column => column,
    insert: values => values.join(', '),
    read: column => column,
  },
  {
    name: 'fields of a struct',
    create: first => `s STRUCT(${first} INT)`,
    path: column => `s.${column}`,
    insert: structOf,
    read: column => `s.${column}`,
  },
  {
    name: 'fields of structs in a list',
    create: first => `l STRUCT(${first} INT)[]`,
    path: column => `l.element.${column}`,
    insert: (values, columns) => `[${structOf(values, columns)}]`,
    read: column => `l[1].${column}`,
  },
  {
    name: 'fields of structs in a map of structs',
    create: first => `m MAP(VARCHAR, STRUCT(inner_one STRUCT(${first} INT)))`,
    path: column => `m.value.inner_one.${column}`,
    insert: (values, columns) => `MAP {'k': {inner_one: ${structOf(values, columns)}}}`,
    read: column => `m['k'].inner_one.${column}`,
  },
];

const names = ['a', 'b', 'c', 'd'];
const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('insert' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), at: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const), at: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rename' as const),
      at: fc.nat(3),
      to: fc.constantFrom(...names),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const), at: fc.nat(3), before: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('widen' as const), at: fc.nat(3) }) },
);

describe('rows of every age are read right, whatever became of the columns', () => {
  let tables = 0;

  test.each(levels)(
    '$name',
    async level => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 14 }), async commands => {
          const table = `evolved_${++tables}`;
          await lake.run(`CREATE TABLE ${table} (id INT, ${level.create('a')})`);
          // The model: rows keep their values by column, whatever its name and place.
          let columns: Column[] = [{ name: 'a', wide: false }];
          const rows: Map<Column, number>[] = [];
          let next = 0;
          const insert = async () => {
            const row = new Map(columns.map(column => [column, (column.wide ? 5_000_000_000 : 0) + next++]));
            rows.push(row);
            const values = level.insert(
              columns.map(column => String(row.get(column))),
              columns,
            );
            await lake.run(`INSERT INTO ${table} VALUES (${rows.length}, ${values})`);
          };
          const alter = (action: string) => lake.run(`ALTER TABLE ${table} ${action}`);
          await insert();
          for (const step of commands) {
            if (step.do === 'insert') {
              await insert();
              continue;
            }
            const column = columns[step.at % columns.length]!;
            const path = level.path(column.name);
            const free = names.find(name => columns.every(other => other.name !== name));
            if (step.do === 'add' && free !== undefined) {
              await alter(`ADD COLUMN ${level.path(free)} INT AFTER ${column.name}`);
              columns = columns.toSpliced(columns.indexOf(column) + 1, 0, { name: free, wide: false });
            } else if (step.do === 'drop' && columns.length > 1) {
              await alter(`DROP COLUMN ${path}`);
              columns = columns.filter(other => other !== column);
            } else if (step.do === 'rename' && columns.every(other => other.name !== step.to)) {
              await alter(`RENAME COLUMN ${path} TO ${step.to}`);
              column.name = step.to;
            } else if (step.do === 'move') {
              const before = columns[step.before % columns.length]!;
              if (before === column) continue;
              await alter(`ALTER COLUMN ${path} BEFORE ${before.name}`);
              columns = columns.filter(other => other !== column);
              columns = columns.toSpliced(columns.indexOf(before), 0, column);
            } else if (step.do === 'widen') {
              await alter(`ALTER COLUMN ${path} TYPE BIGINT`);
              column.wide = true;
            }
          }
          await insert();
          const select = columns.map(column => level.read(column.name)).join(', ');
          expect(await lake.rows(`SELECT ${select} FROM ${table} ORDER BY id`)).toEqual(
            rows.map(row => columns.map(column => row.get(column) ?? null)),
          );
          await lake.run(`DROP TABLE ${table}`);
        }),
        { numRuns: 4 },
      );
    },
    120_000,
  );
});
