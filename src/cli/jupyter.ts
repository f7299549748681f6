import { realpathSync } from 'node:fs';
import path from 'node:path';
import { packageVersion } from '../gateway/version.ts';
import type { InstallPlace } from '../jupyter/install.ts';
import {
  lakeOptions,
  numberOption,
  type ParsedArguments,
  parseArguments,
  textOption,
  UsageError,
} from './arguments.ts';

const usage = 'Usage: lakebook jupyter install|uninstall|kernel';

/** `lakebook jupyter`: registers the kernel with Jupyter, removes it, or is it. */
export async function jupyterCommand(args: readonly string[]): Promise<number> {
  const [action, ...rest] = args;
  switch (action) {
    case 'install':
    case 'uninstall':
      return install(action, rest);
    case 'kernel':
      return kernel(rest);
    default:
      throw new UsageError(
        action === undefined ? 'What about Jupyter?' : `jupyter has no "${action}".`,
        usage,
      );
  }
}

async function install(action: 'install' | 'uninstall', args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, {
    user: { type: 'boolean' },
    prefix: { type: 'string' },
    'sys-prefix': { type: 'boolean' },
    name: { type: 'string' },
  });
  if (parsed.positionals.length > 0) throw new UsageError(`jupyter ${action} takes no arguments.`);
  const place = placeOf(parsed);
  const name = textOption(parsed, 'name') ?? 'lakebook';
  const { installKernel, uninstallKernel } = await import('../jupyter/install.ts');
  if (action === 'uninstall') {
    const { folder, translator } = uninstallKernel({ place, name });
    say(`Removed the kernel ${folder}.`);
    if (translator !== undefined) say(`Removed papermill's translator from ${translator}.`);
    return 0;
  }
  const command = [process.execPath, realpathSync(process.argv[1]!)];
  const { folder, translator, note } = await installKernel({
    place,
    name,
    command,
    version: packageVersion(),
  });
  say(`Installed the kernel ${name} in ${folder}.`);
  if (translator !== undefined) say(`Installed papermill's translator in ${translator}.`);
  if (note !== undefined) say(note);
  say(`Choose Lakebook in JupyterLab, or run: jupyter nbconvert --to html --execute NOTEBOOK`);
  return 0;
}

function placeOf(parsed: ParsedArguments): InstallPlace {
  const prefix = textOption(parsed, 'prefix');
  const given = ['user', 'prefix', 'sys-prefix'].filter(name => parsed.values[name] !== undefined);
  if (given.length > 1) {
    throw new UsageError(`--${given.join(' and --')} are different places.`, 'Give one of them.');
  }
  if (prefix !== undefined) return { kind: 'prefix', prefix };
  return { kind: parsed.values['sys-prefix'] === true ? 'sys-prefix' : 'user' };
}

async function kernel(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, { ...lakeOptions, 'connection-file': { type: 'string', short: 'f' } });
  const connectionFile = textOption(parsed, 'connection-file');
  if (connectionFile === undefined || parsed.positionals.length > 0) {
    throw new UsageError(
      'Which connection file?',
      'Jupyter starts kernels with one: `lakebook jupyter install`, then choose Lakebook there.',
    );
  }
  const { runJupyterKernel } = await import('../jupyter/main.ts');
  await runJupyterKernel({
    connectionFile,
    folder: path.resolve(textOption(parsed, 'lake') ?? '.'),
    settings: {
      memoryLimit: textOption(parsed, 'memory-limit') ?? process.env.LAKEBOOK_MEMORY_LIMIT,
      threads: numberOption(parsed, 'threads'),
    },
    version: packageVersion(),
  });
  return 0;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
