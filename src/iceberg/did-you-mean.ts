/**
 * The candidate nearest to a mistyped name, undefined when none is near. Case doesn't count; a letter left out,
 * added, changed or swapped with its neighbour is one mistake, and one mistake in three letters is near.
 */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let limit = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let nearest: string | undefined;
  for (const candidate of candidates) {
    const distance = mistakes(wanted, candidate.toLowerCase(), limit);
    if (distance < limit) {
      nearest = candidate;
      limit = distance;
    }
  }
  return nearest;
}

/** `Did you mean "sales"?` for an error's hint; undefined when no candidate is near. */
export function didYouMeanHint(name: string, candidates: Iterable<string>): string | undefined {
  const nearest = didYouMean(name, candidates);
  return nearest === undefined ? undefined : `Did you mean "${nearest}"?`;
}

/** Restricted Damerau-Levenshtein distance of two words; `limit` for everything that isn't less. */
function mistakes(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const changed = last[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      const swapped =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
          ? beforeLast[column - 2]! + 1
          : changed;
      current.push(Math.min(changed, swapped, last[column]! + 1, current[column - 1]! + 1));
    }
    beforeLast = last;
    last = current;
  }
  return Math.min(limit, last[b.length]!);
}
