import { ValidationError } from '../../iceberg/errors.ts';
import type { CatalogProperties } from '../catalog-properties.ts';

/** Properties of a REST catalog, read by type. */
export class RestSettings {
  readonly properties: CatalogProperties;

  constructor(properties: CatalogProperties) {
    this.properties = properties;
  }

  /** Undefined when it isn't set, or empty. */
  text(key: string): string | undefined {
    return this.properties[key] || undefined;
  }

  /** @throws ValidationError for anything but true and false */
  flag(key: string, fallback: boolean): boolean {
    const value = this.text(key);
    if (value === undefined) return fallback;
    const read = { true: true, false: false }[value.trim().toLowerCase()];
    if (read !== undefined) return read;
    throw new ValidationError(`The catalog property "${key}" must be true or false, but is "${value}".`);
  }

  /** A whole number that isn't negative. @throws ValidationError */
  count(key: string, fallback: number): number {
    const value = this.text(key);
    if (value === undefined) return fallback;
    if (/^\d+$/.test(value.trim())) return Number(value);
    throw new ValidationError(`The catalog property "${key}" must be a whole number, but is "${value}".`);
  }

  /** The properties whose keys begin with `prefix`, without it. */
  below(prefix: string): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.properties)
        .filter(([key]) => key.startsWith(prefix) && key !== prefix)
        .map(([key, value]) => [key.slice(prefix.length), value]),
    );
  }
}
