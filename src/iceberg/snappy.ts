import { AvroFormatError } from './avro-binary.ts';

/**
 * Decompresses a raw Snappy block (https://github.com/google/snappy/blob/main/format_description.txt).
 * @throws AvroFormatError when the bytes are malformed or the result would exceed `maxLength`.
 */
export function snappyDecompress(input: Uint8Array, maxLength: number): Buffer {
  let pos = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = input[pos++];
    if (byte === undefined || shift > 28) throw malformed();
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  // A copy element makes at most 64 bytes from 2, so a longer claim can't be true.
  if (length > maxLength || length > input.length * 64) throw malformed();
  const output = Buffer.allocUnsafe(length);
  let end = 0;
  while (pos < input.length) {
    const tag = input[pos++]!;
    if ((tag & 3) === 0) {
      let size = (tag >> 2) + 1;
      if (size > 60) {
        const extra = size - 60;
        size = littleEndian(input, pos, extra) + 1;
        pos += extra;
      }
      if (pos + size > input.length || end + size > length) throw malformed();
      output.set(input.subarray(pos, pos + size), end);
      pos += size;
      end += size;
      continue;
    }
    let size: number;
    let offset: number;
    if ((tag & 3) === 1) {
      size = ((tag >> 2) & 7) + 4;
      offset = ((tag >> 5) << 8) | littleEndian(input, pos, 1);
      pos += 1;
    } else {
      const width = (tag & 3) === 2 ? 2 : 4;
      size = (tag >> 2) + 1;
      offset = littleEndian(input, pos, width);
      pos += width;
    }
    if (offset === 0 || offset > end || end + size > length) throw malformed();
    // The ranges may overlap, which repeats the bytes: copied one by one.
    for (let i = 0; i < size; i++) output[end + i] = output[end + i - offset]!;
    end += size;
  }
  if (end !== length) throw malformed();
  return output;
}

function littleEndian(bytes: Uint8Array, pos: number, width: number): number {
  if (pos + width > bytes.length) throw malformed();
  let n = 0;
  for (let i = 0; i < width; i++) n += bytes[pos + i]! * 2 ** (8 * i);
  return n;
}

function malformed(): AvroFormatError {
  return new AvroFormatError('a Snappy block is malformed');
}
