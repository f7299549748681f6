/*
 * Jupyter counts a cursor's place in Unicode code points, JavaScript in UTF-16 code units.
 * https://jupyter-client.readthedocs.io/en/stable/messaging.html#cursor-pos-unicode-note
 */

/** The UTF-16 offset of a place counted in code points; beyond the end it is the end. */
export function fromCodePoints(text: string, codePoints: number): number {
  let offset = 0;
  for (let i = 0; i < codePoints && offset < text.length; i++) {
    offset += text.codePointAt(offset)! > 0xffff ? 2 : 1;
  }
  return offset;
}

/** A UTF-16 offset counted in code points. */
export function toCodePoints(text: string, offset: number): number {
  return [...text.slice(0, offset)].length;
}
