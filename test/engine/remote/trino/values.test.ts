import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { double, wholeNumber, writeInt64, writeScaled } from '../../../../src/engine/remote/trino/numbers.ts';
import {
  clockTime,
  dateDays,
  daysFromCivil,
  localMoment,
  zonedMoment,
} from '../../../../src/engine/remote/trino/times.ts';

type Read<T> = (text: Uint8Array, start: number, end: number) => T;

/** Reads a text that stands between others. */
function reading<T>(text: string, read: Read<T>): T {
  const bytes = Buffer.from(`"${text}",`);
  return read(bytes, 1, bytes.length - 2);
}

describe('numbers', () => {
  const limbs = (target: Int32Array) => {
    const words = [...new Uint32Array(target.buffer)];
    return BigInt.asIntN(
      words.length * 32,
      words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n),
    );
  };

  test('integers of 64 and 128 bits are exact', () => {
    for (const [size, bits] of [
      [2, 64n],
      [4, 128n],
    ] as const) {
      const largest = 2n ** (bits - 1n) - 1n;
      fc.assert(
        fc.property(
          fc.bigInt({ min: -largest - 1n, max: largest }),
          fc.integer({ min: 0, max: 18 }),
          (value, scale) => {
            const target = new Int32Array(size);
            reading(String(value), (text, start, end) => writeScaled(target, 0, size, 0, text, start, end));
            expect(limbs(target)).toBe(value);
            // A point moves nothing.
            const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
            const at = digits.length - scale;
            const written = `${value < 0n ? '-' : ''}${digits.slice(0, at)}${scale > 0 ? '.' : ''}${digits.slice(at)}`;
            reading(written, (text, start, end) => writeScaled(target, 0, size, scale, text, start, end));
            expect(limbs(target)).toBe(value);
          },
        ),
      );
    }
  });

  test('digits behind the point that are not sent are zeros; more than the type has are refused', () => {
    const target = new Int32Array(4);
    reading('-1.5', (text, start, end) => writeScaled(target, 0, 4, 9, text, start, end));
    expect(limbs(target)).toBe(-1_500_000_000n);
    expect(() =>
      reading('1.25', (text, start, end) => writeScaled(target, 0, 4, 1, text, start, end)),
    ).toThrow('The server sent "1.25" as a number of 1 digits behind the point.');
    for (const bad of ['', '-', '1x', '1.2.3', 'NaN']) {
      expect(() =>
        reading(bad, (text, start, end) => writeScaled(target, 0, 4, 1, text, start, end)),
      ).toThrow(expect.objectContaining({ code: 'ENGINE_RESPONSE' }));
    }
  });

  test('borrows reach through limbs that are zero', () => {
    for (const power of [32n, 64n, 96n, 100n]) {
      for (const value of [2n ** power, -(2n ** power), -(2n ** power) - 1n, 1n - 2n ** power]) {
        const target = new Int32Array(4);
        reading(String(value), (text, start, end) => writeScaled(target, 0, 4, 0, text, start, end));
        expect(limbs(target)).toBe(value);
      }
    }
  });

  test('small integers', () => {
    fc.assert(
      fc.property(fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }), value => {
        expect(reading(String(value), wholeNumber)).toBe(value);
        const target = new Int32Array(2);
        writeInt64(target, 0, value);
        expect(limbs(target)).toBe(BigInt(value));
      }),
    );
    expect(() => reading('1.5', wholeNumber)).toThrow('as a whole number');
  });

  test('doubles are the nearest', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.constantFrom('e', 'E'), (value, e) => {
        expect(reading(String(value).replace('e+', e).replace('e', e), double)).toBe(value);
        if (Number.isFinite(value)) expect(reading(value.toExponential(), double)).toBe(value);
      }),
    );
    expect(reading('NaN', double)).toBeNaN();
    expect(reading('-0.0', double)).toBe(-0);
    expect(reading('123456789012345.6789', double)).toBe(Number('123456789012345.6789'));
    expect(() => reading('one', double)).toThrow('as a number');
  });
});

describe('dates and times', () => {
  test('days of the calendar', () => {
    fc.assert(
      fc.property(
        fc.date({
          min: new Date(-62_135_596_800_000),
          max: new Date(253_402_300_799_999),
          noInvalidDate: true,
        }),
        date => {
          const [day] = date.toISOString().split('T');
          expect(reading(day!, dateDays)).toBe(Math.floor(date.getTime() / 86_400_000));
        },
      ),
    );
    expect(daysFromCivil(0, 1, 1)).toBe(-719_528);
    expect(reading('-0001-03-01', dateDays)).toBe(daysFromCivil(-1, 3, 1));
    expect(reading('+12345-03-01', dateDays)).toBe(daysFromCivil(12_345, 3, 1));
    expect(() => reading('2020/01/01', dateDays)).toThrow('as a date');
  });

  test('times of any precision', () => {
    expect({ ...reading('01:02:03', clockTime) }).toEqual({ seconds: 3723, nanos: 0 });
    expect({ ...reading('23:59:59.9', clockTime) }).toEqual({ seconds: 86_399, nanos: 900_000_000 });
    expect({ ...reading('00:00:00.000000001', clockTime) }).toEqual({ seconds: 0, nanos: 1 });
    expect(() => reading('1:02:03', clockTime)).toThrow('as a time');
    expect(() => reading('01:02:03.0000000001', clockTime)).toThrow('as a time');
  });

  test('moments before 1970 have fractions from below', () => {
    expect({ ...reading('1969-12-31 23:59:59.5', localMoment) }).toEqual({ seconds: -1, nanos: 500_000_000 });
  });

  const zones = [
    'UTC',
    'Europe/Vienna',
    'America/New_York',
    'Asia/Kolkata',
    'Australia/Lord_Howe',
    'Pacific/Apia',
  ];

  test('instants in zones', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -2_000_000_000, max: 4_000_000_000 }),
        fc.constantFrom(...zones),
        (instant, zone) => {
          const local = localText(instant, zone);
          const found = reading(`${local} ${zone}`, zonedMoment).seconds;
          // When clocks are set back two instants have the same local time, and the earlier one is taken.
          expect(localText(found, zone)).toBe(local);
          expect(found).toBeLessThanOrEqual(instant);
        },
      ),
    );
  });

  test('offsets, and clocks that are set back', () => {
    expect(reading('2020-01-01 02:00:00.000 +05:30', zonedMoment).seconds).toBe(
      Date.UTC(2019, 11, 31, 20, 30) / 1000,
    );
    expect(reading('2020-01-01 02:00:00.000 -03:00', zonedMoment).seconds).toBe(
      Date.UTC(2020, 0, 1, 5) / 1000,
    );
    expect(reading('2020-10-25 02:30:00.000 Europe/Vienna', zonedMoment).seconds).toBe(
      Date.UTC(2020, 9, 25, 0, 30) / 1000,
    );
    expect(reading('2020-10-25 03:00:00.000 Europe/Vienna', zonedMoment).seconds).toBe(
      Date.UTC(2020, 9, 25, 2) / 1000,
    );
    expect(reading('2020-03-29 03:00:00.000 Europe/Vienna', zonedMoment).seconds).toBe(
      Date.UTC(2020, 2, 29, 1) / 1000,
    );
    expect(() => reading('2020-03-29 03:00:00.000 Mars/Phobos', zonedMoment)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });

  function localText(instant: number, timeZone: string): string {
    const text = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      dateStyle: 'short',
      timeStyle: 'medium',
    }).format(new Date(instant * 1000));
    return text;
  }
});
