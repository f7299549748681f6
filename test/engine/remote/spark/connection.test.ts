import { describe, expect, test } from 'vitest';
import { isLoopback, parseSparkConnection } from '../../../../src/engine/remote/spark/connection.ts';
import { ValidationError } from '../../../../src/iceberg/errors.ts';

const environment = { USER: 'ada' };
const parse = (url: string, env: Record<string, string> = environment) => parseSparkConnection(url, env);

describe('a connection string', () => {
  test('names host and port', () => {
    expect(parse('sc://spark.example')).toMatchObject({
      address: 'spark.example:15002',
      host: 'spark.example',
      tls: false,
      token: undefined,
      userId: 'ada',
      sessionId: undefined,
      headers: [],
    });
    expect(parse('sc://spark.example:443/').address).toBe('spark.example:443');
    expect(parse('sc://spark.example:80').address).toBe('spark.example:80');
    expect(parse('SC://[::1]:15003/;user_id=b').address).toBe('[::1]:15003');
  });

  test('has parameters, and headers beside them', () => {
    const connection = parse(
      'sc://h:1/;use_ssl=TRUE;token=a%3Bb%3D;user_id=u;user_agent=me;x-route=blue%20one;' +
        'session_id=00112233-4455-6677-8899-aabbccddeeff',
    );
    expect(connection).toEqual({
      address: 'h:1',
      host: 'h',
      tls: true,
      token: 'a;b=',
      userId: 'u',
      userAgent: 'me',
      sessionId: '00112233-4455-6677-8899-aabbccddeeff',
      headers: [['x-route', 'blue one']],
    });
  });

  test('that has a token asks for TLS, but not on this machine', () => {
    expect(parse('sc://h/;token=t').tls).toBe(true);
    for (const host of ['localhost', '127.0.0.1', '[::1]'])
      expect(parse(`sc://${host}/;token=t`).tls).toBe(false);
    expect(parse('sc://localhost/;token=t;use_ssl=true').tls).toBe(true);
    expect(parse('sc://h', { SPARK_CONNECT_AUTHENTICATE_TOKEN: 's' })).toMatchObject({
      token: 's',
      tls: true,
    });
    expect(parse('sc://h/;token=t', { SPARK_CONNECT_AUTHENTICATE_TOKEN: 's' }).token).toBe('t');
  });

  test('takes the user from the environment when it has none', () => {
    expect(parse('sc://h', { SPARK_USER: 's', USER: 'u' }).userId).toBe('s');
    expect(parse('sc://h', {}).userId).toBe('lakebook');
  });

  test.each([
    ['http://h', /start with sc:/],
    ['sc://', /host/],
    ['sc://h:99999', /port/],
    ['sc://user:secret@h', /user before the host/],
    ['sc://h/path', /path/],
    ['sc://h/;token', /key=value/],
    ['sc://h/;=secret', /key=value/],
    ['sc://h/;token=%', /percent-encoded/],
    ['sc://h/;token=a?secret', /percent-encoded/],
    ['sc://h/;session_id=secret', /UUID/],
    ['sc://h/;gr%C3%BCn=1', /header/],
    ['sc://h/;grpc-timeout=1', /header/],
    ['sc://h/;x=%0Asecret', /characters/],
  ])('%s is refused without being repeated', (url, reason) => {
    const refused = (() => {
      try {
        return parse(url);
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toBeInstanceOf(ValidationError);
    const { message, hint } = refused as ValidationError;
    expect(message).toMatch(reason);
    expect(`${message} ${hint}`).not.toContain('secret');
  });
});

test('this machine has several names', () => {
  for (const host of ['localhost', '127.0.0.1', '127.8.9.1', '::1']) expect(isLoopback(host)).toBe(true);
  for (const host of ['localhost.example', '128.0.0.1', '127.0.0.1.example'])
    expect(isLoopback(host)).toBe(false);
});
