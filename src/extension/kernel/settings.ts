import * as vscode from 'vscode';
import type { KernelSettings } from '../../notebook/protocol.ts';

/** What the settings say for a kernel, at a place of the workspace. */
export function kernelSettings(scope: vscode.Uri | undefined): KernelSettings {
  const settings = vscode.workspace.getConfiguration('lakebook', scope);
  const memoryLimit = settings.get<string>('memoryLimit', '').trim();
  const threads = settings.get<number>('threads', 0);
  const hintGigabytes = settings.get<number>('engines.hintGigabytes', 0);
  return {
    ...(memoryLimit === '' ? {} : { memoryLimit }),
    ...(threads > 0 ? { threads } : {}),
    ...(hintGigabytes > 0 ? { engineHintBytes: Math.round(hintGigabytes * 1e9) } : {}),
    previewRows: settings.get<number>('preview.rows', 100),
  };
}

/** Tells when a setting that a running kernel can't take over was changed. */
export function onKernelSettingsChange(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration(event => {
    const isOurs = ['memoryLimit', 'threads', 'engines.hintGigabytes', 'preview.rows'].some(name =>
      event.affectsConfiguration(`lakebook.${name}`),
    );
    if (isOurs) listener();
  });
}
