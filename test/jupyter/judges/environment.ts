import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';

/** Installed by scripts/jupyter-judge.sh. */
export const judge = path.join(
  process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci'),
  'jupyter-venv',
);
export const root = path.resolve(import.meta.dirname, '../../..');
const lakebook = path.join(root, 'src', 'cli', 'main.ts');

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

/**
 * A Python environment of the tests' own, in which the judge's packages can be imported. What is installed into it
 * leaves the judge as it was.
 */
export class JupyterEnvironment {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'lakebook-jupyter-'));
  readonly prefix = path.join(this.folder, 'env');
  readonly python = path.join(this.prefix, 'bin', 'python');
  #folders = 0;

  constructor() {
    const python = path.join(judge, 'bin', 'python');
    if (!existsSync(python)) throw new Error(`${python} is missing: run scripts/jupyter-judge.sh first`);
    const { status, stderr } = spawnSync(python, ['-m', 'venv', '--without-pip', this.prefix], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`no environment could be made: ${stderr}`);
    mkdirSync(path.join(this.folder, 'home'));
    writeFileSync(path.join(this.packages, 'judge.pth'), `${packagesOf(judge)}\n`);
  }

  /** The folder of the environment's own packages. */
  get packages(): string {
    return packagesOf(this.prefix);
  }

  /** A new folder, with a lake of its own. */
  work(): string {
    const folder = path.join(this.folder, `work-${++this.#folders}`);
    mkdirSync(folder);
    return folder;
  }

  /** Runs Python with the environment's kernels. */
  runPython(args: readonly string[], cwd: string): Promise<Ran> {
    return this.#run(this.python, args, cwd);
  }

  /** Starts Python with the environment's kernels; whoever calls it ends it. */
  startPython(args: readonly string[], cwd: string): ChildProcess {
    return spawn(this.python, args, { cwd, env: this.#environment(), stdio: ['ignore', 'ignore', 'pipe'] });
  }

  runLakebook(args: readonly string[], cwd = this.folder): Promise<Ran> {
    return this.#run(process.execPath, [lakebook, ...args], cwd);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #environment(): NodeJS.ProcessEnv {
    const home = path.join(this.folder, 'home');
    return {
      ...process.env,
      HOME: home,
      VIRTUAL_ENV: this.prefix,
      JUPYTER_DATA_DIR: path.join(home, 'jupyter'),
      // nbconvert's templates.
      JUPYTER_PATH: path.join(judge, 'share', 'jupyter'),
      JUPYTER_CONFIG_DIR: path.join(home, 'config'),
      JUPYTER_RUNTIME_DIR: path.join(home, 'runtime'),
      LAKEBOOK_MEMORY_LIMIT: '1GB',
    };
  }

  #run(command: string, args: readonly string[], cwd: string): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        cwd,
        env: this.#environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', text => (output += text));
      }
      child.once('error', reject);
      // Not `close`: a kernel that a failed test left behind would hold the output open.
      child.once('exit', code => setImmediate(() => resolve({ code, output })));
    });
  }
}

function packagesOf(prefix: string): string {
  const lib = path.join(prefix, 'lib');
  const version = readdirSync(lib).find(name => name.startsWith('python3'));
  return path.join(lib, version!, 'site-packages');
}
