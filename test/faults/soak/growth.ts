/**
 * How much a measured value grows from the first to the last of equally spaced samples: the median slope of all pairs
 * (Theil and Sen), which single peaks don't move, times the length.
 */
export function growthOf(samples: readonly number[]): number {
  const slopes: number[] = [];
  for (let a = 0; a < samples.length; a++) {
    for (let b = a + 1; b < samples.length; b++) slopes.push((samples[b]! - samples[a]!) / (b - a));
  }
  return median(slopes) * Math.max(0, samples.length - 1);
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
