import { thriftTypes as types } from '../../thrift-types.ts';

/** Deeper nesting than any footer has. */
const maxDepth = 64;

/**
 * Walks over a struct of Thrift's compact protocol and makes nothing of it. A reader that makes an array for each list
 * believes what the list says of its length; this holds every length against the bytes that are there.
 * @throws Error for what isn't such a struct, or claims more than its bytes can hold
 */
export function checkThriftBounds(bytes: Uint8Array, offset: number): void {
  let at = offset;
  let depth = 0;
  const byte = (): number => {
    const value = bytes[at++];
    if (value === undefined) throw new Error('Thrift: an end before the structure has one');
    return value;
  };
  /** Lengths are below 2^31; of longer numbers only where they end counts. */
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const part = byte();
      if (shift < 31) value += (part & 0x7f) * 2 ** shift;
      if (part < 0x80) return value;
      if (shift === 63) throw new Error('Thrift: a number of more than ten bytes');
    }
  };
  const take = (length: number): void => {
    at += length;
    if (at > bytes.length) throw new Error('Thrift: an end before the structure has one');
  };
  const value = (type: number): void => {
    switch (type) {
      case types.true:
      case types.false:
      case types.byte:
        take(1);
        return;
      case types.i16:
      case types.i32:
      case types.i64:
        varint();
        return;
      case types.double:
        take(8);
        return;
      case types.binary:
        take(varint());
        return;
      case types.list: {
        const head = byte();
        const size = head >> 4 === 15 ? varint() : head >> 4;
        if (size > bytes.length - at) throw new Error('Thrift: a list of more items than there are bytes');
        if (++depth > maxDepth) throw new Error('Thrift: nested too deeply');
        for (let item = 0; item < size; item++) value(head & 0x0f);
        depth--;
        return;
      }
      case types.struct:
        struct();
        return;
      default:
        throw new Error(`Thrift: a value of the type ${type}, which no footer has`);
    }
  };
  const struct = (): void => {
    if (++depth > maxDepth) throw new Error('Thrift: nested too deeply');
    for (let head = byte(); head !== 0; head = byte()) {
      // A field's id follows where it isn't the last one's plus a few.
      if (head >> 4 === 0) varint();
      const type = head & 0x0f;
      if (type !== types.true && type !== types.false) value(type);
    }
    depth--;
  };
  struct();
}
