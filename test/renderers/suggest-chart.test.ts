import { describe, expect, test } from 'vitest';
import { suggestChart } from '../../renderers/chart.ts';

const column = (name: string, type: string) => ({ name, type });
const sales = [column('id', 'BIGINT'), column('region', 'VARCHAR'), column('amount', 'DECIMAL(10,2)')];

describe('the first chart', () => {
  test('is a line over time, when there is time', () => {
    const columns = [...sales, column('sold_at', 'DATE')];
    expect(suggestChart(columns, 10_000_000)).toMatchObject({ kind: 'line', x: 'sold_at', y: 'amount' });
  });

  test('is bars by category for few rows, and the distribution of the measure for many', () => {
    expect(suggestChart(sales, 1000)).toMatchObject({ kind: 'bar', x: 'region', y: 'amount' });
    expect(suggestChart(sales, 1001)).toMatchObject({ kind: 'histogram', x: 'amount' });
  });

  test('counts rows when nothing can be measured', () => {
    expect(suggestChart([column('a', 'VARCHAR')], 5)).toEqual({ kind: 'bar', x: 'a', aggregate: 'count' });
  });
});
