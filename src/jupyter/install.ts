import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { AlreadyExistsError, LakebookError, NotFoundError, ValidationError } from '../iceberg/errors.ts';
import { installLabExtension, removeLabExtension } from './labextension.ts';
import { installTranslator, removeTranslator } from './papermill.ts';
import {
  activePython,
  type Python,
  prefixDataFolder,
  pythonIn,
  requirePython,
  userDataFolder,
} from './places.ts';
import { resource } from './resources.ts';
import { hasCurve } from './sockets.ts';

/** Where a kernel is installed: for the user, in a folder, or in the active Python environment. */
export type InstallPlace =
  | { readonly kind: 'user' }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'sys-prefix' };

export interface InstallOptions {
  readonly place: InstallPlace;
  /** The kernel's name, which notebooks know it by. */
  readonly name: string;
  /** The command that starts Lakebook's command line: program and script. */
  readonly command: readonly string[];
  readonly version: string;
}

export interface Installed {
  /** The kernel's folder. */
  readonly folder: string;
  /** The folder of Python packages that papermill's translator is in. */
  readonly translator?: string;
  /** Why papermill's translator is not there. */
  readonly note?: string;
}

/**
 * Registers the kernel with Jupyter, and `.lakebook` files with JupyterLab; where there is a Python beside it, also the
 * translator for papermill's parameters.
 * @throws LakebookError when the name is taken by another kernel, or a folder can't be written
 */
export async function installKernel(options: InstallOptions): Promise<Installed> {
  const { name, command, version } = options;
  checkName(name);
  const { data, folder, python } = resolvePlace(options);
  refuseOther(folder, name);
  const spec = {
    argv: [...command, 'jupyter', 'kernel', '-f', '{connection_file}'],
    display_name: name === 'lakebook' ? 'Lakebook' : `Lakebook (${name})`,
    language: 'sql',
    interrupt_mode: 'message',
    metadata: {
      debugger: false,
      lakebook: version,
      ...((await hasCurve()) ? { supported_encryption: 'curve' } : {}),
    },
  };
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'kernel.json'), `${JSON.stringify(spec, undefined, 2)}\n`);
    copyFileSync(resource('logo-64x64.png'), path.join(folder, 'logo-64x64.png'));
    installLabExtension(data, version);
  } catch (error) {
    throw new LakebookError(
      'JUPYTER_INSTALL',
      `The kernel can't be written to ${folder}: ${(error as Error).message}`,
      { hint: 'Choose another place with --user, --prefix DIR or --sys-prefix.', cause: error },
    );
  }
  return { folder, ...translate(python, version) };
}

/** Removes the kernel, and with the last one what came with it. @throws NotFoundError when no kernel of that name is there */
export function uninstallKernel(options: Pick<InstallOptions, 'place' | 'name'>): Installed {
  const { name } = options;
  checkName(name);
  const { data, folder, python } = resolvePlace(options);
  if (readSpec(folder) === undefined) {
    throw new NotFoundError('kernel', `There is no kernel ${name} in ${path.dirname(folder)}.`, {
      hint: '`jupyter kernelspec list` shows where kernels are; say --user, --prefix DIR or --sys-prefix.',
    });
  }
  refuseOther(folder, name);
  rmSync(folder, { recursive: true });
  if (hasKernels(data)) return { folder };
  removeLabExtension(data);
  // Kernels of the environment itself need the translator too.
  const isUsed = python !== undefined && hasKernels(prefixDataFolder(python.prefix));
  const had = python !== undefined && !isUsed && removeTranslator(python.packages);
  return { folder, ...(had ? { translator: python.packages } : {}) };
}

function checkName(name: string): void {
  if (/^[A-Za-z0-9._-]+$/.test(name) && !/^\.+$/.test(name)) return;
  throw new ValidationError(`A kernel can't be named "${name}".`, {
    hint: 'Use letters, digits, dots, hyphens and underscores.',
  });
}

function resolvePlace({ place, name }: Pick<InstallOptions, 'place' | 'name'>): {
  data: string;
  folder: string;
  python?: Python;
} {
  const at = (data: string) => ({ data, folder: path.join(data, 'kernels', name.toLowerCase()) });
  switch (place.kind) {
    case 'user': {
      // A user's kernels are for all of the user's environments; papermill is in one of them.
      const active = activePython();
      return { ...at(userDataFolder()), ...(active?.hasPapermill ? { python: active } : {}) };
    }
    case 'prefix': {
      const prefix = path.resolve(place.prefix);
      return { ...at(prefixDataFolder(prefix)), python: pythonIn(prefix) };
    }
    case 'sys-prefix': {
      const python = requirePython();
      return { ...at(prefixDataFolder(python.prefix)), python };
    }
  }
}

/** Whether a place has kernels of Lakebook, under whatever name. */
function hasKernels(data: string): boolean {
  const kernels = path.join(data, 'kernels');
  return (
    existsSync(kernels) &&
    readdirSync(kernels).some(name => readSpec(path.join(kernels, name))?.metadata?.lakebook !== undefined)
  );
}

type Spec = { readonly metadata?: { readonly lakebook?: unknown } };

function readSpec(folder: string): Spec | undefined {
  const file = path.join(folder, 'kernel.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Spec;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // Somebody's kernel, whatever is wrong with it.
    return {};
  }
}

function refuseOther(folder: string, name: string): void {
  const spec = readSpec(folder);
  if (spec === undefined || spec.metadata?.lakebook !== undefined) return;
  throw new AlreadyExistsError('kernel', `${folder} is a kernel of another program.`, {
    hint: `Choose another name: --name my-${name}.`,
  });
}

function translate(python: Python | undefined, version: string): Pick<Installed, 'translator' | 'note'> {
  const otherwise =
    "Papermill's parameters need a translator in its environment: run `lakebook jupyter install --prefix DIR` with the environment's folder, or call papermill with `--language python`.";
  if (python === undefined) return { note: otherwise };
  try {
    installTranslator(python.packages, version);
    return { translator: python.packages };
  } catch (error) {
    return { note: `${python.packages} can't be written: ${(error as Error).message}. ${otherwise}` };
  }
}
