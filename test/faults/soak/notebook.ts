import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { KernelClient } from '../../../src/notebook/kernel-client.ts';
import type { CellLanguage } from '../../../src/notebook/lakebook-file.ts';

const rowsPerRound = 500;
/** Rounds whose rows the table holds. */
const keptRounds = 6;

/**
 * What a person does in a notebook, again and again: the same cells with other rows, grids that are paged and sorted,
 * the tree beside it, completion, mistakes, interrupted cells. What the lake holds stays the same size.
 */
export class Notebook {
  readonly #kernel: KernelClient;
  readonly #folder: string;

  constructor(kernel: KernelClient, folder: string) {
    this.#kernel = kernel;
    this.#folder = folder;
  }

  async open(): Promise<void> {
    await this.#kernel.request('open', {
      folder: this.#folder,
      settings: { threads: 2, memoryLimit: '500MB' },
    });
    await this.#run(
      'make',
      'CREATE TABLE t (id BIGINT, g VARCHAR, n DOUBLE, note VARCHAR) PARTITIONED BY (g)',
    );
    await this.#run('make', 'CREATE TABLE loaded (id BIGINT, name VARCHAR)');
  }

  async round(number: number): Promise<void> {
    const first = number * rowsPerRound;
    await this.#run(
      'insert',
      `INSERT INTO t SELECT range, 'g' || range % 4, random(), repeat('x', 20) FROM range(${first}, ${first + rowsPerRound})`,
    );
    await this.#run('update', `UPDATE t SET n = n + 1 WHERE id % 50 = ${number % 50}`);
    await this.#run('delete', `DELETE FROM t WHERE id < ${first - keptRounds * rowsPerRound}`);
    await this.#grid();
    await this.#run('named', `SELECT g, count(*) AS c FROM _ GROUP BY g`);
    await this.#run('wide', `SELECT range AS i, 'text ' || range AS s FROM range(60000)`);
    await this.#run('history', `SELECT * FROM t$snapshots; SELECT file_path, record_count FROM t$files`);
    writeFileSync(
      path.join(this.#folder, 'rows.csv'),
      `id,name\n${Array.from({ length: 50 }, (_, id) => `${id},name ${number}`).join('\n')}\n`,
    );
    await this.#run('load', `upsert loaded from 'rows.csv' on id`, 'lake');
    await this.#tree();
    await this.#mistakes();
    if (number % 3 === 2) {
      await this.#run('care', 'compact t', 'lake');
      for (const table of ['t', 'loaded'])
        await this.#run('care', `expire ${table} older than '0 seconds' keep 3`, 'lake');
    }
    if (number % 4 === 3) await this.#interrupted();
  }

  async #run(cellId: string, source: string, language: CellLanguage = 'sql'): Promise<string | undefined> {
    const { error, outputs } = await this.#kernel.execute({ cellId, source, language });
    if (error !== undefined) throw new Error(`${source}: ${error.code}: ${error.message}`);
    const result = outputs.findLast(output => output.kind === 'result');
    return result?.kind === 'result' ? result.resultId : undefined;
  }

  async #grid(): Promise<void> {
    const resultId = (await this.#run('grid', 'SELECT * FROM t ORDER BY id'))!;
    const view = { sort: [{ column: 'n', descending: true }], filters: [] };
    await this.#kernel.request('fetchWindow', { resultId, offset: 200, limit: 500 });
    await this.#kernel.request('fetchWindow', { resultId, view, offset: 0, limit: 200 });
    await this.#kernel.request('fetchRows', { resultId, offset: 0, limit: 20 });
    await this.#kernel.request('columnSummary', { resultId, column: 'n' });
    const file = path.join(this.#folder, 'export.csv');
    await this.#kernel.request('exportResult', { resultId, format: 'csv', path: file });
  }

  async #tree(): Promise<void> {
    await this.#kernel.request('namespaces', {});
    await this.#kernel.request('tables', { namespace: ['default'] });
    await this.#kernel.request('table', { table: 't' });
    await this.#kernel.request('tableFiles', { table: 't', limit: 20 });
    await this.#kernel.request('tablePartitions', { table: 't' });
    const source = 'SELECT i FROM t WHERE ';
    await this.#kernel.request('complete', { source, language: 'sql', offset: source.length });
    await this.#kernel.request('inspect', { source, language: 'sql', offset: 15 });
    await this.#kernel.request('diagnose', { source, language: 'sql' });
  }

  async #mistakes(): Promise<void> {
    for (const source of ['SELECT * FROM nowhere', 'SELEC 1', `SELECT CAST('x' AS INT)`]) {
      const { error } = await this.#kernel.execute({ cellId: 'wrong', source, language: 'sql' });
      if (error === undefined) throw new Error(`${source} is no mistake`);
    }
  }

  async #interrupted(): Promise<void> {
    const source =
      'SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3';
    let asked = false;
    const interrupt = () => {
      asked = true;
      void this.#kernel.interrupt();
    };
    const { status } = await this.#kernel.execute(
      { cellId: 'endless', source, language: 'sql' },
      { onProgress: () => asked || interrupt() },
    );
    if (status !== 'interrupted') throw new Error(`the endless cell ended: ${status}`);
  }
}
