import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesToWire, wireToBytes } from '../../renderers/wire.ts';

const bytes = fc.uint8Array({ maxLength: 70_000, size: 'max' });

test('messages with bytes in them come through JSON as they were', () => {
  fc.assert(
    fc.property(bytes, fc.jsonValue({ maxDepth: 2 }), (data, rest) => {
      const message = { request: 1, ok: { rowCount: 3, bytes: data, list: [data, rest] } };
      const received = wireToBytes(JSON.parse(JSON.stringify(bytesToWire(message))));
      expect((received as typeof message).ok.bytes).toEqual(data);
      expect((received as typeof message).ok.list[0]).toEqual(data);
      expect((received as typeof message).ok.list[1]).toEqual(JSON.parse(JSON.stringify(rest)));
    }),
    { numRuns: 50 },
  );
});

test('bytes that came as bytes stay', () => {
  const data = new Uint8Array([1, 2]);
  expect(wireToBytes({ ok: { bytes: data } })).toEqual({ ok: { bytes: data } });
});
