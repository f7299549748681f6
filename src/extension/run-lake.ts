import * as vscode from 'vscode';
import { fromErrorInfo } from '../notebook/error-info.ts';
import type { CellLanguage } from '../notebook/lakebook-file.ts';
import type { CellOutput } from '../notebook/protocol.ts';
import type { Kernel } from './kernel/kernel.ts';
import { progressText } from './text.ts';

let count = 0;

/**
 * Runs a line of the lake language, or SQL, that a command made, with progress and a way to cancel.
 * @returns what it says it did
 * @throws LakebookError
 */
export async function runLake(
  kernel: Kernel,
  source: string,
  title: string,
  language: CellLanguage = 'lake',
): Promise<string> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, async (progress, token) => {
    token.onCancellationRequested(() => void kernel.interrupt());
    const { status, error, outputs } = await kernel.execute(
      { cellId: `command-${++count}`, source, language, previewRows: 0 },
      { onProgress: each => progress.report({ message: progressText(each) }) },
    );
    if (status !== 'ok' && error !== undefined) throw fromErrorInfo(error);
    return outputs.map(outputText).join('\n');
  });
}

function outputText(output: CellOutput): string {
  return output.text ?? '';
}
