import * as vscode from 'vscode';
import { LakebookError } from '../iceberg/errors.ts';
import { withErrorPlace } from './text.ts';

/** The one log channel; made in `activate`. */
export type Log = vscode.LogOutputChannel;

export function createLog(): Log {
  return vscode.window.createOutputChannel('Lakebook', { log: true });
}

/** Writes an error with its stack, which people never see elsewhere. */
export function logError(log: Log, what: string, error: unknown): void {
  if (error instanceof LakebookError) {
    log.error(`${what}: [${error.code}] ${error.message}${error.hint === undefined ? '' : ` ${error.hint}`}`);
  } else log.error(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}

/** Tells an error as a message with what to do next, and logs it. */
export async function showError(log: Log, what: string, error: unknown): Promise<void> {
  logError(log, what, error);
  const showLog = vscode.l10n.t('Show Log');
  const chosen = await vscode.window.showErrorMessage(withErrorPlace(error), showLog);
  if (chosen === showLog) log.show();
}
