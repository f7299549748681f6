import { constants } from 'node:fs';
import { access, mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { configVariables, type LakeConfig, loadLakeConfig } from '../catalog/lake-config.ts';
import { type Lake, openLake } from '../catalog/open-lake.ts';
import { Engines, engineNames, openEngine } from '../engine/remote/engines.ts';
import { InterruptedError, ValidationError } from '../iceberg/errors.ts';
import { toErrorInfo } from '../notebook/error-info.ts';
import { KernelClient } from '../notebook/kernel-client.ts';
import { isLocal, toLocalPath } from '../storage/paths.ts';
import { choiceOption, parseArguments, textOption, UsageError } from './arguments.ts';
import { bytesText } from './bytes.ts';
import { checkRestCatalog } from './doctor-rest.ts';

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** How long an engine on another machine may take to answer, in milliseconds. */
const enginePatienceMs = 60_000;

const minNodeMajor = 22;
/** Less free space than this is worth a warning, in bytes. */
const littleSpace = 1e9;

/** `lakebook doctor`: checks everything that a lake needs. @returns 1 when something fails */
export async function doctorCommand(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, { format: { type: 'string' }, lake: { type: 'string' } });
  if (parsed.positionals.length > 0)
    throw new UsageError('doctor takes no arguments.', 'Did you mean --lake DIR?');
  const format = choiceOption(parsed, 'format', ['text', 'json'] as const, 'text');
  const folder = path.resolve(textOption(parsed, 'lake') ?? '.');
  const checks: Check[] = [];
  const add = (found: Check | readonly Check[]) => {
    const all = Array.isArray(found) ? (found as readonly Check[]) : [found as Check];
    checks.push(...all);
    if (format === 'text') for (const check of all) process.stdout.write(checkText(check));
  };
  add(checkNode());
  const config = await readConfig(folder, add);
  if (config !== undefined) {
    if (config.catalog.type === 'rest') add(await checkRestCatalog(config));
    else {
      add(await checkCatalogFile(config));
      add(await checkWarehouse(config));
    }
  }
  add(await checkTemporary());
  add(await checkKernel(folder, config));
  if (config !== undefined) add(await checkEngines(config));
  const failed = checks.filter(check => check.state === 'failed').length;
  if (format === 'json')
    process.stdout.write(`${JSON.stringify({ ok: failed === 0, checks }, undefined, 2)}\n`);
  else
    process.stdout.write(
      failed === 0 ? '\nEverything needed is there.\n' : `\n${failed} of ${checks.length} checks failed.\n`,
    );
  return failed === 0 ? 0 : 1;
}

function checkText({ name, state, found, advice }: Check): string {
  const mark = { ok: 'ok  ', warning: 'warn', failed: 'FAIL' }[state];
  return `${mark}  ${name.padEnd(10)}  ${found}\n${advice === undefined ? '' : `${' '.repeat(18)}${advice}\n`}`;
}

function failure(name: string, error: unknown, advice?: string): Check {
  const info = toErrorInfo(error);
  return { name, state: 'failed', found: info.message, advice: info.hint ?? advice };
}

function checkNode(): Check {
  const name = 'Node';
  const found = `${process.version} (${process.platform} ${process.arch})`;
  if (Number(process.versions.node.split('.')[0]) >= minNodeMajor) return { name, state: 'ok', found };
  return {
    name,
    state: 'failed',
    found,
    advice: `Install Node ${minNodeMajor} or newer from https://nodejs.org.`,
  };
}

async function readConfig(folder: string, add: (check: Check) => void): Promise<LakeConfig | undefined> {
  const name = 'Lake';
  try {
    const config = await loadLakeConfig(folder);
    const overridden = Object.values(configVariables).filter(variable => process.env[variable]);
    const source = config.file ?? `the default lake of ${config.root}`;
    add({
      name,
      state: 'ok',
      found: source + (overridden.length > 0 ? `, with ${overridden.join(', ')}` : ''),
    });
    return config;
  } catch (error) {
    const { position, file } = toErrorInfo(error);
    const check = failure(name, error, 'Mend lakebook.json, or remove it to use the default lake.');
    const place = file === undefined || position === undefined ? '' : ` (${file}, line ${position.line})`;
    add({ ...check, found: check.found + place });
    return undefined;
  }
}

async function checkCatalogFile({ catalog }: LakeConfig): Promise<Check> {
  const name = 'Catalog';
  const file = catalog.uri;
  try {
    const found = await stat(file).catch(() => undefined);
    if (found === undefined) {
      const parent = await nearestFolder(path.dirname(file));
      await access(parent, constants.W_OK);
      return { name, state: 'ok', found: `${file} will be made on first use` };
    }
    await access(file, constants.R_OK | constants.W_OK);
    await access(path.dirname(file), constants.W_OK);
    return { name, state: 'ok', found: `${file}, ${bytesText(found.size)}` };
  } catch (error) {
    return failure(
      name,
      error,
      `Make ${file} and its folder writable for you, or set catalog.uri to another place.`,
    );
  }
}

async function checkWarehouse(config: LakeConfig): Promise<Check> {
  const { warehouse } = config;
  const name = 'Warehouse';
  if (!isLocal(warehouse)) return checkRemoteWarehouse(config);
  const folder = toLocalPath(warehouse);
  try {
    const existing = await nearestFolder(folder);
    await tryWriting(existing);
    const { bavail, bsize } = await statfs(existing);
    const free = bavail * bsize;
    const found = `${folder}${existing === folder ? '' : ' will be made on first use'}, ${bytesText(free)} free`;
    if (free >= littleSpace) return { name, state: 'ok', found };
    return { name, state: 'warning', found, advice: 'Free some space, or set `warehouse` to a larger disk.' };
  } catch (error) {
    return failure(name, error, `Make ${folder} writable for you, or set \`warehouse\` to another folder.`);
  }
}

/** Asks for the first file, which needs the server, the bucket and the right to list it. */
async function checkRemoteWarehouse(config: LakeConfig): Promise<Check> {
  const name = 'Warehouse';
  const { warehouse, storage } = config;
  let lake: Lake | undefined;
  try {
    lake = await openLake(config);
    await lake.storage.list(warehouse)[Symbol.asyncIterator]().next();
    const { endpoint } = storage.s3;
    return { name, state: 'ok', found: warehouse + (endpoint === undefined ? '' : ` at ${endpoint}`) };
  } catch (error) {
    return failure(name, error);
  } finally {
    await lake?.close();
  }
}

async function checkTemporary(): Promise<Check> {
  const name = 'Temporary';
  const folder = tmpdir();
  try {
    await tryWriting(folder);
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const found = `${folder}, ${bytesText(free)} free`;
    if (free >= littleSpace) return { name, state: 'ok', found };
    return {
      name,
      state: 'warning',
      found,
      advice: 'Large sorts and joins go there: set TMPDIR to a larger disk.',
    };
  } catch (error) {
    return failure(name, error, 'Set TMPDIR to a folder that you can write to.');
  }
}

/** Starts a kernel, which loads the native modules, and asks the catalog for its tables. */
async function checkKernel(folder: string, config: LakeConfig | undefined): Promise<Check[]> {
  // Looking at a lake that isn't there yet would make it, so then the engine is tried on one that goes away again.
  const exists = config !== undefined && (await lakeExists(config));
  const temporary = exists ? undefined : await mkdtemp(path.join(tmpdir(), 'lakebook-doctor-'));
  const env = exists ? {} : Object.fromEntries(Object.values(configVariables).map(name => [name, undefined]));
  let kernel: KernelClient | undefined;
  try {
    kernel = await KernelClient.start({ env });
    await kernel.request('open', { folder: temporary ?? folder });
    const { engine, memoryLimit, threads } = await kernel.request('status', {});
    const found = `${engine}, ${memoryLimit} memory, ${threads} threads`;
    const checks: Check[] = [{ name: 'Engine', state: 'ok', found }];
    if (exists) checks.push(await checkTables(kernel));
    return checks;
  } catch (error) {
    const inEngine = ['KERNEL_DIED', 'KERNEL_START', 'INTERNAL'].includes(toErrorInfo(error).code);
    return [failure(inEngine ? 'Engine' : 'Catalog', error, 'Install the packages again: `npm ci`.')];
  } finally {
    await kernel?.close();
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

/** Asks every engine on other machines that the configuration names. */
async function checkEngines({ engines }: LakeConfig): Promise<Check[]> {
  const checks: Check[] = [];
  for (const kind of new Engines(engines).remote) {
    const name = engineNames[kind];
    try {
      const engine = await openEngine(kind, engines);
      try {
        const found = await engine.check({ signal: AbortSignal.timeout(enginePatienceMs) });
        checks.push({ name, state: 'ok', found: `${found}, at ${engines[kind]!.uri}` });
      } finally {
        await engine.close();
      }
    } catch (error) {
      const late = error instanceof InterruptedError;
      checks.push(
        late
          ? {
              name,
              state: 'failed',
              found: `${engines[kind]!.uri} doesn't answer.`,
              advice: 'Start it, or mend its address.',
            }
          : failure(name, error),
      );
    }
  }
  return checks;
}

async function lakeExists({ catalog }: LakeConfig): Promise<boolean> {
  return catalog.type !== 'sqlite' || (await stat(catalog.uri).catch(() => undefined)) !== undefined;
}

async function checkTables(kernel: KernelClient): Promise<Check> {
  const name = 'Tables';
  try {
    const namespaces = await kernel.request('namespaces', {});
    const tables = await Promise.all(namespaces.map(namespace => kernel.request('tables', { namespace })));
    return { name, state: 'ok', found: `${tables.flat().length} in namespaces ${namespaces.join(', ')}` };
  } catch (error) {
    return failure(name, error, 'The catalog file may be damaged: restore it from a copy.');
  }
}

/** The folder, or the nearest one above it that exists. */
async function nearestFolder(folder: string): Promise<string> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found?.isDirectory() || at === path.dirname(at)) return at;
    if (found !== undefined) throw new ValidationError(`${at} is a file, and should be a folder.`);
  }
}

async function tryWriting(folder: string): Promise<void> {
  const probe = await mkdtemp(path.join(folder, '.lakebook-doctor-'));
  try {
    await writeFile(path.join(probe, 'probe'), 'x');
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}
