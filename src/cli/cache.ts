import path from 'node:path';
import { loadLakeConfig } from '../catalog/lake-config.ts';
import { choiceOption, parseArguments, textOption, UsageError } from './arguments.ts';
import { bytesText } from './bytes.ts';

/** `lakebook cache [clear]`: shows what is kept of remote files on this machine, or removes it. */
export async function cacheCommand(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, { format: { type: 'string' }, lake: { type: 'string' } });
  const [action, ...rest] = parsed.positionals;
  if (rest.length > 0 || (action !== undefined && action !== 'clear')) {
    throw new UsageError(
      `cache has no action "${parsed.positionals.join(' ')}".`,
      'There is only `lakebook cache clear`.',
    );
  }
  const format = choiceOption(parsed, 'format', ['text', 'json'] as const, 'text');
  const config = await loadLakeConfig(path.resolve(textOption(parsed, 'lake') ?? '.'));
  const { openCacheFolder } = await import('../storage/s3/cache/open-folder.ts');
  const cache = await openCacheFolder(config.storage.cache);
  try {
    const freed = action === 'clear' ? await cache.clear() : undefined;
    const usage = cache.usage();
    if (format === 'json') {
      process.stdout.write(
        `${JSON.stringify({ ...usage, ...(freed === undefined ? {} : { freed }) }, undefined, 2)}\n`,
      );
      return 0;
    }
    if (freed !== undefined) process.stdout.write(`${bytesText(freed)} freed.\n`);
    const { folder, files, bytes, bytesInUse, budget } = usage;
    const inUse = bytesInUse === 0 ? '' : `, ${bytesText(bytesInUse)} in use now`;
    process.stdout.write(
      `${folder}: ${bytesText(bytes)} of ${files} ${files === 1 ? 'file' : 'files'}${inUse}; at most ${bytesText(budget)} are kept.\n`,
    );
    return 0;
  } finally {
    await cache.close();
  }
}
