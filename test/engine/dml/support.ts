import { afterAll } from 'vitest';
import type { Catalog, LoadedTable } from '../../../src/catalog/catalog.ts';
import type { Lake } from '../../../src/catalog/open-lake.ts';
import { bindQuery } from '../../../src/engine/bind/index.ts';
import { StatementTables } from '../../../src/engine/resolve.ts';
import { EngineSession } from '../../../src/engine/session.ts';
import { SqlText } from '../../../src/engine/sql/sql-text.ts';
import type { ChangeResult, ExecuteOptions } from '../../../src/engine/statement-result.ts';
import { alwaysTrue } from '../../../src/iceberg/expression.ts';
import type { PartitionField } from '../../../src/iceberg/partition.ts';
import { type FileScanTask, planScan } from '../../../src/iceberg/scan.ts';
import { parseTypeString } from '../../../src/iceberg/schema.ts';
import { parseTransform } from '../../../src/iceberg/transform.ts';
import type { NestedField, Type } from '../../../src/iceberg/types.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { temporaryFolder } from '../support.ts';
import { filesBelow, openTestLake } from '../warehouse.ts';

export interface TableOptions {
  /** Column name to Iceberg type text; a `!` behind it makes the column required. */
  readonly columns: Readonly<Record<string, string>>;
  /** `bucket[4](id)`, `month(day)`, `region`. */
  readonly partitionedBy?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
  readonly formatVersion?: number;
  /** Write defaults by column, in the spec's JSON form. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

/** A lake in a folder of its own with a session on it; both close after the test file. */
export class TestLake {
  readonly folder: string;
  readonly lake: Lake;
  readonly session: EngineSession;
  #namespaceMade = false;

  private constructor(folder: string, lake: Lake, session: EngineSession) {
    this.folder = folder;
    this.lake = lake;
    this.session = session;
  }

  /** `wrap` may put something around the lake's parts. */
  static async open(
    folder = temporaryFolder(),
    wrap: (lake: Lake) => Lake = lake => lake,
  ): Promise<TestLake> {
    const lake = wrap(await openTestLake(folder));
    const session = await EngineSession.open({
      lake,
      workingDirectory: folder,
      threads: 2,
      memoryLimit: '1GB',
    });
    afterAll(async () => {
      await session.close();
      await lake.close();
    });
    return new TestLake(folder, lake, session);
  }

  async create(name: string, options: TableOptions): Promise<LoadedTable> {
    const { catalog } = this.lake;
    const namespace = this.lake.defaultNamespace;
    if (!this.#namespaceMade && !(await catalog.namespaceExists(namespace))) {
      await catalog.createNamespace(namespace);
    }
    this.#namespaceMade = true;
    const fields = Object.entries(options.columns).map(([column, text], index): NestedField => {
      const required = text.endsWith('!');
      const type: Type = parseTypeString(required ? text.slice(0, -1) : text);
      const writeDefault = options.defaults?.[column];
      return {
        id: index + 1,
        name: column,
        required,
        type,
        ...(writeDefault === undefined ? {} : { writeDefault }),
      };
    });
    return catalog.createTable(
      { namespace, name },
      {
        schema: { schemaId: 0, fields, identifierFieldIds: [] },
        spec: {
          specId: 0,
          fields: (options.partitionedBy ?? []).map((text, index) => partitionField(text, index, fields)),
        },
        properties: {
          'commit.retry.min-wait-ms': '1',
          'commit.retry.max-wait-ms': '5',
          ...options.properties,
        },
        formatVersion: options.formatVersion ?? 2,
      },
    );
  }

  table(name: string): Promise<LoadedTable> {
    return this.lake.catalog.loadTable({ namespace: this.lake.defaultNamespace, name });
  }

  /** Runs one statement that changes a table. */
  async change(sql: string, options: ExecuteOptions = {}): Promise<ChangeResult> {
    const [outcome] = await this.session.execute(sql, options);
    if (outcome?.kind !== 'change') throw new Error(`no change: ${sql}`);
    return outcome;
  }

  /** Runs a query on the lake and gives its rows as JSON values. */
  async rows(sql: string): Promise<unknown[]> {
    const bound = await bindQuery(
      this.session,
      SqlText.written(sql),
      sql,
      new StatementTables(this.session),
      {},
    );
    const rows = await this.session.duckdb.rows(`SELECT to_json(q)::VARCHAR AS j FROM (${bound.sql.text}) q`);
    return rows.map(row => JSON.parse(String(row.j)));
  }

  async tasks(name: string, snapshotId?: bigint): Promise<readonly FileScanTask[]> {
    const { metadata } = await this.table(name);
    return (await planScan({ metadata, filter: alwaysTrue, io: this.lake.storage, snapshotId })).tasks;
  }

  /** Paths of a table's live data files, sorted. */
  async files(name: string): Promise<string[]> {
    return (await this.tasks(name)).map(task => task.dataFile.filePath).sort();
  }

  /** Every file of the warehouse, sorted; relative names. */
  stored(): Promise<string[]> {
    return filesBelow(this.lake, this.lake.warehouse);
  }
}

export function partitionField(text: string, index: number, fields: readonly NestedField[]): PartitionField {
  const match = /^(?:(.+)\((\w+)\)|(\w+))$/.exec(text)!;
  const column = (match[2] ?? match[3])!;
  return {
    sourceId: fields.find(field => field.name === column)!.id,
    fieldId: 1000 + index,
    name: `${column}_p${index}`,
    transform: parseTransform(match[1] ?? 'identity'),
  };
}

/** A lake whose catalog and storage have some methods replaced. */
export function withParts(lake: Lake, catalog: Partial<Catalog>, storage: Partial<Storage> = {}): Lake {
  return { ...lake, catalog: over(lake.catalog, catalog), storage: over(lake.storage, storage) };
}

function over<T extends object>(base: T, replaced: Partial<T>): T {
  return new Proxy(base, {
    get(object, key) {
      if (key in replaced) return replaced[key as keyof T];
      const value = Reflect.get(object, key) as unknown;
      return typeof value === 'function' ? value.bind(object) : value;
    },
  });
}
