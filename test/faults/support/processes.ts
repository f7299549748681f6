import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const ready = 'ready\n';

export interface Started {
  readonly child: ChildProcess;
  /** What it printed so far, without the line that said it's ready. */
  readonly log: () => string;
  /** Resolves when it's ready to begin. */
  readonly isReady: Promise<void>;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly errors: () => string;
}

/** Starts a script of Node that prints `ready` (see `waitForGo`) and begins when it's told to. */
export function startProcess(
  script: string,
  argument: unknown,
  env: Readonly<Record<string, string>> = {},
): Started {
  const child = spawn(process.execPath, ['--no-warnings', script, JSON.stringify(argument)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let log = '';
  let errors = '';
  const { promise: isReady, resolve, reject } = Promise.withResolvers<void>();
  child.stdout!.setEncoding('utf8').on('data', text => {
    log += text;
    if (log.startsWith(ready)) resolve();
  });
  child.stderr!.setEncoding('utf8').on('data', text => {
    errors = (errors + text).slice(-20_000);
  });
  child.stdin!.on('error', () => undefined);
  // `once` rejects when the process can't be started at all.
  const ended = once(child, 'close').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
  ended.then(
    end => reject(new Error(`${script} ended before it began: ${end}: ${errors}`)),
    error => reject(error),
  );
  isReady.catch(() => undefined);
  return {
    child,
    log: () => (log.startsWith(ready) ? log.slice(ready.length) : log),
    isReady,
    ended,
    errors: () => errors,
  };
}

/** In the script: says that it's ready, and waits until it's told to begin. */
export async function waitForGo(): Promise<void> {
  process.stdout.write(ready);
  await once(process.stdin, 'data');
  process.stdin.destroy();
}

export function go({ child }: Started): void {
  child.stdin!.end('go\n');
}

/** Runs a script once for each argument, all at the same time, and gives their logs. @throws when one of them fails */
export async function runTogether(
  script: string,
  args: readonly unknown[],
  env: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const all = args.map(argument => startProcess(script, argument, env));
  try {
    await Promise.all(all.map(({ isReady }) => isReady));
    for (const each of all) go(each);
    return await Promise.all(
      all.map(async ({ ended, log, errors }) => {
        const end = await ended;
        if (end !== 0) throw new Error(`${script} ended with ${end}: ${errors()}`);
        return log();
      }),
    );
  } finally {
    for (const { child } of all) child.kill('SIGKILL');
  }
}
