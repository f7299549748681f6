import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DuckDb } from '../../../src/engine/duckdb.ts';
import { scanSql } from '../../../src/engine/read.ts';
import { commitSnapshot } from '../../../src/engine/transaction.ts';
import type { DataFile } from '../../../src/iceberg/datafile.ts';
import { currentSchema } from '../../../src/iceberg/metadata.ts';
import { foreignFile, openDuckDb, temporaryFolder } from '../support.ts';
import { localCopy } from '../warehouse.ts';
import { id, type Statement, simpleCondition, statement } from './arbitraries.ts';
import { partitionField, TestLake } from './support.ts';

/*
 * Random statements run on a lake table and on a table of DuckDB's own: after each the rows are equal, as many rows
 * were changed, and only files with a changed row were replaced. In between other tools leave delete files behind and
 * change the partitioning.
 */

const columns = { id: 'long', g: 'string', n: 'int', d: 'date' };
const specs: readonly (readonly string[])[] = [
  [],
  ['bucket[3](id)'],
  ['month(d)'],
  ['truncate[1](g)'],
  ['g'],
  ['day(d)', 'bucket[2](id)'],
];

type Step =
  | ({ readonly kind: 'statement' } & Statement)
  /** Merge-on-read deletes, as Spark and Flink commit them. */
  | { readonly kind: 'delete-positions'; readonly where: string }
  | { readonly kind: 'delete-keys'; readonly ids: readonly string[] }
  | { readonly kind: 'partition'; readonly by: readonly string[] };

const statements = statement.map((one): Step => ({ kind: 'statement', ...one }));
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: statements },
  { weight: 2, arbitrary: simpleCondition.map((where): Step => ({ kind: 'delete-positions', where })) },
  fc.uniqueArray(id, { minLength: 1, maxLength: 4 }).map((ids): Step => ({ kind: 'delete-keys', ids })),
  fc.constantFrom(...specs).map((by): Step => ({ kind: 'partition', by })),
);

const lake = await TestLake.open();
const scratch = temporaryFolder();
const model = await openDuckDb();
let tables = 0;
let files = 0;

async function check(spec: readonly string[], list: readonly Step[]): Promise<void> {
  const name = `t${tables++}`;
  await lake.create(name, { columns, partitionedBy: spec });
  await model.run('CREATE OR REPLACE TABLE t (id BIGINT, g VARCHAR, n INTEGER, d DATE)');
  for (const step of list) {
    if (step.kind === 'statement') await runStatement(name, step);
    else if (step.kind === 'delete-positions') await deletePositions(name, step.where);
    else if (step.kind === 'delete-keys') await deleteKeys(name, step.ids);
    else await partition(name, step.by);
    const found = await sorted(lake.session.duckdb, await scanOf(name));
    expect(found, JSON.stringify(step)).toEqual(await sorted(model, 'FROM t'));
  }
}

test.each(specs.map(spec => [spec]))(
  'changes are those of a plain table, partitioned by %j',
  async spec => {
    const list = fc.array(statements, { minLength: 1, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(list, one => check(spec, one)),
      { numRuns: 10 },
    );
  },
  120_000,
);

test('also of tables with delete files of other tools and several partitionings', async () => {
  const list = fc.array(steps, { minLength: 2, maxLength: 10 });
  await fc.assert(fc.asyncProperty(fc.constantFrom(...specs), list, check), { numRuns: 25 });
}, 120_000);

async function runStatement(name: string, { sql, touches }: Statement): Promise<void> {
  const before = await lake.tasks(name);
  const beforePaths = before.map(task => task.dataFile.filePath).sort();
  const hasDeletes = before.some(task => task.deletes.length > 0);
  const expectedTouched =
    touches === undefined || hasDeletes ? undefined : await touched(beforePaths, touches);
  const [row] = await model.rows(sql);
  // The lake's tables have names of their own; statements call them t.
  const onLake = sql
    .replace(/^(INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|TRUNCATE) t\b/, (_, verb) =>
      /^(UPDATE|DELETE|MERGE)/.test(verb) ? `${verb} ${name} AS t` : `${verb} ${name}`,
    )
    .replace(/FROM t( AS other|\)|$)/g, `FROM ${name}$1`);
  const result = await lake.change(onLake);
  const after = await lake.tasks(name);
  const afterPaths = after.map(task => task.dataFile.filePath);
  const changed = result.rowsInserted + result.rowsUpdated + result.rowsDeleted;
  expect(changed, sql).toBe(Number(row?.Count ?? 0));
  const removed = beforePaths.filter(file => !afterPaths.includes(file));
  expect(removed.length, sql).toBe(result.filesRemoved);
  expect(afterPaths.filter(file => !beforePaths.includes(file)).length, sql).toBe(result.filesAdded);
  // A table of deleted rows alone can be emptied.
  if (!hasDeletes) expect(result.snapshotId === undefined, sql).toBe(changed === 0);
  if (expectedTouched !== undefined) expect(removed, sql).toEqual(expectedTouched);
  // Delete files that no file needs any more are gone from the snapshot.
  const needed = new Set(after.flatMap(task => task.deletes.map(file => file.filePath)));
  const { metadata } = await lake.table(name);
  const total = metadata.snapshots.at(-1)?.summary['total-delete-files'];
  if (result.filesRemoved === before.length && total !== undefined)
    expect(Number(total), sql).toBe(needed.size);
}

/** Files with a row that a condition accepts. */
async function touched(paths: readonly string[], where: string): Promise<string[]> {
  const found: string[] = [];
  for (const file of paths) {
    const [count] = await lake.session.duckdb.rows(
      `SELECT count(*) AS n FROM read_parquet('${await localCopy(lake.lake, file)}', hive_partitioning = false) AS t WHERE ${where}`,
    );
    if (Number(count!.n) > 0) found.push(file);
  }
  return found;
}

/** One delete file for each data file, or for each partition. */
async function deletePositions(name: string, where: string): Promise<void> {
  await model.run(`DELETE FROM t WHERE ${where}`);
  const perFile = files++ % 2 === 0;
  const tasks = await lake.tasks(name);
  const groups = Map.groupBy(tasks, ({ dataFile }) =>
    perFile ? dataFile.filePath : `${dataFile.specId} ${dataFile.partition.map(String).join('|')}`,
  );
  const added: DataFile[] = [];
  for (const group of groups.values()) {
    const file = path.join(scratch, `deletes${files++}.parquet`);
    const rows = await Promise.all(
      group.map(
        async ({ dataFile: { filePath } }) =>
          `SELECT '${filePath}' AS file_path, file_row_number::BIGINT AS pos
           FROM read_parquet('${await localCopy(lake.lake, filePath)}', hive_partitioning = false) AS t WHERE ${where}`,
      ),
    );
    const [written] = await lake.session.duckdb.rows(
      `COPY (${rows.join(' UNION ALL ')}) TO '${file}'
       (FORMAT parquet, FIELD_IDS {file_path: 2147483546, pos: 2147483545})`,
    );
    const recordCount = Number(written!.Count);
    if (recordCount === 0) continue;
    const { specId, partition: values, filePath } = group[0]!.dataFile;
    const named = perFile ? { referencedDataFile: filePath } : {};
    added.push(await foreignFile(file, { content: 1, specId, partition: values, recordCount, ...named }));
  }
  await commit(name, added);
}

async function deleteKeys(name: string, ids: readonly string[]): Promise<void> {
  await model.run(`DELETE FROM t WHERE id IN (${ids.join(', ')})`);
  const file = path.join(scratch, `keys${files++}.parquet`);
  await lake.session.duckdb.run(
    `COPY (SELECT unnest([${ids.join(', ')}])::BIGINT AS id) TO '${file}' (FORMAT parquet, FIELD_IDS {id: 1})`,
  );
  const partitions = new Map<string, DataFile>();
  for (const { dataFile } of await lake.tasks(name)) {
    partitions.set(`${dataFile.specId} ${dataFile.partition.map(String).join('|')}`, dataFile);
  }
  const added: DataFile[] = [];
  for (const { specId, partition: values } of partitions.values()) {
    const own = path.join(scratch, `keys${files++}.parquet`);
    await lake.session.duckdb.run(`COPY (FROM '${file}') TO '${own}' (FORMAT parquet, FIELD_IDS {id: 1})`);
    const recordCount = ids.length;
    added.push(
      await foreignFile(own, { content: 2, equalityIds: [1], specId, partition: values, recordCount }),
    );
  }
  await commit(name, added);
}

async function commit(name: string, added: readonly DataFile[]): Promise<void> {
  if (added.length === 0) return;
  const table = await lake.table(name);
  await commitSnapshot(lake.lake, {
    table,
    operation: 'delete',
    added,
    removed: [],
    validation: { kind: 'none' },
  });
}

async function partition(name: string, by: readonly string[]): Promise<void> {
  const { metadata, identifier } = await lake.table(name);
  const specId = Math.max(...metadata.partitionSpecs.map(spec => spec.specId)) + 1;
  const { fields } = currentSchema(metadata);
  const spec = {
    specId,
    fields: by.map((text, index) => {
      const field = partitionField(text, index, fields);
      const { lastPartitionId } = metadata;
      return { ...field, fieldId: lastPartitionId + 1 + index, name: `${field.name}_${specId}` };
    }),
  };
  await lake.lake.catalog.commitTable(
    identifier,
    [],
    [
      { action: 'add-spec', spec },
      { action: 'set-default-spec', specId: -1 },
    ],
  );
}

async function sorted(duckdb: DuckDb, sql: string): Promise<string[]> {
  const rows = await duckdb.rows(`SELECT to_json(q)::VARCHAR AS j FROM (${sql}) q ORDER BY ALL`);
  return rows.map(row => String(row.j));
}

/** A query for a lake table's rows. */
async function scanOf(name: string): Promise<string> {
  const { metadata } = await lake.table(name);
  const { sql } = await scanSql({
    duckdb: lake.session.duckdb,
    storage: lake.lake.storage,
    metadata,
    schema: currentSchema(metadata),
    files: await lake.tasks(name),
  });
  return sql;
}
