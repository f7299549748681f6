import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { type LakeConfig, loadLakeConfig } from '../catalog/lake-config.ts';
import { LakebookError, ValidationError } from '../iceberg/errors.ts';
import { parseArguments, textOption, UsageError } from './arguments.ts';

const defaultEndpoint = 'http://127.0.0.1:9000';
const defaultBucket = 'warehouse';
/** How long a server may take to start, in milliseconds. */
const startLimitMs = 90_000;

/** Where MinIO is, and what it's started with. */
interface Plan {
  readonly root: string;
  readonly endpoint: string;
  readonly bucket: string;
  /** Folder with a docker-compose.yml. */
  readonly composeFolder: string | undefined;
}

/**
 * `lakebook setup`: sees to it that an S3 server is running (MinIO in Docker, else a `minio` on the PATH), that the
 * keys are right and that the bucket is there. What is there already is left alone.
 */
export async function setupCommand(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, {
    lake: { type: 'string' },
    endpoint: { type: 'string' },
    bucket: { type: 'string' },
  });
  if (parsed.positionals.length > 0)
    throw new UsageError('setup takes no arguments.', 'Did you mean --lake DIR?');
  const folder = path.resolve(textOption(parsed, 'lake') ?? '.');
  const composeFolder = findCompose(folder);
  readDotEnv(composeFolder ?? folder);
  const config = await loadLakeConfig(folder);
  const plan: Plan = {
    root: config.root,
    endpoint: (textOption(parsed, 'endpoint') ?? config.storage.s3.endpoint ?? defaultEndpoint).replace(
      /\/+$/,
      '',
    ),
    bucket: textOption(parsed, 'bucket') ?? bucketOf(config) ?? process.env.LAKEBOOK_BUCKET ?? defaultBucket,
    composeFolder,
  };
  requireKeys(plan, config);
  await startServer(plan);
  const { ensureBucket } = await import('../storage/s3/bucket.ts');
  const made = await ensureBucket({ ...config.storage.s3, endpoint: plan.endpoint }, plan.bucket);
  say(`The bucket ${plan.bucket} ${made ? 'was made' : 'is there'}; the keys are right.`);
  if (bucketOf(config) === undefined) say(nextSteps(plan, config));
  return 0;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function bucketOf({ warehouse }: LakeConfig): string | undefined {
  return /^s3:\/\/([^/]+)/.exec(warehouse)?.[1];
}

/** The folder with the compose file: where the lake is, or Lakebook itself. */
function findCompose(folder: string): string | undefined {
  const own = ['..', '../..'].map(up => fileURLToPath(new URL(up, import.meta.url)));
  return [folder, ...own].find(candidate => existsSync(path.join(candidate, 'docker-compose.yml')));
}

/** Takes what .env says and the environment doesn't. */
function readDotEnv(folder: string): void {
  const file = path.join(folder, '.env');
  if (!existsSync(file)) return;
  for (const [name, value] of Object.entries(parseEnv(readFileSync(file, 'utf8'))))
    process.env[name] ??= value;
}

function requireKeys({ composeFolder }: Plan, { storage }: LakeConfig): void {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE } = process.env;
  if ((AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY) || AWS_PROFILE || storage.s3.profile) return;
  const sample = composeFolder === undefined ? undefined : path.join(composeFolder, '.env.sample');
  throw new ValidationError('The keys of the server are not known.', {
    hint:
      sample !== undefined && existsSync(sample)
        ? `Copy ${sample} to .env beside it and choose a secret, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`
        : 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; a new MinIO takes them as its own.',
  });
}

async function startServer(plan: Plan): Promise<void> {
  const { endpoint, composeFolder } = plan;
  if (await answers(endpoint)) {
    say(`${endpoint} answers.`);
    return;
  }
  const { hostname } = new URL(endpoint);
  if (!['localhost', '127.0.0.1', '[::1]'].includes(hostname)) {
    throw new LakebookError('S3_UNREACHABLE', `No server answers at ${endpoint}.`, {
      hint: 'Start it there: only a server of this machine can be started from here.',
    });
  }
  if (composeFolder !== undefined && works('docker', ['compose', 'version']) && works('docker', ['info'])) {
    say('Starting MinIO in Docker...');
    const { status } = spawnSync('docker', ['compose', 'up', '--detach'], {
      cwd: composeFolder,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (status !== 0) {
      throw new LakebookError('MINIO_START', 'Docker could not start MinIO.', {
        hint: `Its output is above. \`docker compose logs minio\` in ${composeFolder} shows the server's own.`,
      });
    }
  } else if (works('minio', ['--version'])) startBinary(plan);
  else {
    throw new LakebookError(
      'MINIO_START',
      `No server answers at ${endpoint}, and there is nothing to start one with.`,
      {
        hint: 'Install Docker, or put a minio binary on the PATH (https://min.io/download).',
      },
    );
  }
  await untilReady(endpoint);
}

function works(command: string, args: readonly string[]): boolean {
  return spawnSync(command, [...args], { stdio: 'ignore' }).status === 0;
}

function startBinary({ root, endpoint }: Plan): void {
  const data = path.join(root, '.lakebook', 'minio');
  mkdirSync(data, { recursive: true });
  const { host } = new URL(endpoint);
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
  say(`Starting minio with its data in ${data}...`);
  const server = spawn('minio', ['server', data, '--address', host, '--quiet'], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, MINIO_ROOT_USER: AWS_ACCESS_KEY_ID, MINIO_ROOT_PASSWORD: AWS_SECRET_ACCESS_KEY },
  });
  server.unref();
  say(`It runs as process ${server.pid} until it is ended.`);
}

async function untilReady(endpoint: string): Promise<void> {
  const start = performance.now();
  while (!(await answers(endpoint))) {
    if (performance.now() - start > startLimitMs) {
      throw new LakebookError('MINIO_START', `MinIO was started, but does not answer at ${endpoint}.`, {
        hint: 'Look whether another program has that port, and whether the secret has 8 characters or more.',
      });
    }
    await delay(250);
  }
  say(`${endpoint} answers.`);
}

/** Whether a server is there and ready; one that isn't MinIO has no health page, and answers something else. */
async function answers(endpoint: string): Promise<boolean> {
  try {
    const { status } = await fetch(`${endpoint}/minio/health/ready`, { signal: AbortSignal.timeout(5000) });
    return status !== 503;
  } catch {
    // Nothing is there yet.
    return false;
  }
}

function nextSteps({ endpoint, bucket }: Plan, { root, warehouse }: LakeConfig): string {
  const sample = { warehouse: `s3://${bucket}/lake`, storage: { s3: { endpoint } } };
  return [
    '',
    `The lake of ${root} is in ${warehouse}. To have it there, write this into lakebook.json:`,
    JSON.stringify(sample, undefined, 2),
    'and start VS Code, or `lakebook`, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set.',
  ].join('\n');
}
