import { type TextPosition, UnsupportedError, ValidationError } from './errors.ts';
import { minimumFormatVersion } from './promotion.ts';
import { childFields } from './schema.ts';
import type { LocatedField } from './schema-tree.ts';
import { typeToString } from './type-text.ts';
import { isFloating, isPrimitive, type Type } from './types.ts';

/*
 * What a person may ask of new columns, checked where it's asked for: errors have its place and say what to do. What
 * a table's metadata may hold at all is checked in table-checks.ts.
 */

/** Names that Iceberg's readers give to their own columns (spec: "Reserved Field IDs"). */
const reservedNames = new Set([
  '_file',
  '_pos',
  '_deleted',
  '_spec_id',
  '_partition',
  '_row_id',
  '_last_updated_sequence_number',
]);

/** @throws ValidationError */
export function checkColumnName(name: string, at?: TextPosition): void {
  let fault: string | undefined;
  if (name.trim() === '') fault = 'it is empty';
  else if (/\p{Cc}|\p{Cs}/u.test(name)) fault = 'it holds a character that can not be shown';
  else if (reservedNames.has(name.toLowerCase())) fault = 'Iceberg keeps it for itself';
  if (fault === undefined) return;
  throw new ValidationError(`${JSON.stringify(name)} can't be the name of a column: ${fault}.`, {
    hint: 'Choose another name.',
    position: at,
  });
}

/** Checks the names inside of a nested type. @throws ValidationError */
export function checkFieldNames(type: Type, path: string, at?: TextPosition): void {
  const seen = new Map<string, string>();
  for (const field of childFields(type)) {
    if (type.kind === 'struct') {
      checkColumnName(field.name, at);
      const twice = seen.get(field.name.toLowerCase());
      if (twice !== undefined) {
        throw new ValidationError(`The struct "${path}" has the field "${twice}" twice.`, {
          hint: "Choose another name for one of them: SQL doesn't tell upper and lower case apart.",
          position: at,
        });
      }
      seen.set(field.name.toLowerCase(), field.name);
    }
    checkFieldNames(field.type, `${path}.${field.name}`, at);
  }
}

/** @throws UnsupportedError when a type needs a newer format version than the table's */
export function checkTypeVersion(
  type: Type,
  path: string,
  formatVersion: 1 | 2 | 3,
  at?: TextPosition,
): void {
  const needed = minimumFormatVersion(type);
  if (formatVersion >= needed) return;
  throw new UnsupportedError(
    `The column "${path}" can't have the type ${typeToString(type)}: it needs format version ${needed}, and the table has ${formatVersion}.`,
    { hint: upgradeHint(needed), position: at },
  );
}

/** @throws UnsupportedError when the table or the type can't have defaults */
export function checkDefault(type: Type, path: string, formatVersion: 1 | 2 | 3, at?: TextPosition): void {
  if (formatVersion < 3) {
    throw new UnsupportedError(
      `The column "${path}" can't have a default: defaults need format version 3, and the table has ${formatVersion}.`,
      { hint: `${upgradeHint(3)} Or leave the DEFAULT out.`, position: at },
    );
  }
  if (isPrimitive(type) && !['unknown', 'variant', 'geometry', 'geography'].includes(type.kind)) return;
  throw new UnsupportedError(`The column "${path}" of type ${typeToString(type)} can't have a default.`, {
    hint: 'Only columns of simple types can; give the fields of a struct their own defaults.',
    position: at,
  });
}

function upgradeHint(version: number): string {
  return `Give the table the property 'format-version' = '${version}' (ALTER TABLE ... SET TBLPROPERTIES).`;
}

/**
 * Whether a column can identify rows (spec: "Identifier Field IDs"): required like everything it lies in, of a
 * primitive type that compares exactly, and in no list or map.
 * @throws ValidationError
 */
export function checkIdentifier({ field, ancestors, names }: LocatedField, at?: TextPosition): void {
  const refuse = (message: string, hint: string) =>
    new ValidationError(`The column "${names.join('.')}" can't identify rows: ${message}.`, {
      hint,
      position: at,
    });
  if (!isPrimitive(field.type)) {
    throw refuse(`it is a ${field.type.kind}`, 'Use columns of simple types as the key.');
  }
  if (isFloating(field.type)) {
    throw refuse(`${field.type.kind} values don't compare exactly`, 'Use an integer, a decimal or a string.');
  }
  if (ancestors.some(ancestor => ancestor.type.kind !== 'struct')) {
    throw refuse('it is in a list or map', 'Use columns that a row has once as the key.');
  }
  const index = [...ancestors, field].findIndex(part => !part.required);
  if (index < 0) return;
  const optional = names.slice(0, index + 1).join('.');
  throw refuse(
    optional === names.join('.') ? 'it may be null' : `"${optional}" may be null`,
    `Make it required first: ALTER TABLE ... ALTER COLUMN ${optional} SET NOT NULL.`,
  );
}
