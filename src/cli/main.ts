import { packageVersion } from '../gateway/version.ts';
import { LakebookError } from '../iceberg/errors.ts';
import { toErrorInfo } from '../notebook/error-info.ts';
import { errorText } from '../notebook/render/error.ts';
import { UsageError } from './arguments.ts';
import { cacheCommand } from './cache.ts';
import { doctorCommand } from './doctor.ts';
import { commandHelp, unknownCommand } from './help.ts';
import { jupyterCommand } from './jupyter.ts';
import { endOnClosedPipe } from './output.ts';
import { runCommand } from './run.ts';
import { serveCommand } from './serve.ts';
import { setupCommand } from './setup.ts';
import { statementCommand } from './statement.ts';

/** Exit codes: 0 done, 1 a cell or check failed, 2 the command line can't be understood, 130 interrupted. */
async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command === undefined || command === '--help' || command === '-h') return print(commandHelp(undefined));
  if (command === '--version' || command === '-v') return print(packageVersion());
  if (rest.includes('--help') || rest.includes('-h')) return print(commandHelp(command));
  switch (command) {
    case 'run':
      return runCommand(rest);
    case 'sql':
    case 'lake':
      return statementCommand(command, rest);
    case 'doctor':
      return doctorCommand(rest);
    case 'serve':
      return serveCommand(rest);
    case 'jupyter':
      return jupyterCommand(rest);
    case 'setup':
      return setupCommand(rest);
    case 'cache':
      return cacheCommand(rest);
    case 'help':
      return print(commandHelp(rest[0]));
    default:
      throw unknownCommand(command);
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function report(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`lakebook: ${error.message}\n${error.hint === undefined ? '' : `${error.hint}\n`}`);
    return 2;
  }
  if (error instanceof LakebookError)
    process.stderr.write(`lakebook: ${errorText(toErrorInfo(error), '')}\n`);
  else {
    const { message, stack } = error as Error;
    process.stderr.write(`lakebook: ${process.env.LAKEBOOK_DEBUG ? stack : message}\n`);
  }
  return 1;
}

endOnClosedPipe();
process.exitCode = await main(process.argv.slice(2)).catch(report);
