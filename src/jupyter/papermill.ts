import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { resource } from './resources.ts';

/*
 * Papermill writes a cell of parameters only for languages that it knows. It learns ours from a small Python package,
 * which is put among an environment's packages as an installer would: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
 */

const module = 'lakebook_papermill';

/** Installs the package, in place of an earlier one. @throws Error when the folder can't be written */
export function installTranslator(packages: string, version: string): void {
  removeTranslator(packages);
  const info = `${module}-${version}.dist-info`;
  const files = {
    [`${module}.py`]: readFileSync(resource('lakebook_papermill.py')),
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: lakebook-papermill\nVersion: ${version}\nSummary: Parameters of Lakebook notebooks for papermill\nLicense: MIT\n`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: lakebook\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/INSTALLER`]: 'lakebook\n',
    [`${info}/entry_points.txt`]: `[papermill.engine]\nlakebook = ${module}:engine\n`,
  };
  const record = Object.entries(files).map(([name, content]) => {
    const hash = createHash('sha256').update(content).digest('base64url');
    return `${name},sha256=${hash},${Buffer.byteLength(content)}`;
  });
  mkdirSync(path.join(packages, info), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(packages, name), content);
  writeFileSync(path.join(packages, info, 'RECORD'), [...record, `${info}/RECORD,,`, ''].join('\n'));
}

/** Removes the package. @returns whether it was there */
export function removeTranslator(packages: string): boolean {
  if (!existsSync(packages)) return false;
  const names = readdirSync(packages).filter(
    name => name === `${module}.py` || (name.startsWith(`${module}-`) && name.endsWith('.dist-info')),
  );
  for (const name of names) rmSync(path.join(packages, name), { recursive: true });
  return names.length > 0;
}
