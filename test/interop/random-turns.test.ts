import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SharedLake } from './fixture.ts';
import { Judge } from './judge.ts';

/** How many operations a table goes through; more are for a longer run by hand. */
const steps = Number(process.env.LAKEBOOK_RANDOM_STEPS ?? 24);
/** Another one makes other operations; a failure tells it. */
const seed = Number(process.env.LAKEBOOK_RANDOM_SEED ?? 20_261);

let judge: Judge;
let lake: SharedLake;
beforeAll(async () => {
  judge = await Judge.connect();
  lake = await SharedLake.open(judge);
});
afterAll(async () => {
  await lake.close();
  judge.close();
});

/** A change as each engine says it; `model` is DuckDB's, on the table `plain`. Absent: it changes no row. */
interface Operation {
  readonly name: string;
  readonly model?: string;
  run(): Promise<unknown>;
}

/** A change that all engines say alike, of the table `T`. */
function deleteOrUpdate(kind: string, a: number, b: number): string {
  return kind === 'delete'
    ? `DELETE FROM T WHERE id % ${a + 2} = ${b % (a + 2)} AND v <> ${b}`
    : `UPDATE T SET v = v + ${b}, part = (part + 1) % 3 WHERE id % ${a + 3} = ${b % (a + 3)}`;
}

describe.each([2, 3])('version %d: random operations in turns', version => {
  const table = `r${version}`;
  const spark = (text: string) => judge.python(`spark().sql("""${text}"""); result = None`);

  const operation: fc.Arbitrary<Operation> = fc
    .record({
      // PyIceberg writes no tables of version 3.
      engine: fc.constantFrom('lakebook', 'lakebook', 'spark', version === 3 ? 'spark' : 'pyiceberg'),
      kind: fc.constantFrom('insert', 'insert', 'delete', 'update', 'merge', 'maintain', 'evolve'),
      a: fc.nat({ max: 5 }),
      b: fc.nat({ max: 50 }),
    })
    .map(({ engine, kind, a, b }) => makeOperation(engine, kind, a, b));

  function makeOperation(engine: string, kind: string, a: number, b: number): Operation {
    const name = `${engine}: ${kind} ${a} ${b}`;
    const from = b * 10;
    const to = from + 20 + a;
    const insert = (target: string, source: string, alias: string) =>
      `INSERT INTO ${target} (id, part, v) SELECT ${alias}, ${alias} % 3, ${b} FROM ${source}`;
    const model = (change: string) => change.replaceAll(/\bT\b/g, `plain${version}`);
    const isPyiceberg = engine === 'pyiceberg';
    if (kind === 'insert' || (isPyiceberg && kind !== 'delete')) {
      const done = insert('T', `range(${from}, ${to}) r(i)`, 'i');
      if (isPyiceberg) {
        return {
          name,
          model: model(done),
          run: () =>
            judge.python(`
              t = catalog.load_table('default.${table}')
              ids = list(range(${from}, ${to}))
              names = [f.name for f in t.schema().fields]
              data = {'id': ids, 'part': [i % 3 for i in ids], 'v': [${b}] * len(ids)}
              data = {n: data.get(n, [None] * len(ids)) for n in names}
              t.append(pa.table(data, schema=t.schema().as_arrow()))
              result = None`),
        };
      }
      return {
        name,
        model: model(done),
        run: () =>
          engine === 'spark'
            ? spark(insert(`default.${table}`, `range(${from}, ${to})`, 'id'))
            : lake.sql(done.replace(/\bT\b/, table)),
      };
    }
    if (kind === 'maintain') {
      const [procedure, options] = [
        ['rewrite_data_files', `, options => map('rewrite-all', 'true')`],
        ['rewrite_position_delete_files', `, options => map('rewrite-all', 'true')`],
        ['rewrite_manifests', ''],
        ['expire_snapshots', `, retain_last => ${a + 1}, older_than => TIMESTAMP '2100-01-01'`],
        ['rewrite_data_files', ''],
        ['rewrite_data_files', ", strategy => 'sort', sort_order => 'v DESC NULLS LAST'"],
      ][a]!;
      return {
        name: `${name} ${procedure}`,
        run: () =>
          engine === 'spark'
            ? spark(`CALL lake.system.${procedure}(table => 'default.${table}'${options})`)
            : lake.sql(`CALL system.${procedure}(table => '${table}'${options})`),
      };
    }
    if (kind === 'evolve') {
      const column = `c${a}_${b}`;
      const change = `ADD COLUMN ${column}`;
      return {
        name,
        model: `ALTER TABLE plain${version} ${change} INTEGER`,
        run: () =>
          engine === 'spark'
            ? spark(`ALTER TABLE default.${table} ${change} int`)
            : lake.sql(`ALTER TABLE ${table} ${change} INTEGER`),
      };
    }
    if (kind === 'merge') {
      const merge = (target: string, source: string) =>
        `MERGE INTO ${target} t USING (${source}) s ON t.id = s.id AND t.v = s.v
         WHEN MATCHED AND s.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET v = t.v + 1
         WHEN NOT MATCHED THEN INSERT (id, part, v) VALUES (s.id, s.id % 3, s.v)`;
      const ours = `SELECT i AS id, ${b} AS v FROM range(${from}, ${to + 30}) r(i)`;
      return {
        name,
        model: model(merge('T', ours)),
        run: () =>
          engine === 'spark'
            ? spark(merge(`default.${table}`, `SELECT id, ${b} AS v FROM range(${from}, ${to + 30})`))
            : lake.sql(merge(table, ours)),
      };
    }
    const text = deleteOrUpdate(kind, a, b);
    return {
      name,
      model: model(text),
      run: () => {
        if (engine === 'spark') return spark(text.replace(/\bT\b/, `default.${table}`));
        if (engine === 'lakebook') return lake.sql(text.replace(/\bT\b/, table));
        const values = Array.from({ length: 300 }, (_, i) => i * (a + 2) + (b % (a + 2)));
        return judge.python(`
          t = catalog.load_table('default.${table}')
          t.delete(f"id in ({', '.join(map(str, [${values.join(', ')}]))}) and v != ${b}")
          result = None`);
      },
    };
  }

  it(`${steps} of them leave what a plain table has`, async () => {
    const modes = ['delete', 'update', 'merge']
      .map(mode => `'write.${mode}.mode' = 'merge-on-read'`)
      .join(', ');
    await lake.sql(`
      CREATE TABLE ${table} (id BIGINT, part INTEGER, v INTEGER) PARTITIONED BY (part)
        TBLPROPERTIES ('format-version' = '${version}', ${modes});
      CREATE TEMP TABLE plain${version} (id BIGINT, part INTEGER, v INTEGER)`);
    const operations = fc.sample(operation, { numRuns: steps, seed: seed + version });
    const done: string[] = [];
    const columns = new Set<string>();
    for (const each of operations) {
      // A column that is there already can't be added again.
      const added = /ADD COLUMN (\w+)/.exec(each.model ?? '')?.[1];
      if (added !== undefined && columns.has(added)) continue;
      if (added !== undefined) columns.add(added);
      done.push(each.name);
      try {
        await each.run();
        if (each.model !== undefined) await lake.sql(each.model);
        const state = (name: string) =>
          lake.rows(`SELECT *, count(*)::INT AS n FROM ${name} GROUP BY ALL ORDER BY ALL`);
        expect(await state(table)).toEqual(await state(`plain${version}`));
        await lake.expectAllSame(table, version === 3 ? { pyiceberg: false } : {});
      } catch (error) {
        throw new Error(`with seed ${seed}, after\n  ${done.join('\n  ')}\n${String(error)}`, {
          cause: error,
        });
      }
    }
  });
});
