import { didYouMeanHint } from '../iceberg/did-you-mean.ts';
import { ValidationError } from '../iceberg/errors.ts';
import type { JsonMember, JsonNode } from './json-source.ts';

/** What a setting may be called, and what reads its value. */
export type SettingReaders = Readonly<Record<string, (value: JsonNode, member: JsonMember) => void>>;

/**
 * Hands each member of an object to its reader. `what` is how the object is called in messages.
 * @throws ValidationError with the place of what isn't an object or has no reader
 */
export function readObject(file: string, node: JsonNode, what: string, keys: SettingReaders): void {
  if (node.kind !== 'object') throw fault(file, node, `${what} must be a JSON object, { ... }.`);
  for (const member of node.members) {
    if (!Object.hasOwn(keys, member.key)) throw unknownKey(file, member, what, Object.keys(keys));
    keys[member.key]!(member.value, member);
  }
}

function unknownKey(
  file: string,
  member: JsonMember,
  what: string,
  keys: readonly string[],
): ValidationError {
  const known = keys.filter(key => key !== '$schema');
  return new ValidationError(`${file}: ${what} has no setting "${member.key}".`, {
    file,
    position: member.keyPosition,
    hint: didYouMeanHint(member.key, known) ?? `It can have ${known.join(', ')}.`,
  });
}

export function fault(file: string, node: JsonNode, message: string, hint?: string): ValidationError {
  return new ValidationError(`${file}: ${message}`, { file, position: node.position, hint });
}
