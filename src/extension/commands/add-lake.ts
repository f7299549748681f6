import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { configFileName } from '../../catalog/lake-config.ts';
import { readPyIcebergConfig } from '../../catalog/pyiceberg-config.ts';
import { AlreadyExistsError, LakebookError, ValidationError } from '../../iceberg/errors.ts';
import type { LakeTree } from '../explorer/tree.ts';
import { requireTrust } from '../kernel/kernels.ts';
import { type Credentials, environmentOf, type LakeCredentials } from '../kernel/lake-credentials.ts';
import {
  doctorFindings,
  type Findings,
  isBucketAddress,
  localLake,
  pyIcebergLake,
  restLake,
  s3Address,
  s3Lake,
} from '../lake-json.ts';
import { nameFault } from '../lake-text.ts';
import type { Log } from '../log.ts';
import { bundled, type Environment, runScript } from '../scripts.ts';
import { addressFault, askS3Keys, askSignIn, optionalAddressFault } from './ask-credentials.ts';
import { ask, pickOne, type Step } from './pick.ts';

/** What the answers make: a lakebook.json, in which folder, and the secrets that don't belong into it. */
interface Candidate {
  readonly folder: string;
  readonly json: object;
  readonly credentials?: Credentials;
  /** Whether a server, or somebody else's catalog, has to be there. */
  readonly isRemote: boolean;
  /** What trying it needs beside the credentials. */
  readonly environment?: Environment;
}

interface AddLakeParts {
  readonly extension: vscode.Uri;
  readonly credentials: LakeCredentials;
  readonly tree: LakeTree;
  readonly log: Log;
}

/** Asks for a lake step by step, tries it, and writes its lakebook.json; or shows a folder that has one already. */
export async function addLake(parts: AddLakeParts): Promise<void> {
  const title = vscode.l10n.t('Add Lake');
  const { make } = await pickOne(kinds, { title }, vscode.l10n.t('Which lake?'));
  if (make === undefined) {
    await showFolder(title);
    parts.tree.refresh();
    return;
  }
  requireTrust();
  for (;;) {
    const candidate = await make(title);
    if (!(await isRight(candidate, parts))) continue;
    await write(candidate, parts);
    return;
  }
}

interface Kind extends vscode.QuickPickItem {
  readonly make: ((title: string) => Promise<Candidate>) | undefined;
}

const kinds: readonly Kind[] = [
  {
    label: vscode.l10n.t('New lake in this workspace'),
    detail: vscode.l10n.t('Catalog and tables are in a folder of their own.'),
    make: askLocal,
  },
  {
    label: vscode.l10n.t('Lake in S3 or MinIO'),
    detail: vscode.l10n.t('Tables are in a bucket, the catalog is a file in a folder.'),
    make: askS3,
  },
  {
    label: vscode.l10n.t('REST catalog'),
    detail: vscode.l10n.t('Catalog and tables are on a server, and shared with Spark, Trino and others.'),
    make: askRest,
  },
  {
    label: vscode.l10n.t("Catalog of PyIceberg's configuration"),
    detail: vscode.l10n.t('One that .pyiceberg.yaml or the environment names.'),
    make: askPyIceberg,
  },
  {
    label: vscode.l10n.t('A folder that has a lake'),
    detail: vscode.l10n.t('Shows it in the explorer, wherever it is.'),
    make: undefined,
  },
];

async function askLocal(title: string): Promise<Candidate> {
  const { name, folder } = await askName({ title, number: 1, of: 1 });
  return { folder, json: localLake(name), isRemote: false };
}

async function askS3(title: string): Promise<Candidate> {
  const of = 7;
  const address = await ask({ title, number: 1, of }, vscode.l10n.t('Bucket, and folder in it'), {
    placeHolder: 's3://bucket/lake',
    fault: text =>
      isBucketAddress(text) ? undefined : vscode.l10n.t('Write s3://bucket/folder or the name of a bucket.'),
  });
  const endpoint = await ask(
    { title, number: 2, of },
    vscode.l10n.t('Address of the server; empty for AWS'),
    { placeHolder: 'http://localhost:9000', fault: optionalAddressFault },
  );
  const region = await ask({ title, number: 3, of }, vscode.l10n.t('Region; empty for us-east-1'), {
    placeHolder: 'us-east-1',
    fault: text => (/^[\w-]*$/.test(text.trim()) ? undefined : vscode.l10n.t('Write it like eu-central-1.')),
  });
  const warehouse = s3Address(address);
  const keys = await askS3Keys({ title, number: 4, of }, warehouse);
  const { name, folder } = await askName({ title, number: 7, of });
  return {
    folder,
    json: s3Lake(name, { warehouse, endpoint, region }),
    credentials: { for: 's3', keys },
    isRemote: true,
  };
}

async function askRest(title: string): Promise<Candidate> {
  const of = 4;
  const uri = await ask({ title, number: 1, of }, vscode.l10n.t('Address of the catalog'), {
    placeHolder: 'https://catalog.example.com',
    fault: addressFault,
  });
  const warehouse = await ask(
    { title, number: 2, of },
    vscode.l10n.t('Warehouse, by name or address; empty where the server has one'),
  );
  const { secret, tokenAddress, scope } = await askSignIn({ title, number: 3, of });
  const { name, folder } = await askName({ title, number: 4, of });
  return {
    folder,
    json: restLake(name, { uri, warehouse, tokenAddress, scope }),
    ...(secret && { credentials: { for: 'catalog', secret } }),
    isRemote: true,
  };
}

/** The lakebook.json goes beside a .pyiceberg.yaml of the workspace, as PyIceberg finds that in its own folder only. */
async function askPyIceberg(title: string): Promise<Candidate> {
  const workspace = firstFolder();
  const config = await readPyIcebergConfig(workspace);
  const names = config.catalogs;
  if (names.length === 0) {
    throw new ValidationError(vscode.l10n.t("PyIceberg's configuration has no catalogs."), {
      hint: vscode.l10n.t('It is a .pyiceberg.yaml in $PYICEBERG_HOME, your home directory or this folder.'),
    });
  }
  const items = names.map(label => {
    const uri = config.find(label)?.properties.get('uri')?.value ?? '';
    return { label, description: uri.replace(/\/\/[^/@]*@/, '//') };
  });
  const isHere = config.file !== undefined && path.dirname(config.file) === workspace;
  const of = isHere ? 1 : 2;
  const { label } = await pickOne(items, { title, number: 1, of }, vscode.l10n.t('Which catalog?'));
  const folder = isHere ? workspace : (await askName({ title, number: 2, of })).folder;
  await requireNoLake(folder);
  const home = config.file === undefined ? {} : { PYICEBERG_HOME: path.dirname(config.file) };
  return { folder, json: pyIcebergLake(label), isRemote: true, environment: home };
}

async function askName(step: Step): Promise<{ name: string; folder: string }> {
  const workspace = firstFolder();
  const name = await ask(step, vscode.l10n.t('Name of the lake and its folder'), {
    placeHolder: 'lake',
    fault: text => nameFault(text),
  });
  const folder = path.join(workspace, name);
  await requireNoLake(folder);
  return { name, folder };
}

/** @throws AlreadyExistsError: the answers would take the place of a lake's configuration */
async function requireNoLake(folder: string): Promise<void> {
  const file = path.join(folder, configFileName);
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  throw new AlreadyExistsError('lake', vscode.l10n.t('{0} is there already.', file), {
    hint: vscode.l10n.t('Choose another name, or edit that file.'),
  });
}

/** Tries the lake. @returns false when the questions are to be asked again */
async function isRight(candidate: Candidate, parts: AddLakeParts): Promise<boolean> {
  if (!candidate.isRemote) return true;
  for (;;) {
    const { faults, found } = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Trying the connection') },
      () => tryLake(candidate, parts),
    );
    if (faults.length === 0) {
      const tables = found === undefined ? '' : ` ${vscode.l10n.t('Tables: {0}', found)}`;
      void vscode.window.showInformationMessage(`${vscode.l10n.t('The connection works.')}${tables}`);
      return true;
    }
    const again = vscode.l10n.t('Try Again');
    const change = vscode.l10n.t('Change Answers');
    const chosen = await vscode.window.showErrorMessage(
      vscode.l10n.t('The lake can not be opened, so nothing was written.'),
      { modal: true, detail: faults.join('\n') },
      again,
      change,
    );
    if (chosen === change) return false;
    if (chosen !== again) throw new vscode.CancellationError();
  }
}

/** Lets the doctor look at the lakebook.json as it would be, in a folder that goes away again. */
async function tryLake(candidate: Candidate, { extension, log }: AddLakeParts): Promise<Findings> {
  const { json, credentials, environment } = candidate;
  const folder = await mkdtemp(path.join(tmpdir(), 'lakebook-try-'));
  try {
    await writeFile(path.join(folder, configFileName), JSON.stringify(json));
    const { text } = await runScript(
      bundled(extension, 'cli'),
      ['doctor', '--format', 'json', '--lake', folder],
      { ...environment, ...(credentials && environmentOf(credentials)) },
    );
    const findings = readFindings(text);
    for (const fault of findings.faults) log.warn(`add lake: ${fault}`);
    return findings;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readFindings(text: string): Findings {
  try {
    return doctorFindings(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new LakebookError('DOCTOR_FAILED', text.trim() || vscode.l10n.t('The lake could not be tried.'), {
      cause: error,
    });
  }
}

/** Secrets go first: a lake that is there is opened at once. */
async function write(candidate: Candidate, { credentials, tree }: AddLakeParts): Promise<void> {
  const { folder, json } = candidate;
  if (candidate.credentials !== undefined) await credentials.set(folder, candidate.credentials);
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, configFileName);
  await writeFile(file, `${JSON.stringify(json, undefined, 2)}\n`, { flag: 'wx' });
  await vscode.window.showTextDocument(vscode.Uri.file(file));
  tree.refresh();
}

async function showFolder(title: string): Promise<void> {
  const chosen = await vscode.window.showOpenDialog({
    title,
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: vscode.l10n.t('Add Lake'),
  });
  if (chosen === undefined) throw new vscode.CancellationError();
  const settings = vscode.workspace.getConfiguration('lakebook');
  const lakes = settings.get<string[]>('lakes', []);
  await settings.update(
    'lakes',
    [...new Set([...lakes, chosen[0]!.fsPath])],
    vscode.ConfigurationTarget.Workspace,
  );
}

/** The folder of the workspace in which new lakes are made. @throws ValidationError */
export function firstFolder(): string {
  const folder = vscode.workspace.workspaceFolders?.find(each => each.uri.scheme === 'file');
  if (folder !== undefined) return folder.uri.fsPath;
  throw new ValidationError(vscode.l10n.t('A lake needs a folder.'), {
    hint: vscode.l10n.t('Open a folder with "File: Open Folder...".'),
  });
}
