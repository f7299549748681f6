import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf, parseConnection } from '../../src/jupyter/connection.ts';
import { MessageCodec } from '../../src/jupyter/message.ts';

const json = fc.dictionary(fc.string(), fc.jsonValue());
const frames = fc.array(
  fc.uint8Array({ maxLength: 20 }).map(bytes => Buffer.from(bytes)),
  { maxLength: 3 },
);

describe('messages on the wire', () => {
  test('what one side writes the other reads', () => {
    fc.assert(
      fc.property(frames, json, json, (identities, content, metadata) => {
        fc.pre(identities.every(frame => frame.toString('latin1') !== '<IDS|MSG>'));
        const sender = new MessageCodec('key');
        const message = sender.create('execute_request', content, {}, metadata);
        const read = new MessageCodec('key').decode(sender.encode(message, identities));
        expect(read.identities).toEqual(identities);
        expect(read.message).toEqual(JSON.parse(JSON.stringify(message)));
      }),
    );
  });

  test('the signature is the HMAC of the four parts', () => {
    const codec = new MessageCodec('secret', 'sha512');
    const encoded = codec.encode(codec.create('status', { a: 'ä' }, {}), []);
    const parts = encoded.slice(2).map(part => Buffer.from(part));
    expect(Buffer.from(encoded[1]!).toString()).toBe(
      createHmac('sha512', 'secret').update(Buffer.concat(parts)).digest('hex'),
    );
  });

  test('a message that was changed anywhere is refused', () => {
    const sender = new MessageCodec('key');
    const good = sender.encode(sender.create('x_request', { code: 'SELECT 1' }, {}), [Buffer.from('id')]);
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: good.length - 1 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (frame, at, mask) => {
          const changed = good.map(part => Buffer.from(part));
          const bytes = changed[frame]!;
          bytes[at % bytes.length]! ^= mask;
          expect(() => new MessageCodec('key').decode(changed)).toThrow(
            expect.objectContaining({ code: 'JUPYTER_SIGNATURE' }),
          );
        },
      ),
    );
    for (const signature of ['', '0'.repeat(64), Buffer.from(good[2]!).toString().toUpperCase()]) {
      const changed = good.with(2, Buffer.from(signature));
      expect(() => new MessageCodec('key').decode(changed)).toThrow(/wrong signature/);
    }
    expect(() => new MessageCodec('another key').decode(good)).toThrow(/wrong signature/);
  });

  test('a message is taken once', () => {
    const sender = new MessageCodec('key');
    const receiver = new MessageCodec('key');
    const encoded = sender.encode(sender.create('x_request', {}, {}), []);
    receiver.decode(encoded);
    expect(() => receiver.decode(encoded)).toThrow(/second time/);
    receiver.decode(sender.encode(sender.create('x_request', {}, {}), []));
  });

  test('anything else is refused with a reason', () => {
    const codec = new MessageCodec('');
    fc.assert(
      fc.property(frames, fc.array(fc.oneof(fc.string(), fc.json()), { maxLength: 6 }), (before, parts) => {
        const given = [...before, ...parts.map(part => Buffer.from(part))];
        for (const all of [given, [Buffer.from('<IDS|MSG>'), Buffer.from(''), ...given]]) {
          try {
            const { message } = codec.decode(all);
            expect(typeof message.header.msg_type).toBe('string');
          } catch (error) {
            expect(error).toMatchObject({ code: 'JUPYTER_MESSAGE' });
          }
        }
      }),
    );
  });
});

describe('connection files', () => {
  const given = {
    transport: 'tcp',
    ip: '127.0.0.1',
    shell_port: 1,
    control_port: 2,
    iopub_port: 3,
    stdin_port: 4,
    hb_port: 5,
    key: 'the key',
    signature_scheme: 'hmac-sha256',
  };
  const parse = (changes: object) => parseConnection(JSON.stringify({ ...given, ...changes }), 'kernel.json');

  test('ports, key and addresses', () => {
    const connection = parse({});
    expect(connection).toMatchObject({ key: 'the key', hash: 'sha256', ports: { shell: 1, hb: 5 } });
    expect(addressOf(connection, 'iopub')).toBe('tcp://127.0.0.1:3');
    expect(addressOf(parse({ ip: '::1' }), 'iopub')).toBe('tcp://[::1]:3');
    expect(addressOf(parse({ transport: 'ipc', ip: '/tmp/k' }), 'iopub')).toBe('ipc:///tmp/k-3');
    expect(parse({ curve_publickey: 'p', curve_secretkey: 's' }).curve).toEqual({
      publicKey: 'p',
      secretKey: 's',
    });
  });

  test.each([
    [{ shell_port: undefined }, /"shell_port"/],
    [{ hb_port: 70_000 }, /"hb_port"/],
    [{ transport: 'udp' }, /transport "udp"/],
    [{ signature_scheme: 'hmac-md5' }, /"hmac-md5"/],
    [{ signature_scheme: 'none' }, /"none"/],
    [{ key: 3 }, /"key"/],
  ])('%j is refused', (changes, message) => {
    expect(() => parse(changes)).toThrow(message);
  });

  test('what is no JSON is refused without being told', () => {
    expect(() => parseConnection('{"key": "the key",', 'kernel.json')).toThrow(
      /^kernel.json is not valid JSON.$/,
    );
    expect(() => parseConnection('[]', 'kernel.json')).toThrow(/JSON object/);
  });
});
