import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { ValidationError } from '../iceberg/errors.ts';

/** A Python installation or environment. */
export interface Python {
  /** `sys.prefix`. */
  readonly prefix: string;
  /** The folder that its packages are in. */
  readonly packages: string;
  readonly hasPapermill: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const isWindows = process.platform === 'win32';
/** Packages are in the installation, unless papermill itself was installed for the user alone. */
const probe = `
import importlib.util, json, os, site, sys, sysconfig
papermill = importlib.util.find_spec("papermill")
folder = None if papermill is None else os.path.dirname(os.path.dirname(papermill.origin))
packages = folder if folder == site.getusersitepackages() else sysconfig.get_path("purelib")
print(json.dumps({"prefix": sys.prefix, "packages": packages, "hasPapermill": papermill is not None}))
`;

/** Jupyter's folder for a user's own data. @see https://docs.jupyter.org/en/latest/use/jupyter-directories.html */
export function userDataFolder(environment: Environment = process.env): string {
  const { JUPYTER_DATA_DIR, XDG_DATA_HOME, APPDATA } = environment;
  if (JUPYTER_DATA_DIR) return JUPYTER_DATA_DIR;
  if (process.platform === 'darwin') return path.join(homedir(), 'Library', 'Jupyter');
  if (isWindows) return path.join(APPDATA || path.join(homedir(), 'AppData', 'Roaming'), 'jupyter');
  return path.join(XDG_DATA_HOME || path.join(homedir(), '.local', 'share'), 'jupyter');
}

/** Jupyter's data folder of an installation. */
export function prefixDataFolder(prefix: string): string {
  return path.join(prefix, 'share', 'jupyter');
}

/** The Python of an environment's folder; undefined when there is none. */
export function pythonIn(prefix: string): Python | undefined {
  const file = isWindows
    ? [path.join(prefix, 'python.exe'), path.join(prefix, 'Scripts', 'python.exe')]
    : [path.join(prefix, 'bin', 'python3'), path.join(prefix, 'bin', 'python')];
  const found = file.find(candidate => existsSync(candidate));
  return found === undefined ? undefined : ask(found);
}

/** The Python that a shell would run: that of the active environment, else the first on the PATH. */
export function activePython(environment: Environment = process.env): Python | undefined {
  const { VIRTUAL_ENV, CONDA_PREFIX } = environment;
  for (const prefix of [VIRTUAL_ENV, CONDA_PREFIX]) {
    const found = prefix ? pythonIn(prefix) : undefined;
    if (found !== undefined) return found;
  }
  return ask('python3') ?? ask('python');
}

/** @throws ValidationError when there is none */
export function requirePython(environment: Environment = process.env): Python {
  const found = activePython(environment);
  if (found !== undefined) return found;
  throw new ValidationError('There is no Python on the PATH, and no environment is active.', {
    hint: 'Activate the environment that Jupyter is in, or name its folder with --prefix DIR.',
  });
}

function ask(executable: string): Python | undefined {
  // Python imports from the folder that it is started in, which must not be the notebook's.
  const { status, stdout } = spawnSync(executable, ['-c', probe], {
    encoding: 'utf8',
    cwd: path.dirname(process.execPath),
  });
  return status === 0 ? (JSON.parse(stdout) as Python) : undefined;
}
