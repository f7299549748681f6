import type { ByteRange } from '../../../iceberg/io.ts';

/** The ranges in order, with those that touch or overlap made one; empty ones are left out. */
export function union(ranges: readonly ByteRange[]): ByteRange[] {
  const result: ByteRange[] = [];
  for (const range of ranges.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last === undefined || range.start > last.end) result.push(range);
    else if (range.end > last.end) result[result.length - 1] = { start: last.start, end: range.end };
  }
  return result;
}

/** What of `wanted` is not in `present`, in order. */
export function subtract(wanted: readonly ByteRange[], present: readonly ByteRange[]): ByteRange[] {
  const holes: ByteRange[] = [];
  const there = union(present);
  let next = 0;
  for (const { start, end } of union(wanted)) {
    let at = start;
    while (next < there.length && there[next]!.end <= at) next++;
    for (let i = next; i < there.length && there[i]!.start < end; i++) {
      if (there[i]!.start > at) holes.push({ start: at, end: there[i]!.start });
      at = Math.max(at, there[i]!.end);
    }
    if (at < end) holes.push({ start: at, end });
  }
  return holes;
}

export function totalBytes(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/**
 * Joins ranges that are near each other, smallest gaps first, so that they need fewer requests; what is read for
 * nothing stays within `waste`, a part of what is wanted. Then cuts long ones into pieces of at most `pieceBytes`,
 * which are read at the same time.
 */
export function requestsFor(
  wanted: readonly ByteRange[],
  { waste, pieceBytes }: { readonly waste: number; readonly pieceBytes: number },
): ByteRange[] {
  const ranges = union(wanted);
  const gaps = ranges
    .slice(1)
    .map((range, index) => ({ start: ranges[index]!.end, end: range.start }))
    .sort((a, b) => a.end - a.start - (b.end - b.start));
  let allowance = totalBytes(ranges) * waste;
  const filled: ByteRange[] = [];
  for (const gap of gaps) {
    allowance -= gap.end - gap.start;
    if (allowance < 0) break;
    filled.push(gap);
  }
  return union([...ranges, ...filled]).flatMap(range => pieces(range, pieceBytes));
}

/** A range in pieces of about equal size. */
export function pieces({ start, end }: ByteRange, pieceBytes: number): ByteRange[] {
  const count = Math.ceil((end - start) / pieceBytes);
  const size = Math.ceil((end - start) / count);
  return Array.from({ length: count }, (_, index) => ({
    start: start + index * size,
    end: Math.min(end, start + (index + 1) * size),
  })).filter(piece => piece.end > piece.start);
}
