import { packageVersion } from '../gateway/version.ts';
import { parseArguments, UsageError } from './arguments.ts';

/** `lakebook serve`: the HTTP gateway, until Ctrl-C. */
export async function serveCommand(args: readonly string[]): Promise<number> {
  // Loaded only here: the server's packages take longer to load than most commands run.
  const [{ serveOptions }, { serveUntilEnded }] = await Promise.all([
    import('../gateway/serve.ts'),
    import('../gateway/run.ts'),
  ]);
  const parsed = parseArguments(args, serveOptions);
  if (parsed.positionals.length > 0)
    throw new UsageError('serve takes no arguments.', 'Did you mean --lake DIR?');
  await serveUntilEnded(parsed.values, packageVersion());
  return 0;
}
