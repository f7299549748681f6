import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

export interface MinioOptions {
  /** A folder with `public.crt` and `private.key`: the server speaks TLS then. */
  readonly certificates?: string;
  /** More variables of the server's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A real MinIO server in a temporary folder, on a free port of this machine. */
export class Minio {
  readonly accessKey = `key-${randomUUID().slice(0, 8)}`;
  readonly secretKey = `secret-${randomUUID()}`;
  readonly port: number;
  readonly #folder: string;
  readonly #options: MinioOptions;
  #server: ChildProcess | undefined;

  private constructor(port: number, folder: string, options: MinioOptions) {
    this.port = port;
    this.#folder = folder;
    this.#options = options;
  }

  static async start(options: MinioOptions = {}): Promise<Minio> {
    const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-minio-'));
    const minio = new Minio(await freePort(), folder, options);
    await minio.up();
    return minio;
  }

  get endpoint(): string {
    return `${this.#options.certificates === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}`;
  }

  /** What a process needs in its environment to sign requests. */
  get credentials(): { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string } {
    return { AWS_ACCESS_KEY_ID: this.accessKey, AWS_SECRET_ACCESS_KEY: this.secretKey };
  }

  client(): S3Client {
    return new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: this.accessKey, secretAccessKey: this.secretKey },
    });
  }

  /** Makes a bucket of a fresh name. */
  async bucket(prefix = 'test'): Promise<string> {
    const name = `${prefix}-${randomUUID().slice(0, 13)}`;
    const client = this.client();
    await client.send(new CreateBucketCommand({ Bucket: name }));
    client.destroy();
    return name;
  }

  /** Starts the server on the port and the data it had before. */
  async up(): Promise<void> {
    const { certificates, environment } = this.#options;
    const server = spawn(
      minioBinary(),
      [
        'server',
        path.join(this.#folder, 'data'),
        '--address',
        `127.0.0.1:${this.port}`,
        '--quiet',
        ...(certificates === undefined ? [] : ['--certs-dir', certificates]),
      ],
      {
        env: {
          ...process.env,
          ...environment,
          MINIO_ROOT_USER: this.accessKey,
          MINIO_ROOT_PASSWORD: this.secretKey,
          MINIO_BROWSER: 'off',
          MINIO_UPDATE: 'off',
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    this.#server = server;
    let errors = '';
    server.stderr!.setEncoding('utf8').on('data', text => {
      errors = (errors + text).slice(-2000);
    });
    for (let tries = 0; ; tries++) {
      if (server.exitCode !== null || tries === 600) throw new Error(`MinIO does not start: ${errors}`);
      if (await isReady(`${this.endpoint}/minio/health/ready`)) return;
      await delay(50);
    }
  }

  /** Ends the server at once, as a crash would. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Whatever the server's certificate is. */
function isReady(url: string): Promise<boolean> {
  return new Promise(resolve => {
    const get = url.startsWith('https:') ? https.get : http.get;
    get(url, { rejectUnauthorized: false }, answer => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).on('error', () => resolve(false));
  });
}

export function minioBinary(): string {
  const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');
  const file = path.join(cache, 'bin', 'minio');
  if (!existsSync(file)) throw new Error(`${file} is missing: run scripts/minio-judge.sh first.`);
  return file;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
