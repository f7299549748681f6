import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { GatewayMessage } from '../../gateway/run.ts';
import { LakebookError } from '../../iceberg/errors.ts';
import type { Log } from '../log.ts';
import { type Environment, forkScript } from '../scripts.ts';

/** Milliseconds in which a gateway must listen. */
const startLimitMs = 60_000;

/** A gateway process of one lake. It ends with the extension, as it is told when its parent goes. */
export class Gateway implements vscode.Disposable {
  readonly #process: ChildProcess;
  /** `http://127.0.0.1:8765` */
  readonly url: string;
  readonly #tokenFile: string;

  private constructor(process: ChildProcess, url: string, tokenFile: string) {
    this.#process = process;
    this.url = url;
    this.#tokenFile = tokenFile;
  }

  /**
   * Starts `dist/gateway.mjs` and waits until it listens.
   * @param args as those of `lakebook serve`
   * @throws LakebookError as the gateway did (`PORT_IN_USE`, ...), or `GATEWAY_START`
   */
  static start(
    script: string,
    args: readonly string[],
    environment: Environment,
    log: Log,
  ): Promise<Gateway> {
    const child = forkScript(script, args, environment);
    const tell = (text: string) => log.info(`gateway ${child.pid ?? ''}: ${text.trimEnd()}`);
    child.stdout!.setEncoding('utf8').on('data', tell);
    child.stderr!.setEncoding('utf8').on('data', tell);
    return new Promise((resolve, reject) => {
      const fail = (error: LakebookError) => {
        clearTimeout(timer);
        child.kill('SIGKILL');
        reject(error);
      };
      const timer = setTimeout(
        () => fail(startError(vscode.l10n.t('The gateway does not listen after a minute.'))),
        startLimitMs,
      );
      child.once('error', error => fail(startError(error.message)));
      child.once('exit', () => fail(startError(vscode.l10n.t('The gateway ended before it listened.'))));
      child.once('message', message => {
        const told = message as GatewayMessage;
        if (told.type === 'failed') {
          fail(
            new LakebookError(told.code, told.message, told.hint === undefined ? {} : { hint: told.hint }),
          );
          return;
        }
        clearTimeout(timer);
        child.removeAllListeners('exit');
        resolve(new Gateway(child, told.url, told.tokenFile));
      });
    });
  }

  /** A token of the lake's gateways, as its owner can read it in the token file. */
  async token(access: 'read' | 'write'): Promise<string> {
    const tokens = JSON.parse(await readFile(this.#tokenFile, 'utf8')) as Record<typeof access, string>;
    return tokens[access];
  }

  /** Tells when the process has ended. */
  onExit(listener: () => void): void {
    this.#process.once('exit', listener);
  }

  /** Answers what is under way, then ends. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = new Promise<void>(resolve => this.#process.once('exit', () => resolve()));
    this.dispose();
    await gone;
  }

  dispose(): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}

function startError(message: string): LakebookError {
  return new LakebookError('GATEWAY_START', message, {
    hint: vscode.l10n.t('"Lakebook: Show Log" has what it printed.'),
  });
}
