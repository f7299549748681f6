import { existsSync } from 'node:fs';
import path from 'node:path';

/** A file or folder that is installed beside the kernel; in a build the folder stands beside the bundle. */
export function resource(name: 'logo-64x64.png' | 'lakebook_papermill.py' | 'labextension'): string {
  const built = path.join(import.meta.dirname, 'jupyter', name);
  return existsSync(built) ? built : path.join(import.meta.dirname, 'resources', name);
}
