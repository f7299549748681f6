import { LakebookError } from '../iceberg/errors.ts';
import type { ErrorInfo } from './protocol.ts';

/** An error as plain data; an unknown one becomes INTERNAL, for its stack is for the log only. */
export function toErrorInfo(error: unknown): ErrorInfo {
  if (!(error instanceof LakebookError)) {
    const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
    return {
      name: error instanceof Error ? error.name : 'Error',
      code: typeof code === 'string' ? code : 'INTERNAL',
      message: typeof message === 'string' ? message : String(error),
    };
  }
  const { name, code, message, hint, position, file } = error;
  return {
    name,
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(position === undefined ? {} : { position }),
    ...(file === undefined ? {} : { file }),
  };
}

/** The error that `toErrorInfo` described. */
export function fromErrorInfo(info: ErrorInfo): LakebookError {
  const { name, code, message, hint, position, file } = info;
  const error = new LakebookError(code, message, { hint, position, file });
  error.name = name;
  return error;
}
