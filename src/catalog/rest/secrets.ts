import { type CatalogProperties, isSecretProperty } from '../catalog-properties.ts';

/** Shorter ones would black out whole messages; no server takes secrets of so few characters. */
const shortest = 4;

/** What must never be seen in a message. Servers repeat in their answers what they were sent. */
export class Secrets {
  readonly #values = new Set<string>();

  add(value: string | undefined): void {
    const plain = value?.trim() ?? '';
    if (plain.length < shortest) return;
    for (const form of [plain, encodeURIComponent(plain), Buffer.from(plain).toString('base64')]) {
      this.#values.add(form);
    }
  }

  /** The values of all properties that are secrets by their names, and of headers that look like one. */
  addFrom(properties: CatalogProperties): void {
    for (const [key, value] of Object.entries(properties)) {
      if (isSecretProperty(key) || /^header\..*=\S{16,}$/.test(`${key}=${value}`)) this.add(value);
      // `id:secret`: the id alone is none.
      if (key === 'credential') this.add(value.slice(value.indexOf(':') + 1));
    }
  }

  /** The text with every secret in it replaced. */
  redact(text: string): string {
    let redacted = text;
    // The longest first: one may be part of another.
    for (const value of [...this.#values].sort((a, b) => b.length - a.length)) {
      redacted = redacted.replaceAll(value, '***');
    }
    return redacted.replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{4,}/gi, '$1 ***');
  }
}
