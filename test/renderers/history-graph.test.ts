import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GraphInput, layOut } from '../../renderers/history/graph.ts';

/** Snapshots, newest first, each with a parent that is older, or none, or one that has been expired. */
const history = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 25 }).map(parents =>
  parents.map((back, index): GraphInput => {
    const parent = back === 0 ? undefined : back === 12 ? 'expired' : String(index + back);
    return { id: String(index), ...(parent === undefined ? {} : { parentId: parent }) };
  }),
);

describe('the picture of a history', () => {
  test('a straight line is one lane', () => {
    const line = [{ id: 'c', parentId: 'b' }, { id: 'b', parentId: 'a' }, { id: 'a' }];
    expect(layOut(line, 'c')).toMatchObject({
      lanes: 1,
      nodes: [
        { row: 0, lane: 0 },
        { row: 1, lane: 0 },
        { row: 2, lane: 0 },
      ],
    });
  });

  test('after a rollback, what was rolled back is beside the current line', () => {
    const snapshots = [{ id: 'c', parentId: 'a' }, { id: 'b', parentId: 'a' }, { id: 'a' }];
    const { nodes, lanes } = layOut(snapshots, 'b');
    expect(lanes).toBe(2);
    expect(Object.fromEntries(nodes.map(node => [node.id, node.lane]))).toEqual({ a: 0, b: 0, c: 1 });
  });

  test('every snapshot has its row, the current line its lane, and no line runs through another snapshot', () => {
    fc.assert(
      fc.property(history, fc.nat({ max: 24 }), (snapshots, pick) => {
        const current = snapshots[pick % snapshots.length]!.id;
        const { nodes, edges, lanes } = layOut(snapshots, current);
        expect(nodes.map(node => node.row)).toEqual(snapshots.map((_, row) => row));
        expect(nodes.find(node => node.id === current)!.lane).toBe(0);
        expect(Math.max(...nodes.map(node => node.lane))).toBeLessThan(lanes);
        for (const { from, to } of edges) {
          expect(to.row).toBeGreaterThan(from.row);
          const through = nodes.filter(
            node => node.lane === from.lane && node.row > from.row && node.row < to.row,
          );
          expect(through).toEqual([]);
        }
      }),
    );
  });
});
