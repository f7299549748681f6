import { tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCell } from '../../renderers/format.ts';
import { ALL_ROWS, type ResultView } from '../../renderers/messages.ts';
import { columnData, PAGE_ROWS, WindowedRows } from '../../renderers/windows.ts';

/** A kernel that holds rows 0 to count - 1, reversed when sorted. */
function kernel(count: number) {
  const asked: { view: ResultView; offset: number; limit: number }[] = [];
  const fetch = async (view: ResultView, offset: number, limit: number) => {
    asked.push({ view, offset, limit });
    const length = Math.max(0, Math.min(limit, count - offset));
    const value = (i: number) => (view.sort.length > 0 ? count - 1 - (offset + i) : offset + i);
    const table = tableFromArrays({ v: Int32Array.from({ length }, (_, i) => value(i)) });
    return { rowCount: count, bytes: tableToIPC(table, 'stream') };
  };
  return { fetch, asked };
}

const valueAt = (rows: WindowedRows, row: number) => {
  const place = rows.row(row);
  return place && formatCell(columnData(place, 0), place.index).text;
};

describe('windowed rows', () => {
  it('shows what came with the output without asking, and asks once for what did not', async () => {
    const { fetch, asked } = kernel(10_000);
    const rows = new WindowedRows(fetch, ALL_ROWS, 10_000);
    rows.seed(tableFromIPC((await fetch(ALL_ROWS, 0, 300)).bytes));
    asked.length = 0;
    expect(valueAt(rows, 255)).toBe('255');
    // The second page came only in part: it is fetched whole.
    expect(valueAt(rows, 299)).toBeUndefined();
    await Promise.all([rows.ensure(250, 260), rows.ensure(256, 300)]);
    expect(valueAt(rows, 299)).toBe('299');
    expect(asked.map(a => a.offset)).toEqual([PAGE_ROWS]);
  });

  it('never holds more than its budget of pages, wherever one scrolls', async () => {
    const count = 10_000_000;
    const { fetch } = kernel(count);
    const rows = new WindowedRows(fetch, ALL_ROWS, count);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: count - 1 }), async row => {
        await rows.ensure(row, row + 20);
        expect(valueAt(rows, row)).toBe(String(row));
      }),
      { numRuns: 200 },
    );
    let held = 0;
    for (let page = 0; page < count / PAGE_ROWS; page++) if (rows.row(page * PAGE_ROWS)) held++;
    expect(held).toBeLessThanOrEqual(64);
  });

  it('a new view forgets the old rows, and a late answer for the old view is dropped', async () => {
    const { fetch } = kernel(1000);
    let release = () => {};
    const slow = new Promise<void>(resolve => {
      release = resolve;
    });
    const rows = new WindowedRows(
      async (view, offset, limit) => {
        if (view.sort.length === 0 && offset > 0) await slow;
        return fetch(view, offset, limit);
      },
      ALL_ROWS,
      1000,
    );
    const late = rows.ensure(600, 610);
    await rows.show({ sort: [{ column: 'v', descending: true }], filters: [] });
    release();
    expect(await late).toBe(false);
    expect(valueAt(rows, 0)).toBe('999');
    expect(valueAt(rows, 600)).toBeUndefined();
  });
});
