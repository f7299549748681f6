import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../storage/s3/minio.ts';

/** Where scripts/trino-judge.sh has put Trino, its command line and the address of a Java. */
export function trinoFolder(): string {
  const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');
  const folder = path.join(cache, 'trino-476');
  if (!existsSync(path.join(folder, 'java-home'))) {
    throw new Error(`${folder} is missing: run scripts/trino-judge.sh first.`);
  }
  return folder;
}

export function javaBinary(): string {
  return path.join(readFileSync(path.join(trinoFolder(), 'java-home'), 'utf8').trim(), 'bin', 'java');
}

function hasModule(name: string): boolean {
  return spawnSync(javaBinary(), ['--list-modules'], { encoding: 'utf8' }).stdout.includes(`${name}@`);
}

export interface TrinoServerOptions {
  /** Storage for rows of the spooling protocol; without it rows come in the answers. */
  readonly spooling?: { readonly location: string; readonly s3: Readonly<Record<string, string>> };
  /** Heap, e.g. `2G`. */
  readonly memory?: string;
}

/** A real Trino, coordinator and worker in one, in a temporary folder on a free port of this machine. */
export class TrinoServer {
  readonly uri: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(uri: string, process: ChildProcess, folder: string) {
    this.uri = uri;
    this.#process = process;
    this.#folder = folder;
  }

  static async start(options: TrinoServerOptions = {}): Promise<TrinoServer> {
    const port = await freePort();
    const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-trino-'));
    const uri = `http://127.0.0.1:${port}`;
    writeConfiguration(folder, uri, port, options);
    const server = path.join(trinoFolder(), 'server');
    const { memory = '2G' } = options;
    const child = spawn(
      javaBinary(),
      [
        `-Xmx${memory}`,
        '-XX:+UseG1GC',
        '-XX:+ExitOnOutOfMemoryError',
        '-Dfile.encoding=UTF-8',
        '-Djdk.attach.allowAttachSelf=true',
        '--sun-misc-unsafe-memory-access=allow',
        '--enable-native-access=ALL-UNNAMED',
        // Faster decoding, where the Java has it.
        ...(hasModule('jdk.incubator.vector') ? ['--add-modules=jdk.incubator.vector'] : []),
        `-Dnode.environment=test`,
        `-Dnode.id=${randomUUID()}`,
        `-Dnode.data-dir=${path.join(folder, 'data')}`,
        `-Dconfig=${path.join(folder, 'etc', 'config.properties')}`,
        `-Dlog.levels-file=${path.join(folder, 'etc', 'log.properties')}`,
        '-cp',
        path.join(server, 'lib', '*'),
        'io.trino.server.TrinoServer',
      ],
      { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let log = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', text => {
        log = (log + text).slice(-20_000);
      });
    }
    const started = new TrinoServer(uri, child, folder);
    // A busy machine needs a minute or two.
    for (let tries = 0; ; tries++) {
      if (child.exitCode !== null || tries === 6000) {
        await started.stop();
        throw new Error(`Trino does not start:\n${log}`);
      }
      const ready = await fetch(`${uri}/v1/info`).then(
        async response => response.ok && !((await response.json()) as { starting: boolean }).starting,
        () => false,
      );
      if (ready) return started;
      await delay(100);
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function writeConfiguration(
  folder: string,
  uri: string,
  port: number,
  { spooling }: TrinoServerOptions,
): void {
  const etc = path.join(folder, 'etc');
  mkdirSync(path.join(etc, 'catalog'), { recursive: true });
  const properties = (values: Readonly<Record<string, string>>) =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  writeFileSync(
    path.join(etc, 'config.properties'),
    properties({
      coordinator: 'true',
      'node-scheduler.include-coordinator': 'true',
      'http-server.http.port': String(port),
      'discovery.uri': uri,
      // Tests make catalogs of their own.
      'catalog.management': 'dynamic',
      'catalog.store': 'memory',
      'plugin.dir': path.join(trinoFolder(), 'server', 'plugin'),
      'node.internal-address': '127.0.0.1',
      'web-ui.enabled': 'false',
      ...(spooling === undefined
        ? {}
        : {
            'protocol.spooling.enabled': 'true',
            'protocol.spooling.shared-secret-key': Buffer.alloc(32, 7).toString('base64'),
            'protocol.spooling.retrieval-mode': 'coordinator_proxy',
          }),
    }),
  );
  writeFileSync(path.join(etc, 'log.properties'), 'io.trino=WARN\nio.airlift=WARN\norg=WARN\n');
  if (spooling !== undefined) {
    writeFileSync(
      path.join(etc, 'spooling-manager.properties'),
      properties({
        'spooling-manager.name': 'filesystem',
        'fs.s3.enabled': 'true',
        'fs.location': spooling.location,
        'fs.segment.encryption': 'false',
        ...spooling.s3,
      }),
    );
  }
}
