import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { resource } from './resources.ts';

/*
 * JupyterLab opens `.ipynb` files only as notebooks. A prebuilt extension of a few lines tells it that `.lakebook` files are
 * some too: https://jupyterlab.readthedocs.io/en/stable/extension/extension_dev.html#prebuilt-extensions
 */

const name = 'lakebook';

/** Puts the extension into Jupyter's data folder, in place of an earlier one. @throws Error when it can't be written */
export function installLabExtension(data: string, version: string): void {
  const folder = folderOf(data);
  rmSync(folder, { recursive: true, force: true });
  cpSync(resource('labextension'), folder, { recursive: true });
  const manifest = {
    name,
    version,
    description: 'Opens .lakebook files as notebooks',
    license: 'MIT',
    jupyterlab: {
      extension: true,
      _build: { load: 'static/remoteEntry.js', extension: './extension' },
    },
  };
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** Removes the extension, if it is there. */
export function removeLabExtension(data: string): void {
  const folder = folderOf(data);
  if (isOurs(folder)) rmSync(folder, { recursive: true });
}

function isOurs(folder: string): boolean {
  const manifest = path.join(folder, 'package.json');
  return existsSync(manifest) && readFileSync(manifest, 'utf8').includes('Opens .lakebook files');
}

function folderOf(data: string): string {
  return path.join(data, 'labextensions', name);
}
