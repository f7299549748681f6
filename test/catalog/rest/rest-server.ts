import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Minio } from '../../storage/s3/minio.ts';

/** Iceberg's own REST catalog server over MinIO, on a free port of this machine, with any number of catalogs. */
export class RestServer {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, server: ChildProcess, folder: string) {
    this.port = port;
    this.#process = server;
    this.#folder = folder;
  }

  /** @throws when the server isn't installed (scripts/rest-judge.sh), or doesn't start */
  static async start(minio: Minio): Promise<RestServer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-rest-'));
    const settings = {
      'io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
      's3.endpoint': minio.endpoint,
      's3.path-style-access': 'true',
      's3.access-key-id': minio.accessKey,
      's3.secret-access-key': minio.secretKey,
      'client.region': 'us-east-1',
    };
    const server = spawn(
      'java',
      [
        '-Xmx512m',
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
        '-cp',
        classPath(),
        'RestServers',
        folder,
        ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
      ],
      // The server ends with its standard input, however this process ends.
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    let errors = '';
    server.stderr!.setEncoding('utf8').on('data', text => {
      errors = (errors + text).slice(-4000);
    });
    const port = await Promise.race([
      once(createInterface({ input: server.stdout! }), 'line').then(([line]) => Number(line)),
      once(server, 'exit').then(() => Number.NaN),
      once(server, 'error').then(([error]) => Promise.reject(error)),
    ]);
    if (Number.isNaN(port)) throw new Error(`Iceberg's REST server does not start: ${errors}`);
    return new RestServer(port, server, folder);
  }

  /** Address of the catalog whose tables are made below a warehouse's address. */
  uri(warehouse: string): string {
    return catalogUri(this.port, warehouse);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** As `RestServer.uri`, for processes that didn't start the server. */
export function catalogUri(port: number | string, warehouse: string): string {
  return `http://127.0.0.1:${port}/${Buffer.from(warehouse).toString('base64url')}`;
}

function classPath(): string {
  const root = path.join(import.meta.dirname, '..', '..', '..');
  const pom = readFileSync(path.join(root, 'scripts', 'rest-judge', 'pom.xml'), 'utf8');
  const version = /<iceberg>(.*)<\/iceberg>/.exec(pom)![1]!;
  const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');
  const folder = path.join(cache, `rest-${version}`);
  if (!existsSync(folder)) throw new Error(`${folder} is missing: run scripts/rest-judge.sh first.`);
  return [path.join(folder, 'classes'), path.join(folder, 'jars', '*')].join(path.delimiter);
}
