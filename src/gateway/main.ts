/*
 * The gateway as a process of its own, for those who fork it: the extension, a container. Options as `lakebook serve`.
 */
import { parseArgs } from 'node:util';
import { LakebookError } from '../iceberg/errors.ts';
import { type GatewayMessage, serveUntilEnded } from './run.ts';
import { serveOptions } from './serve.ts';
import { packageVersion } from './version.ts';

try {
  const { values } = parseArgs({ options: serveOptions, strict: true });
  await serveUntilEnded(values, packageVersion());
} catch (error) {
  process.stderr.write(`lakebook: ${(error as Error).message}\n`);
  process.exitCode = 1;
  const { code, hint } = error instanceof LakebookError ? error : { code: 'INTERNAL', hint: undefined };
  const told: GatewayMessage = { type: 'failed', code, message: (error as Error).message, hint };
  process.send?.(told, () => process.disconnect());
}
