import {
  type Data,
  type Decimal,
  type FixedSizeBinary,
  type FixedSizeList,
  type Float,
  type Time,
  type Timestamp,
  Type,
} from 'apache-arrow';

/** A cell as text, with how it should look. */
export interface CellText {
  readonly text: string;
  readonly kind: 'null' | 'number' | 'text' | 'nested' | 'binary' | 'boolean';
}

const NULL: CellText = { text: 'NULL', kind: 'null' };

/**
 * The exact text of one value, read from the Arrow buffers themselves: apache-arrow's own getters turn
 * microseconds into fractional milliseconds and so lose digits. 64-bit integers and decimals never become floats;
 * timestamps with a zone are shown in UTC.
 *
 * @param data one chunk of a column, as read from IPC (not sliced)
 */
export function formatCell(data: Data, index: number): CellText {
  if (!data.getValid(index)) return NULL;
  const { type, values } = data;
  switch (type.typeId) {
    case Type.Null:
      return NULL;
    case Type.Bool:
      return { text: String(boolAt(values, index)), kind: 'boolean' };
    case Type.Int:
      return { text: String(values[index]), kind: 'number' };
    case Type.Float:
      return { text: formatFloat(values[index], (type as Float).precision), kind: 'number' };
    case Type.Decimal:
      return { text: formatDecimal(decimalAt(data, index), (type as Decimal).scale), kind: 'number' };
    case Type.Date:
      return { text: formatDate(data, index), kind: 'text' };
    case Type.Time:
      return { text: formatTime(BigInt(values[index]), (type as Time).unit), kind: 'text' };
    case Type.Timestamp: {
      const { unit, timezone } = type as Timestamp;
      return { text: formatTimestamp(BigInt(values[index]), unit, Boolean(timezone)), kind: 'text' };
    }
    case Type.Binary:
    case Type.LargeBinary:
      return { text: formatBinary(bytesAt(data, index)), kind: 'binary' };
    case Type.FixedSizeBinary: {
      const width = (type as FixedSizeBinary).byteWidth;
      return { text: formatBinary(values.subarray(index * width, (index + 1) * width)), kind: 'binary' };
    }
    case Type.Utf8:
    case Type.LargeUtf8:
      return { text: utf8.decode(bytesAt(data, index)), kind: 'text' };
    case Type.List:
    case Type.FixedSizeList:
    case Type.Struct:
    case Type.Map:
      return { text: JSON.stringify(jsonAt(data, index)), kind: 'nested' };
    default:
      return { text: `(${type})`, kind: 'text' };
  }
}

/** A value as plain JSON; leaves take their exact text form where a JSON number would lose digits. */
export function jsonAt(data: Data, index: number): unknown {
  if (!data.getValid(index)) return null;
  const { type } = data;
  const items = (start: number, end: number) =>
    Array.from({ length: end - start }, (_, i) => jsonAt(data.children[0]!, start + i));
  switch (type.typeId) {
    case Type.Struct:
      return Object.fromEntries(
        type.children.map((field, i) => [field.name, jsonAt(data.children[i]!, index)]),
      );
    case Type.List:
      return items(data.valueOffsets[index]!, data.valueOffsets[index + 1]!);
    case Type.FixedSizeList: {
      const size = (type as FixedSizeList).listSize;
      return items(index * size, (index + 1) * size);
    }
    case Type.Map: {
      const [keys, values] = data.children[0]!.children;
      const result: Record<string, unknown> = {};
      for (let i = data.valueOffsets[index]!; i < data.valueOffsets[index + 1]!; i++) {
        result[formatCell(keys!, i).text] = jsonAt(values!, i);
      }
      return result;
    }
    case Type.Bool:
      return boolAt(data.values, index);
    case Type.Int: {
      const number = Number(data.values[index]);
      return Number.isSafeInteger(number) ? number : String(data.values[index]);
    }
    case Type.Float:
      return Number.isFinite(data.values[index]) ? data.values[index] : String(data.values[index]);
    default:
      return formatCell(data, index).text;
  }
}

const utf8 = new TextDecoder();

function boolAt(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3]! >> (index & 7)) & 1) === 1;
}

function bytesAt(data: Data, index: number): Uint8Array {
  return data.values.subarray(Number(data.valueOffsets[index]), Number(data.valueOffsets[index + 1]));
}

/** Little-endian 32-bit words, two's complement. */
function decimalAt(data: Data, index: number): bigint {
  const words = (data.type as Decimal).bitWidth / 32;
  let result = 0n;
  for (let i = words - 1; i >= 0; i--)
    result = (result << 32n) | BigInt(data.values[index * words + i] >>> 0);
  return BigInt.asIntN(words * 32, result);
}

function formatFloat(value: number, precision: number): string {
  if (Object.is(value, -0)) return '-0';
  // A 32-bit float shows its own shortest digits, not those of the double it was widened to.
  if (precision === 1 && Number.isFinite(value)) {
    for (let digits = 6; digits <= 9; digits++) {
      const text = value.toPrecision(digits);
      if (Math.fround(Number(text)) === value) return String(Number(text));
    }
  }
  return String(value);
}

function formatDecimal(unscaled: bigint, scale: number): string {
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const text = scale > 0 ? `${digits.slice(0, -scale)}.${digits.slice(-scale)}` : digits;
  return negative ? `-${text}` : text;
}

function formatDate(data: Data, index: number): string {
  // Date32 counts days, Date64 milliseconds.
  const ticks = BigInt(data.values[index]);
  return isoDate(data.values instanceof Int32Array ? ticks : floorDiv(ticks, 86_400_000n));
}

const perSecond = [1n, 1000n, 1_000_000n, 1_000_000_000n];

function formatTime(ticks: bigint, unit: number): string {
  const per = perSecond[unit]!;
  const seconds = ticks / per;
  const part = (n: bigint) => n.toString().padStart(2, '0');
  return `${part(seconds / 3600n)}:${part((seconds / 60n) % 60n)}:${part(seconds % 60n)}${fraction(ticks % per, unit)}`;
}

function formatTimestamp(ticks: bigint, unit: number, zoned: boolean): string {
  const perDay = perSecond[unit]! * 86_400n;
  const days = floorDiv(ticks, perDay);
  return `${isoDate(days)} ${formatTime(ticks - days * perDay, unit)}${zoned ? '+00' : ''}`;
}

function fraction(ticks: bigint, unit: number): string {
  if (ticks === 0n) return '';
  return `.${ticks
    .toString()
    .padStart(unit * 3, '0')
    .replace(/0+$/, '')}`;
}

function floorDiv(a: bigint, b: bigint): bigint {
  const q = a / b;
  return a % b < 0n ? q - 1n : q;
}

/** Days since 1970-01-01 as a proleptic Gregorian date; years beyond 9999 and before 1 keep their sign. */
function isoDate(days: bigint): string {
  // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": civil_from_days.
  const z = days + 719_468n;
  const era = floorDiv(z, 146_097n);
  const doe = z - era * 146_097n;
  const yoe = (doe - doe / 1460n + doe / 36_524n - doe / 146_096n) / 365n;
  const doy = doe - (365n * yoe + yoe / 4n - yoe / 100n);
  const mp = (5n * doy + 2n) / 153n;
  const day = doy - (153n * mp + 2n) / 5n + 1n;
  const month = mp < 10n ? mp + 3n : mp - 9n;
  const year = yoe + era * 400n + (month <= 2n ? 1n : 0n);
  const pad = (n: bigint, width: number) => n.toString().padStart(width, '0');
  return `${year < 0n ? `-${pad(-year, 4)}` : pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

function formatBinary(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, 64);
  const hex = Array.from(shown, byte => byte.toString(16).padStart(2, '0')).join('');
  return `0x${hex}${bytes.length > shown.length ? `… (${bytes.length} bytes)` : ''}`;
}
