/*
 * Messages between a notebook renderer and its extension are carried as JSON, which knows no bytes: they travel as
 * base64 inside `{ $bytes }`.
 */

interface WireBytes {
  readonly $bytes: string;
}

/** The message with every Uint8Array in it made ready for JSON. */
export function bytesToWire(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) } satisfies WireBytes;
  return mapInside(value, bytesToWire);
}

/** The message with its bytes back; bytes that came as they are stay. */
export function wireToBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return value;
  if (isWireBytes(value)) return fromBase64(value.$bytes);
  return mapInside(value, wireToBytes);
}

function mapInside(value: unknown, map: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(map);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, map(item)]));
}

function isWireBytes(value: unknown): value is WireBytes {
  return typeof value === 'object' && value !== null && typeof (value as WireBytes).$bytes === 'string';
}

/** Bytes that one call of String.fromCharCode takes without a too deep stack. */
const chunk = 0x8000;

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += chunk)
    text += String.fromCharCode(...bytes.subarray(at, at + chunk));
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), character => character.charCodeAt(0));
}
