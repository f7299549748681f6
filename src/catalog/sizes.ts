import { type LakebookErrorOptions, ValidationError } from '../iceberg/errors.ts';

const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
};

/** Bytes of a size as people write it: `20GB`, `512 MiB`, a number. `origin` is how the setting is called in errors. */
export function byteCount(value: unknown, origin: string, at?: LakebookErrorOptions): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(value));
  const unit = units[match?.[2]?.toUpperCase() ?? '?'];
  if (match !== null && unit !== undefined) return Math.round(Number(match[1]) * unit);
  throw new ValidationError(`${origin}: "${value}" is no size.`, {
    ...at,
    hint: 'Write a number of bytes, or a size such as "20GB".',
  });
}
