import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const version = '4.139.1';
const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');
const judge = path.join(cache, `code-server-${version}`, 'node_modules');
const node = path.join(judge, 'node', 'bin', 'node');
const entry = path.join(judge, 'code-server', 'out', 'node', 'entry.js');

/** @throws when code-server isn't installed: these tests are never skipped silently */
function requireJudge(): void {
  if (!existsSync(entry))
    throw new Error('code-server is not installed: run `bash scripts/vscode-judge.sh`.');
}

/** This checkout as a VSIX; packed unless LAKEBOOK_VSIX names one. */
export async function packVsix(): Promise<string> {
  const given = process.env.LAKEBOOK_VSIX;
  if (given) return path.resolve(given);
  const target = `${process.platform}-${process.arch}`;
  const packed = spawnSync(process.execPath, ['scripts/package.mjs', target], {
    cwd: root,
    encoding: 'utf8',
  });
  if (packed.status !== 0) throw new Error(`The VSIX can't be packed:\n${packed.stdout}\n${packed.stderr}`);
  const folder = path.join(root, '.artifacts', 'vsix');
  const file = (await readdir(folder)).find(name => name.startsWith(`lakebook-${target}-`));
  return path.join(folder, file!);
}

export interface ServerOptions {
  /** Keeps the user's data and extensions. */
  readonly home: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Workspace trust as on a desktop: folders begin untrusted. */
  readonly trust?: boolean;
}

/** A running code-server: VS Code's workbench and extension host, in a browser. */
export class Server {
  readonly #process: ChildProcess;
  readonly origin: string;

  private constructor(process: ChildProcess, origin: string) {
    this.#process = process;
    this.origin = origin;
  }

  /** Installs the extension and starts the server. */
  static async start(vsix: string, options: ServerOptions): Promise<Server> {
    requireJudge();
    const { home } = options;
    const places = [
      '--user-data-dir',
      path.join(home, 'user'),
      '--extensions-dir',
      path.join(home, 'extensions'),
    ];
    await mkdir(path.join(home, 'user', 'User'), { recursive: true });
    const settings = { ...quiet, ...options.settings };
    await writeFile(path.join(home, 'user', 'User', 'settings.json'), JSON.stringify(settings, undefined, 2));
    const installed = spawnSync(node, [entry, ...places, '--install-extension', vsix], {
      encoding: 'utf8',
      env: environment(home),
    });
    if (installed.status !== 0) throw new Error(`${installed.stdout}\n${installed.stderr}`);
    const port = await freePort();
    const trust = options.trust ? [] : ['--disable-workspace-trust'];
    const child = spawn(
      node,
      [
        entry,
        ...['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`],
        ...['--disable-telemetry', '--disable-update-check', ...trust],
        ...places,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: environment(home), detached: true },
    );
    const server = new Server(child, `http://127.0.0.1:${port}`);
    await server.#ready();
    return server;
  }

  async #ready(): Promise<void> {
    let output = '';
    this.#process.stdout!.setEncoding('utf8').on('data', text => (output += text));
    this.#process.stderr!.setEncoding('utf8').on('data', text => (output += text));
    for (let tries = 0; tries < 1200; tries++) {
      if (this.#process.exitCode !== null) throw new Error(`code-server ended:\n${output}`);
      const answer = await fetch(`${this.origin}/healthz`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    throw new Error(`code-server does not answer:\n${output}`);
  }

  /** Ends the server with everything it started. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const gone = new Promise(resolve => this.#process.once('exit', resolve));
    try {
      process.kill(-this.#process.pid!, 'SIGTERM');
    } catch {
      this.#process.kill('SIGTERM');
    }
    const timer = setTimeout(() => {
      try {
        process.kill(-this.#process.pid!, 'SIGKILL');
      } catch {
        this.#process.kill('SIGKILL');
      }
    }, 5000);
    await gone;
    clearTimeout(timer);
  }
}

/** Nothing of the editor's own that gets into the pictures or moves things while a test clicks. */
const quiet = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'chat.commandCenter.enabled': false,
  'extensions.ignoreRecommendations': true,
  'extensions.autoCheckUpdates': false,
  'telemetry.telemetryLevel': 'off',
  'window.commandCenter': false,
  'security.workspace.trust.startupPrompt': 'never',
  'security.workspace.trust.banner': 'never',
  'files.hotExit': 'off',
  // Saving is part of what is tested.
  'files.autoSave': 'off',
  'git.enabled': false,
  // Else a message about each port of a process appears over what a test clicks.
  'remote.autoForwardPorts': false,
  'notebook.confirmDeleteRunningCell': false,
};

/** Without what VS Code of the machine that runs the tests would put in. */
function environment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE|LAKEBOOK|NODE_OPTIONS|VITEST)/.test(name),
  );
  return { ...Object.fromEntries(kept), XDG_DATA_HOME: path.join(home, 'data'), HOME: home };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
