import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Lake, openLake } from '../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../src/engine/session.ts';
import type { ChangeResult } from '../../../src/engine/statement-result.ts';
import { RestServer } from '../../catalog/rest/rest-server.ts';
import { Minio } from '../../storage/s3/minio.ts';

/** A catalog and a storage to try faults on. Whoever opens the lake of its folder with its environment works on them. */
export interface Place {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** The default lake: a SQLite file and files in a folder. */
export async function localPlace(): Promise<Place> {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-faults-'));
  return { folder, env: {}, stop: async () => rmSync(folder, { recursive: true, force: true }) };
}

/** A SQLite file, and files in a bucket of MinIO. */
export function minioPlace(): Promise<Place> {
  return onMinio(async warehouse => ({ config: { warehouse }, stop: async () => undefined }));
}

/** Iceberg's own REST catalog server, and files in a bucket of MinIO. */
export function restPlace(): Promise<Place> {
  return onMinio(async (warehouse, minio) => {
    const rest = await RestServer.start(minio);
    const catalog = { type: 'rest', uri: rest.uri(warehouse), warehouse };
    return { config: { catalog }, stop: () => rest.stop() };
  });
}

async function onMinio(
  start: (warehouse: string, minio: Minio) => Promise<{ readonly config: object; stop(): Promise<void> }>,
): Promise<Place> {
  const { folder, stop: removeFolder } = await localPlace();
  const minio = await Minio.start();
  const stopMinio = async () => {
    await minio.stop();
    await removeFolder();
  };
  try {
    const { config, stop } = await start(`s3://${await minio.bucket('faults')}/lake`, minio);
    writeFileSync(path.join(folder, 'lakebook.json'), JSON.stringify(config));
    const env = {
      ...minio.credentials,
      LAKEBOOK_S3_ENDPOINT: minio.endpoint,
      LAKEBOOK_CACHE_DIR: path.join(folder, 'cache'),
    };
    return {
      folder,
      env,
      stop: async () => {
        await stop();
        await stopMinio();
      },
    };
  } catch (error) {
    await stopMinio();
    throw error;
  }
}

/** The lake of a place with a session on it. */
export class OpenLake {
  readonly lake: Lake;
  readonly session: EngineSession;

  private constructor(lake: Lake, session: EngineSession) {
    this.lake = lake;
    this.session = session;
  }

  static async open(folder: string, wrap: (lake: Lake) => Lake = lake => lake): Promise<OpenLake> {
    const lake = wrap(await openLake(folder));
    const session = await EngineSession.open({
      lake,
      workingDirectory: folder,
      threads: 1,
      memoryLimit: '300MB',
    });
    return new OpenLake(lake, session);
  }

  table(name: string) {
    return this.lake.catalog.loadTable({ namespace: this.lake.defaultNamespace, name });
  }

  /** Runs one statement that changes rows. */
  async change(sql: string): Promise<ChangeResult> {
    const [outcome] = await this.session.execute(sql);
    if (outcome?.kind !== 'change') throw new Error(`no change: ${sql}`);
    return outcome;
  }

  /** All rows of a query. */
  async rows(sql: string): Promise<unknown[][]> {
    const [outcome] = await this.session.execute(sql);
    if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
    const { result } = outcome;
    const rows = await result.rows(0, await result.finished());
    await result.close();
    return rows;
  }

  async close(): Promise<void> {
    await this.session.close();
    await this.lake.close();
  }
}
