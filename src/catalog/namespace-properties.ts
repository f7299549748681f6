import { ValidationError } from '../iceberg/errors.ts';

/** @throws ValidationError for a property that would be set and removed at once */
export function requireApart(set: Readonly<Record<string, string>>, remove: readonly string[]): void {
  const both = remove.find(key => Object.hasOwn(set, key));
  if (both !== undefined) throw new ValidationError(`The property "${both}" can't be both set and removed.`);
}
