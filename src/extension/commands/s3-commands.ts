import * as vscode from 'vscode';
import { loadLakeConfig } from '../../catalog/lake-config.ts';
import { LakebookError, ValidationError } from '../../iceberg/errors.ts';
import type { LakeTree } from '../explorer/tree.ts';
import { type Kernels, requireTrust } from '../kernel/kernels.ts';
import type { LakeCredentials } from '../kernel/lake-credentials.ts';
import type { Log } from '../log.ts';
import type { Reports } from '../report-document.ts';
import { bundled, runScript } from '../scripts.ts';
import { askS3Keys } from './ask-credentials.ts';
import { confirm, pickLake } from './pick.ts';
import type { Register } from './register.ts';
import { takeOver } from './take-over.ts';

interface S3Parts {
  readonly extension: vscode.Uri;
  readonly kernels: Kernels;
  readonly credentials: LakeCredentials;
  readonly tree: LakeTree;
  readonly reports: Reports;
  readonly log: Log;
}

/** Keys of a lake's S3 server, and a server of one's own. */
export function registerS3Commands(register: Register, parts: S3Parts): void {
  register('lakebook.setS3Credentials', () => setCredentials(parts));
  register('lakebook.clearS3Credentials', () => clearCredentials(parts));
  register('lakebook.startMinio', () => startMinio(parts));
}

async function setCredentials({ kernels, credentials, tree }: S3Parts): Promise<void> {
  requireTrust();
  const title = vscode.l10n.t('Set S3 Credentials');
  const { root, name } = await pickLake({ title });
  const { storage, file } = await loadLakeConfig(root);
  if (storage.s3.profile !== undefined) {
    throw new ValidationError(
      vscode.l10n.t('The lake {0} takes its keys from the profile {1}.', name, storage.s3.profile),
      {
        ...(file === undefined ? {} : { file }),
        hint: vscode.l10n.t('Remove storage.s3.profile first, to give it keys of its own.'),
      },
    );
  }
  const keys = await askS3Keys({ title, number: 1, of: 3 }, root);
  await credentials.set(root, { for: 's3', keys });
  await takeOver(kernels, tree, root);
}

async function clearCredentials({ kernels, credentials, tree }: S3Parts): Promise<void> {
  const title = vscode.l10n.t('Clear S3 Credentials');
  const { root, name } = await pickLake({ title });
  if (!(await credentials.has(root, 's3'))) {
    void vscode.window.showInformationMessage(vscode.l10n.t('No S3 credentials are kept for {0}.', name));
    return;
  }
  await confirm(
    vscode.l10n.t('Forget the S3 credentials of {0}?', name),
    vscode.l10n.t('Its kernels then look for keys where the AWS SDK does: the environment and ~/.aws.'),
    vscode.l10n.t('Forget'),
  );
  await credentials.clear(root, 's3');
  await takeOver(kernels, tree, root);
}

/** Runs `lakebook setup`: a server that runs already is left alone. */
async function startMinio(parts: S3Parts): Promise<void> {
  const { extension, credentials, reports, log } = parts;
  requireTrust();
  const { root } = await pickLake({ title: vscode.l10n.t('Start MinIO') });
  const { text, code } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Starting MinIO') },
    async () =>
      runScript(bundled(extension, 'cli'), ['setup', '--lake', root], await credentials.environment(root)),
  );
  for (const line of text.trimEnd().split('\n')) log.info(`setup: ${line}`);
  if (code === 0) return await reports.show('MinIO', text);
  const message = text
    .trim()
    .replace(/^(lakebook|Error): /, '')
    .replace(/\s*\n\s*/g, ' ');
  if (!message.includes('AWS_ACCESS_KEY_ID')) throw new LakebookError('MINIO_START', message);
  const setKeys = vscode.l10n.t('Set S3 Credentials...');
  if ((await vscode.window.showErrorMessage(message, setKeys)) !== setKeys) return;
  await setCredentials(parts);
  await startMinio(parts);
}
