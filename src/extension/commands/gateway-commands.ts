import * as vscode from 'vscode';
import { LakebookError } from '../../iceberg/errors.ts';
import type { LakePlace } from '../explorer/nodes.ts';
import { Gateway } from '../gateway/gateway.ts';
import { requireTrust } from '../kernel/kernels.ts';
import type { LakeCredentials } from '../kernel/lake-credentials.ts';
import { kernelSettings } from '../kernel/settings.ts';
import type { Log } from '../log.ts';
import { bundled, type Environment } from '../scripts.ts';
import { pickLake, pickOne } from './pick.ts';
import type { Register } from './register.ts';

const runningKey = 'lakebook.gatewayRuns';

/** Starts and stops the HTTP gateways of lakes; one a lake. @returns what ends all of them */
export function registerGatewayCommands(
  register: Register,
  extension: vscode.Uri,
  credentials: LakeCredentials,
  log: Log,
): vscode.Disposable {
  const running = new Map<string, { readonly lake: LakePlace; readonly gateway: Gateway }>();
  const tellContext = () => void vscode.commands.executeCommand('setContext', runningKey, running.size > 0);

  register('lakebook.startGateway', async () => {
    requireTrust();
    const lake = await pickLake({ title: vscode.l10n.t('Start Gateway') });
    const known = running.get(lake.root);
    if (known !== undefined) {
      void showGateway(known.gateway, vscode.l10n.t('The gateway of {0} runs already:', lake.name), stop);
      return;
    }
    const environment = await credentials.environment(lake.root);
    const gateway = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Window, title: vscode.l10n.t('Starting the gateway') },
      () => start(bundled(extension, 'gateway'), lake, environment, log),
    );
    running.set(lake.root, { lake, gateway });
    gateway.onExit(() => {
      const wasStopped = running.get(lake.root)?.gateway !== gateway;
      if (wasStopped) return;
      running.delete(lake.root);
      tellContext();
      void vscode.window.showWarningMessage(
        vscode.l10n.t('The gateway of {0} ended unexpectedly. "Lakebook: Show Log" may say why.', lake.name),
      );
    });
    tellContext();
    void showGateway(gateway, vscode.l10n.t('The gateway of {0} listens:', lake.name), stop);
  });

  const stop = async (gateway: Gateway) => {
    for (const [root, each] of running) if (each.gateway === gateway) running.delete(root);
    tellContext();
    await gateway.stop();
    void vscode.window.showInformationMessage(vscode.l10n.t('The gateway was stopped.'));
  };

  register('lakebook.stopGateway', async () => {
    const all = [...running.values()];
    if (all.length === 0) {
      void vscode.window.showInformationMessage(vscode.l10n.t('No gateway runs.'));
      return;
    }
    const items = all.map(({ lake, gateway }) => ({ label: lake.name, description: gateway.url, gateway }));
    const step = { title: vscode.l10n.t('Stop Gateway') };
    const chosen = items.length === 1 ? items[0]! : await pickOne(items, step, vscode.l10n.t('Which one?'));
    await stop(chosen.gateway);
  });

  return new vscode.Disposable(() => {
    for (const { gateway } of running.values()) gateway.dispose();
    running.clear();
  });
}

/** On the usual port, or any that is free when something else has that. */
async function start(
  script: string,
  { root }: LakePlace,
  environment: Environment,
  log: Log,
): Promise<Gateway> {
  const { memoryLimit } = kernelSettings(vscode.Uri.file(root));
  const args = ['--lake', root, ...(memoryLimit === undefined ? [] : ['--memory-limit', memoryLimit])];
  try {
    return await Gateway.start(script, args, environment, log);
  } catch (error) {
    if (!(error instanceof LakebookError) || error.code !== 'PORT_IN_USE') throw error;
    log.info(`${error.message} The gateway takes another port.`);
    return Gateway.start(script, [...args, '--port', '0'], environment, log);
  }
}

/** Shows the address, and what can be done with it. */
async function showGateway(
  gateway: Gateway,
  what: string,
  stop: (gateway: Gateway) => Promise<void>,
): Promise<void> {
  const actions = [
    {
      title: vscode.l10n.t('Copy Read Token'),
      run: async () => vscode.env.clipboard.writeText(await gateway.token('read')),
    },
    {
      title: vscode.l10n.t('Copy Write Token'),
      run: async () => vscode.env.clipboard.writeText(await gateway.token('write')),
    },
    {
      title: vscode.l10n.t('Open Documentation'),
      run: () => vscode.env.openExternal(vscode.Uri.parse(`${gateway.url}/docs`)),
    },
    { title: vscode.l10n.t('Stop Gateway'), run: () => stop(gateway) },
  ];
  const chosen = await vscode.window.showInformationMessage(`${what} ${gateway.url}`, ...actions);
  await chosen?.run();
}
