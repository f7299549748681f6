/** The scans of bench/planning.ts: bounds on `id` (=) and `sold_at` (>=, <; microseconds). */
export interface PlanningScan {
  readonly id?: bigint;
  readonly from?: bigint;
  readonly to?: bigint;
}

const day = 86_400_000_000n;

export function planningScans(manifests: number, files: number): Readonly<Record<string, PlanningScan>> {
  const middle = 18_262n + BigInt(manifests >> 1);
  return {
    // One manifest, by partition.
    day: { from: middle * day, to: (middle + 1n) * day },
    // One file, for which every manifest must be opened.
    id: { id: BigInt(manifests) * BigInt(files) * 500_000n },
    all: {},
  };
}
