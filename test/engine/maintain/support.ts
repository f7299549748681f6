import { readdirSync } from 'node:fs';
import path from 'node:path';
import { localPath } from '../support.ts';

/** Every file below a lake's warehouse, sorted; relative names. */
export function onDisk(warehouse: string): string[] {
  const root = localPath(warehouse);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}
