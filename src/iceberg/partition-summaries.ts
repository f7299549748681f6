import type { PartitionFieldSummary } from './manifest-list.ts';
import { isPrimitive, type Type, type Value } from './types.ts';
import { compareValues, valueToBytes } from './value.ts';

/** Collects a manifest's partition summaries (spec: `field_summary`): bounds leave null and NaN out. */
export class PartitionSummaries {
  readonly #types: readonly Type[];
  readonly #fields: {
    hasNull: boolean;
    hasNan: boolean;
    least: Value | undefined;
    greatest: Value | undefined;
  }[];

  constructor(types: readonly Type[]) {
    this.#types = types;
    this.#fields = types.map(() => ({
      hasNull: false,
      hasNan: false,
      least: undefined,
      greatest: undefined,
    }));
  }

  add(partition: readonly (Value | null)[]): void {
    this.#fields.forEach((field, i) => {
      const type = this.#types[i]!;
      const value = partition[i] ?? null;
      if (value === null || !isPrimitive(type)) field.hasNull = true;
      else if (typeof value === 'number' && Number.isNaN(value)) field.hasNan = true;
      else {
        if (field.least === undefined || compareValues(type, value, field.least) < 0) field.least = value;
        if (field.greatest === undefined || compareValues(type, value, field.greatest) > 0)
          field.greatest = value;
      }
    });
  }

  result(): PartitionFieldSummary[] {
    return this.#fields.map(({ hasNull, hasNan, least, greatest }, i) => {
      const type = this.#types[i]!;
      const bytes = (value: Value | undefined) =>
        value === undefined || !isPrimitive(type) ? undefined : valueToBytes(type, value);
      return {
        containsNull: hasNull,
        containsNan: hasNan,
        lowerBound: bytes(least),
        upperBound: bytes(greatest),
      };
    });
  }
}
