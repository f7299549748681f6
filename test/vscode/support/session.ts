import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { packVsix, root, Server } from './judge.ts';
import { Workbench } from './workbench.ts';

export interface Cell {
  readonly source: string;
  readonly language?: 'sql' | 'lake';
}

export interface SessionOptions {
  readonly trust?: boolean;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Prepares the folder before the editor opens it. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** Starts with an empty folder; else with a copy of samples/. */
  readonly empty?: boolean;
}

/** A code-server with this checkout's extension on a folder of its own, and a browser on it. */
export class Session {
  readonly home: string;
  readonly folder: string;
  readonly server: Server;
  readonly workbench: Workbench;

  private constructor(home: string, folder: string, server: Server, workbench: Workbench) {
    this.home = home;
    this.folder = folder;
    this.server = server;
    this.workbench = workbench;
  }

  static async start(options: SessionOptions = {}): Promise<Session> {
    const vsix = await packVsix();
    const home = await mkdtemp(path.join(tmpdir(), 'lakebook-vscode-'));
    const folder = path.join(home, 'project');
    // A lake that somebody made in samples/ is not part of the samples.
    const filter = (file: string) => path.basename(file) !== '.lakebook';
    if (options.empty) await writeFileIn(folder, 'notes.txt', 'A folder without a lake.\n');
    else await cp(path.join(root, 'samples'), folder, { recursive: true, filter });
    await options.prepare?.(folder);
    const server = await Server.start(vsix, { home, ...options });
    try {
      const workbench = await Workbench.open(server, folder);
      return new Session(home, folder, server, workbench);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.workbench.close();
    await this.server.stop();
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Keeps a picture of what a failed test saw last, named after it. For vitest's `afterEach`. */
  async pictureOfFailure(task: { readonly name: string; readonly result?: { readonly state?: string } }) {
    if (task.result?.state !== 'fail') return;
    await this.workbench.picture(`failed-${task.name.replace(/[^\w]+/g, '-')}`);
  }

  file(...names: string[]): string {
    return path.join(this.folder, ...names);
  }

  read(...names: string[]): string {
    return readFileSync(this.file(...names), 'utf8');
  }

  async write(name: string, content: string): Promise<void> {
    await writeFileIn(this.folder, name, content);
  }

  /** Writes a notebook of code cells. */
  async notebook(name: string, cells: readonly Cell[]): Promise<void> {
    await this.write(name, notebookText(cells));
  }

  /** Process ids of the kernels of this session. */
  kernelPids(): number[] {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .filter(name => {
        try {
          const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
          return command.includes(path.join(this.home, 'extensions')) && command.includes('kernel.mjs');
        } catch {
          // The process has ended meanwhile.
          return false;
        }
      })
      .map(Number);
  }
}

async function writeFileIn(folder: string, name: string, content: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, name), content);
}

export function notebookText(cells: readonly Cell[]): string {
  const json = {
    cells: cells.map(({ source, language = 'sql' }, index) => ({
      cell_type: 'code',
      execution_count: null,
      id: `cell-${index}`,
      metadata: { vscode: { languageId: language } },
      outputs: [],
      source: source.split(/(?<=\n)/),
    })),
    metadata: {
      kernelspec: { display_name: 'Lakebook', language: 'sql', name: 'lakebook' },
      language_info: { name: 'sql' },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
  return `${JSON.stringify(json, undefined, 1)}\n`;
}
