import { LakebookError } from '../../../iceberg/errors.ts';
import { utf8 } from './json-reader.ts';
import { badValue, wholeNumber } from './numbers.ts';

/*
 * Dates and times as Trino writes them: `2001-08-22`, `03:04:05.321`, `2001-08-22 03:04:05.321 Europe/Vienna`,
 * `03:04:05.321+02:00`. The proleptic Gregorian calendar throughout, years may have a sign and more than four digits.
 */

const minus = 0x2d;
const plus = 0x2b;
const colon = 0x3a;
const dot = 0x2e;
const space = 0x20;

/** Days from 1970-01-01 to a day of the proleptic Gregorian calendar. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function twoDigits(text: Uint8Array, at: number): number {
  return (text[at]! - 0x30) * 10 + (text[at + 1]! - 0x30);
}

/** Days since 1970-01-01. */
export function dateDays(text: Uint8Array, start: number, end: number): number {
  // Month and day are at the end, the year may have any number of digits.
  const year = wholeNumber(text, start, end - 6);
  if (text[end - 6] !== minus || text[end - 3] !== minus) throw badValue('a date', text, start, end);
  return daysFromCivil(year, twoDigits(text, end - 5), twoDigits(text, end - 2));
}

/** A time of day: whole seconds, and the digits behind them as nanoseconds. */
export interface ClockTime {
  seconds: number;
  nanos: number;
}

const clock: ClockTime = { seconds: 0, nanos: 0 };

/** Reads `hh:mm:ss[.fraction]`. The result is overwritten by the next call. */
export function clockTime(text: Uint8Array, start: number, end: number): ClockTime {
  if (text[start + 2] !== colon || text[start + 5] !== colon || end - start < 8) {
    throw badValue('a time', text, start, end);
  }
  clock.seconds =
    twoDigits(text, start) * 3600 + twoDigits(text, start + 3) * 60 + twoDigits(text, start + 6);
  clock.nanos = 0;
  if (end - start === 8) return clock;
  if (text[start + 8] !== dot || end - start > 18) throw badValue('a time', text, start, end);
  let nanos = 0;
  for (let at = start + 9; at < start + 18; at++) nanos = nanos * 10 + (at < end ? text[at]! - 0x30 : 0);
  clock.nanos = nanos;
  return clock;
}

/** Seconds of an offset from UTC, `+05:30` or `-03:00:30`, at the end of a text from `start`. */
export function offsetSeconds(text: Uint8Array, start: number, end: number): number {
  const sign = text[start] === minus ? -1 : 1;
  const seconds = end - start > 6 ? twoDigits(text, start + 7) : 0;
  return sign * (twoDigits(text, start + 1) * 3600 + twoDigits(text, start + 4) * 60 + seconds);
}

/** Where the offset of a time with zone begins. */
export function offsetStart(text: Uint8Array, start: number, end: number): number {
  for (let at = start + 8; at < end; at++) if (text[at] === plus || text[at] === minus) return at;
  throw badValue('a time with zone', text, start, end);
}

/** A moment: whole seconds since 1970-01-01 00:00:00 and nanoseconds from there, 0 or more. */
export interface Moment {
  seconds: number;
  nanos: number;
}

const moment: Moment = { seconds: 0, nanos: 0 };

/** Reads `date time`, without a zone. The result is overwritten by the next call. */
export function localMoment(text: Uint8Array, start: number, end: number): Moment {
  let middle = start + 10;
  while (middle < end && text[middle] !== space) middle++;
  const days = dateDays(text, start, middle);
  const { seconds, nanos } = clockTime(text, middle + 1, end);
  moment.seconds = days * 86_400 + seconds;
  moment.nanos = nanos;
  return moment;
}

/** Reads `date time zone` as the instant that it is. The result is overwritten by the next call. */
export function zonedMoment(text: Uint8Array, start: number, end: number): Moment {
  let zone = end - 1;
  while (zone > start && text[zone] !== space) zone--;
  const found = localMoment(text, start, zone);
  const first = text[zone + 1];
  if (first === plus || first === minus) found.seconds -= offsetSeconds(text, zone + 1, end);
  else if (!isUtc(text, zone + 1, end))
    found.seconds = zoneOf(utf8(text, zone + 1, end)).instant(found.seconds);
  return found;
}

function isUtc(text: Uint8Array, start: number, end: number): boolean {
  return end - start === 3 && text[start] === 0x55 && text[start + 1] === 0x54 && text[start + 2] === 0x43;
}

const zones = new Map<string, Zone>();

function zoneOf(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = new Zone(name);
    zones.set(name, zone);
  }
  return zone;
}

/**
 * A named time zone. The protocol tells the local time and the zone's name: of the two instants that have the same
 * local time when clocks are set back, the earlier one is taken, as Java does.
 */
class Zone {
  readonly #name: string;
  readonly #format: Intl.DateTimeFormat;
  /** Offsets by the quarter of an hour in UTC; zones change on such. */
  readonly #offsets = new Map<number, number>();

  constructor(name: string) {
    this.#name = name;
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        timeZone: name,
        calendar: 'gregory',
        hourCycle: 'h23',
        era: 'short',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      });
    } catch (error) {
      throw new LakebookError('UNSUPPORTED', `The time zone "${name}" isn't known here.`, {
        hint: "Convert the column in the query: `at_timezone(x, 'UTC')`.",
        cause: error,
      });
    }
  }

  /** The instant of a local time, both in seconds since 1970. */
  instant(local: number): number {
    // Before a change and after it: a day on either side is outside of it.
    const before = local - this.#offset(local - 86_400);
    if (before + this.#offset(before) === local) return before;
    const after = local - this.#offset(local + 86_400);
    if (after + this.#offset(after) === local) return after;
    // Times that a zone leaves out aren't sent; the offset before them is how Java reads them.
    return before;
  }

  #offset(instant: number): number {
    const quarter = Math.floor(instant / 900);
    const known = this.#offsets.get(quarter);
    if (known !== undefined) return known;
    const parts: Record<string, string> = {};
    for (const { type, value } of this.#format.formatToParts(new Date(quarter * 900_000)))
      parts[type] = value;
    const year = Number(parts.year);
    const days = daysFromCivil(parts.era === 'BC' ? 1 - year : year, Number(parts.month), Number(parts.day));
    const local =
      days * 86_400 + Number(parts.hour) * 3600 + Number(parts.minute) * 60 + Number(parts.second);
    const offset = local - quarter * 900;
    if (Number.isNaN(offset))
      throw new LakebookError('UNSUPPORTED', `${this.#name} has no offset at ${instant}.`);
    if (this.#offsets.size > 100_000) this.#offsets.clear();
    this.#offsets.set(quarter, offset);
    return offset;
  }
}
