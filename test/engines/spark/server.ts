import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Minio } from '../../storage/s3/minio.ts';

const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');

/** The Python that has PySpark. */
export const sparkPython = path.join(cache, 'venv', 'bin', 'python');

const jars = [
  'iceberg-spark-runtime-4.1_2.13-1.12.0.jar',
  'iceberg-aws-bundle-1.12.0.jar',
  'sqlite-jdbc-3.54.1.0.jar',
].map(name => path.join(cache, 'jars', name));

/** Settings that give Spark the lake of a SQLite catalog, under the catalog's own name. */
export function sqliteCatalog(name: string, db: string, warehouse: string): Record<string, string> {
  return {
    [`spark.sql.catalog.${name}`]: 'org.apache.iceberg.spark.SparkCatalog',
    [`spark.sql.catalog.${name}.type`]: 'jdbc',
    [`spark.sql.catalog.${name}.uri`]: `jdbc:sqlite:${db}`,
    [`spark.sql.catalog.${name}.jdbc.schema-version`]: 'V1',
    [`spark.sql.catalog.${name}.warehouse`]: `file://${warehouse}`,
    [`spark.sql.catalog.${name}.cache-enabled`]: 'false',
  };
}

/** Settings that give Spark the lake of a REST catalog over MinIO. */
export function restCatalog(
  name: string,
  uri: string,
  warehouse: string,
  minio: Minio,
): Record<string, string> {
  return {
    [`spark.sql.catalog.${name}`]: 'org.apache.iceberg.spark.SparkCatalog',
    [`spark.sql.catalog.${name}.type`]: 'rest',
    [`spark.sql.catalog.${name}.uri`]: uri,
    [`spark.sql.catalog.${name}.warehouse`]: warehouse,
    [`spark.sql.catalog.${name}.cache-enabled`]: 'false',
    [`spark.sql.catalog.${name}.io-impl`]: 'org.apache.iceberg.aws.s3.S3FileIO',
    [`spark.sql.catalog.${name}.s3.endpoint`]: minio.endpoint,
    [`spark.sql.catalog.${name}.s3.path-style-access`]: 'true',
    [`spark.sql.catalog.${name}.s3.access-key-id`]: minio.accessKey,
    [`spark.sql.catalog.${name}.s3.secret-access-key`]: minio.secretKey,
    [`spark.sql.catalog.${name}.client.region`]: 'us-east-1',
  };
}

/** A Spark Connect server in a process of its own. */
export class SparkServer {
  readonly port: number;
  /** Address of Spark's web interface, whose API tells which jobs run. */
  readonly ui: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #isExpectedToEnd = false;

  private constructor(child: ChildProcess, folder: string, port: number, ui: string) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
    this.ui = ui;
  }

  /** @throws when the judges aren't installed, or Spark ends before it listens */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<SparkServer> {
    for (const file of [sparkPython, ...jars]) {
      if (!existsSync(file)) throw new Error(`${file} is missing: run scripts/judges.sh first`);
    }
    const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-spark-'));
    const args = [path.join(import.meta.dirname, 'server.py'), jars.join(':'), JSON.stringify(settings)];
    const child = spawn(sparkPython, args, {
      // Spark makes a folder for its own warehouse where it is started.
      cwd: folder,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PYSPARK_PYTHON: sparkPython, SPARK_LOCAL_IP: '127.0.0.1' },
    });
    // Spark is talkative; its words matter only when it ends too early.
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-20_000);
    });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`Spark ended (${code}) before it listened:\n${log}`);
    });
    const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended]);
    ended.catch(() => undefined);
    const { port, ui } = JSON.parse(String(line[0])) as { port: number; ui: string };
    const server = new SparkServer(child, folder, port, ui);
    child.on('exit', code => {
      if (!server.#isExpectedToEnd) console.error(`Spark ended (${code}):\n${log}`);
    });
    return server;
  }

  get url(): string {
    return `sc://127.0.0.1:${this.port}`;
  }

  /** Ends the process at once, as a crash would. */
  async kill(): Promise<void> {
    this.#isExpectedToEnd = true;
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await exit;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    this.#isExpectedToEnd = true;
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, 'exit');
      this.#child.stdin?.end();
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
      await exit;
      clearTimeout(timer);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
