/**
 * Dates and times as numbers and as ISO 8601 text, on the proleptic Gregorian calendar, for the whole range of
 * Iceberg's types (JavaScript's Date covers less and has no microseconds).
 */

export const microsPerDay = 86_400_000_000n;
export const nanosPerDay = 86_400_000_000_000n;

/** Quotient rounded towards negative infinity. */
export function floorDiv(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}

/** Remainder of `floorDiv`: never negative. */
export function floorMod(value: bigint, divisor: bigint): bigint {
  const remainder = value % divisor;
  return remainder < 0n ? remainder + divisor : remainder;
}

/** Days since 1970-01-01 of a calendar date; month 1 to 12. Year 0 is 1 BC. */
export function daysFromDate(year: number, month: number, day: number): number {
  // Years start in March here, so that the leap day is the last day of a year.
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export interface CalendarDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

/** The inverse of `daysFromDate`. */
export function dateFromDays(days: number): CalendarDate {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9);
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** `2026-01-31`; years beyond four digits carry a sign, as in ISO 8601: `+12026-01-31`, `-0043-03-15`. */
export function formatDate(days: number): string {
  const { year, month, day } = dateFromDays(days);
  return `${formatYear(year)}-${pad(month, 2)}-${pad(day, 2)}`;
}

export function formatYear(year: number): string {
  if (year < 0) return `-${pad(-year, 4)}`;
  return year > 9999 ? `+${year}` : pad(year, 4);
}

/**
 * `22:31:08.123456` for a time of day in units of 10^-`digits` seconds. `fraction` 'full' always writes all
 * digits, 'short' none when they're zero.
 */
export function formatTime(units: bigint, digits: 6 | 9, fraction: 'full' | 'short'): string {
  const perSecond = 10n ** BigInt(digits);
  const seconds = Number(units / perSecond);
  const text = pad(Number(units % perSecond), digits);
  const clock = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
  return fraction === 'short' && /^0+$/.test(text) ? clock : `${clock}.${text}`;
}

/** `2017-11-16T22:31:08.123456` for units of 10^-`digits` seconds since the epoch. */
export function formatTimestamp(units: bigint, digits: 6 | 9, fraction: 'full' | 'short'): string {
  const perDay = digits === 6 ? microsPerDay : nanosPerDay;
  const days = Number(floorDiv(units, perDay));
  return `${formatDate(days)}T${formatTime(floorMod(units, perDay), digits, fraction)}`;
}

const datePattern = /^([+-]?\d{4,7})-(\d{2})-(\d{2})( \(BC\))?/;
const timePattern = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?/;
const zonePattern = /^(?:Z|([+-])(\d{2})(?::?(\d{2}))?(?::?(\d{2}))?)$/;

/** Days since the epoch, or undefined when the text isn't a date. Takes DuckDB's ` (BC)` after it. */
export function parseDate(text: string): number | undefined {
  const date = splitDate(text);
  return date?.rest === '' ? date.days : undefined;
}

function splitDate(text: string): { days: number; rest: string } | undefined {
  const match = datePattern.exec(text);
  if (match === null) return undefined;
  const written = Number(match[1]);
  const year = match[4] === undefined ? written : 1 - written;
  const month = Number(match[2]);
  const day = Number(match[3]);
  const days = daysFromDate(year, month, day);
  const back = dateFromDays(days);
  if (back.month !== month || back.day !== day) return undefined;
  return { days, rest: text.slice(match[0].length) };
}

/** Units of 10^-`digits` seconds since midnight, or undefined. More fraction digits than that must be zero. */
export function parseTime(text: string, digits: 6 | 9): bigint | undefined {
  const time = splitTime(text, digits);
  return time?.rest === '' ? time.units : undefined;
}

function splitTime(text: string, digits: 6 | 9): { units: bigint; rest: string } | undefined {
  const match = timePattern.exec(text);
  if (match === null) return undefined;
  const hours = Number(match[1]);
  const minutes = Number(match[2]);
  const seconds = Number(match[3] ?? 0);
  if (minutes > 59 || seconds > 59 || hours > 24 || (hours === 24 && minutes + seconds > 0)) return undefined;
  const fraction = (match[4] ?? '').padEnd(9, '0');
  if (/[1-9]/.test(fraction.slice(digits))) return undefined;
  const whole = BigInt(hours * 3600 + minutes * 60 + seconds) * 10n ** BigInt(digits);
  return { units: whole + BigInt(fraction.slice(0, digits)), rest: text.slice(match[0].length) };
}

/**
 * Units of 10^-`digits` seconds since the epoch, or undefined. Date and time are parted by `T` or a space; a
 * date alone is its midnight. With `zoned` an offset (`Z`, `+00`, `-08:00`) counts, and none means UTC;
 * without, an offset isn't allowed.
 */
export function parseTimestamp(text: string, digits: 6 | 9, zoned: boolean): bigint | undefined {
  const date = splitDate(text);
  if (date === undefined) return undefined;
  const perDay = digits === 6 ? microsPerDay : nanosPerDay;
  const midnight = BigInt(date.days) * perDay;
  if (date.rest === '') return midnight;
  if (!/^[T ]/.test(date.rest)) return undefined;
  const time = splitTime(date.rest.slice(1), digits);
  if (time === undefined) return undefined;
  const offset = time.rest === '' ? 0 : zoned ? parseOffset(time.rest.trimStart()) : undefined;
  return offset === undefined ? undefined : midnight + time.units - BigInt(offset) * 10n ** BigInt(digits);
}

/** Seconds east of UTC. */
function parseOffset(text: string): number | undefined {
  const match = zonePattern.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[2] ?? 0) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
  return match[1] === '-' ? -seconds : seconds;
}

function pad(value: number, length: number): string {
  return String(value).padStart(length, '0');
}
