import { LakebookError, NotFoundError } from '../iceberg/errors.ts';

interface Explanation {
  readonly code: string;
  /** Follows "Can't <action> <path>: ". */
  readonly what: string;
  readonly hint: string;
}

const explanations: Readonly<Record<string, Explanation>> = {
  ENOSPC: {
    code: 'DISK_FULL',
    what: 'there is no space left on the disk.',
    hint: 'Free some space, or move the lake to a larger disk, and run it again: nothing was half written.',
  },
  EDQUOT: {
    code: 'DISK_FULL',
    what: 'your disk quota is used up.',
    hint: 'Free some space or ask for a larger quota, and run it again: nothing was half written.',
  },
  EROFS: {
    code: 'READ_ONLY',
    what: 'the file system is read-only.',
    hint: 'Mount it for writing, or use a lake in a folder that can be written.',
  },
  EACCES: {
    code: 'PERMISSION_DENIED',
    what: 'permission denied.',
    hint: 'Give your user the right to it, or use a lake in another folder.',
  },
  EPERM: {
    code: 'PERMISSION_DENIED',
    what: 'the operation is not permitted.',
    hint: 'Give your user the right to it, or use a lake in another folder.',
  },
  ENOTDIR: {
    code: 'NOT_A_FOLDER',
    what: 'a part of the path is a file, not a folder.',
    hint: 'Move that file away, or choose another location.',
  },
  EISDIR: {
    code: 'NOT_A_FILE',
    what: 'it is a folder, not a file.',
    hint: 'Check the address: a file is expected here.',
  },
  EMFILE: {
    code: 'TOO_MANY_OPEN_FILES',
    what: 'this process has too many files open.',
    hint: 'Raise the limit (`ulimit -n 8192`), or close other programs.',
  },
  ENFILE: {
    code: 'TOO_MANY_OPEN_FILES',
    what: 'the system has too many files open.',
    hint: 'Close other programs, or raise the system limit.',
  },
  ENAMETOOLONG: {
    code: 'NAME_TOO_LONG',
    what: 'the file name is too long for this file system.',
    hint: 'Use shorter names, or a lake in a folder nearer to the root.',
  },
  EFBIG: {
    code: 'FILE_TOO_LARGE',
    what: 'the file is too large for this file system or for your limits.',
    hint: "Lower the table's write.target-file-size-bytes, or raise `ulimit -f`.",
  },
  EIO: {
    code: 'IO_ERROR',
    what: 'the disk reported an input/output error.',
    hint: 'Check the disk; copy what matters to another one.',
  },
};

/**
 * An error of Node's file system as one a person can act on. `action` is a verb that goes before the path ("read",
 * "write"). LakebookErrors pass unchanged; ENOENT becomes NotFoundError('file').
 */
export function fromFsError(error: unknown, action: string, path: string): unknown {
  if (error instanceof LakebookError) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  if (code === 'ENOENT') {
    return new NotFoundError('file', `Can't ${action} ${path}: it isn't there.`, {
      hint: 'It may have been deleted or moved by another program.',
      cause: error,
    });
  }
  const explanation = explanations[code];
  if (explanation === undefined) {
    const { message } = error as Error;
    return new LakebookError('IO_ERROR', `Can't ${action} ${path}: ${message}`, { cause: error });
  }
  return new LakebookError(explanation.code, `Can't ${action} ${path}: ${explanation.what}`, {
    hint: explanation.hint,
    cause: error,
  });
}

/** What systems call their errors, where a program tells of them in words alone. */
const words: readonly (readonly [RegExp, keyof typeof explanations])[] = [
  [/No space left on device|not enough space on the disk/i, 'ENOSPC'],
  [/Disk quota exceeded/i, 'EDQUOT'],
  [/Read-only file system|media is write protected/i, 'EROFS'],
  [/Permission denied|Access is denied/i, 'EACCES'],
  [/Operation not permitted/i, 'EPERM'],
  [/Too many open files/i, 'EMFILE'],
  [/File name too long/i, 'ENAMETOOLONG'],
  [/File too large/i, 'EFBIG'],
  [/Input\/output error/i, 'EIO'],
];

/** Code and hint of an error of the system that is told in words; undefined for other words. */
export function explainWords(message: string): Pick<Explanation, 'code' | 'hint'> | undefined {
  const found = words.find(([pattern]) => pattern.test(message));
  return found === undefined ? undefined : explanations[found[1]];
}

/** `ENOENT` and the like; undefined for what is no error of the system. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
