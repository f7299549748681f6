/** A snapshot as the layout needs it. */
export interface GraphInput {
  readonly id: string;
  readonly parentId?: string;
}

/** Where a snapshot's dot is: its row from the top, its lane from the left. */
export interface GraphNode {
  readonly id: string;
  readonly row: number;
  readonly lane: number;
}

/** A line from a snapshot down to its parent. */
export interface GraphEdge {
  readonly from: GraphNode;
  readonly to: GraphNode;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly lanes: number;
}

/**
 * Lays out snapshots, newest first, a row each. The current snapshot and what it came from are in lane 0; every
 * other line of snapshots has a lane of its own from its newest snapshot until it meets its parent.
 */
export function layOut(snapshots: readonly GraphInput[], currentId: string | undefined): Graph {
  const byId = new Map(snapshots.map(snapshot => [snapshot.id, snapshot]));
  const mainLine = ancestry(byId, currentId);
  const nodes = new Map<string, GraphNode>();
  /** By lane: the parent that the lane's line goes to. Lane 0 is never given to others. */
  const waiting: (string | undefined)[] = [undefined];
  let lanes = 1;
  snapshots.forEach(({ id, parentId }, row) => {
    let lane = 0;
    if (!mainLine.has(id)) {
      const expected = waiting.indexOf(id, 1);
      const free = waiting.indexOf(undefined, 1);
      lane = expected >= 0 ? expected : free >= 0 ? free : waiting.length;
    }
    // Every line that led here ends here.
    for (let other = 1; other < waiting.length; other++) {
      if (waiting[other] === id) waiting[other] = undefined;
    }
    if (lane > 0) waiting[lane] = parentId !== undefined && byId.has(parentId) ? parentId : undefined;
    lanes = Math.max(lanes, lane + 1);
    nodes.set(id, { id, row, lane });
  });
  const edges = snapshots.flatMap(({ id, parentId }) => {
    const to = parentId === undefined ? undefined : nodes.get(parentId);
    return to === undefined ? [] : [{ from: nodes.get(id)!, to }];
  });
  return { nodes: [...nodes.values()], edges, lanes };
}

function ancestry(byId: ReadonlyMap<string, GraphInput>, from: string | undefined): ReadonlySet<string> {
  const found = new Set<string>();
  for (let at = from; at !== undefined && byId.has(at) && !found.has(at); at = byId.get(at)!.parentId) {
    found.add(at);
  }
  return found;
}
