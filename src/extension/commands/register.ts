import * as vscode from 'vscode';
import { type Log, showError } from '../log.ts';

/** Registers a command whose errors are told to the user. */
export type Register = <A extends unknown[]>(command: string, run: (...args: A) => unknown) => void;

/** @returns a function that registers commands until `subscriptions` are disposed */
export function registrar(subscriptions: vscode.Disposable[], log: Log): Register {
  return (command, run) => {
    const guarded = async (...args: unknown[]) => {
      try {
        return await (run as (...args: unknown[]) => unknown)(...args);
      } catch (error) {
        if (error instanceof vscode.CancellationError) return undefined;
        void showError(log, command, error);
        return undefined;
      }
    };
    subscriptions.push(vscode.commands.registerCommand(command, guarded));
  };
}
