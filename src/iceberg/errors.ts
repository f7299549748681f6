/** A place in some text a person wrote: 1-based line and column (in UTF-16 code units). */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
  /** Number of characters to mark; 1 when unknown. */
  readonly length?: number;
}

export interface LakebookErrorOptions {
  /** What the user can do next, one sentence. */
  readonly hint?: string;
  /** Where in a cell, statement or source file the fault is. */
  readonly position?: TextPosition;
  /** Source file the position refers to; absent when it is the cell itself. */
  readonly file?: string;
  readonly cause?: unknown;
}

/**
 * Base of every error a person may see. `message` says what happened and where, `hint` what to do next;
 * `code` is a stable identifier that tools can match (`TABLE_NOT_FOUND`, `COMMIT_CONFLICT`, ...).
 */
export class LakebookError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly position: TextPosition | undefined;
  readonly file: string | undefined;

  constructor(code: string, message: string, options: LakebookErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
    this.position = options.position;
    this.file = options.file;
  }
}

/** Input that can't be accepted: a bad statement, value, schema or option. Nothing was changed. */
export class ValidationError extends LakebookError {
  constructor(message: string, options?: LakebookErrorOptions, code = 'INVALID') {
    super(code, message, options);
  }
}

/** A metadata, manifest or data file that can't be decoded, or contradicts itself. */
export class CorruptFileError extends LakebookError {
  constructor(location: string, detail: string, options?: LakebookErrorOptions) {
    super('CORRUPT_FILE', `${location}: ${detail}`, options);
  }
}

/** A feature of the format or of SQL that Lakebook knows of and doesn't have. */
export class UnsupportedError extends LakebookError {
  constructor(message: string, options?: LakebookErrorOptions) {
    super('UNSUPPORTED', message, options);
  }
}

/** No such namespace, table, snapshot, branch, tag, column or file. */
export class NotFoundError extends LakebookError {
  constructor(what: string, message: string, options?: LakebookErrorOptions) {
    super(`${what.toUpperCase().replace(/[^A-Z]+/g, '_')}_NOT_FOUND`, message, options);
  }
}

/** A table, namespace, ref or file of that name is there already. */
export class AlreadyExistsError extends LakebookError {
  constructor(what: string, message: string, options?: LakebookErrorOptions) {
    super(`${what.toUpperCase().replace(/[^A-Z]+/g, '_')}_EXISTS`, message, options);
  }
}

/** Another writer committed first. The catalog was not changed by this attempt; it may be retried. */
export class CommitConflictError extends LakebookError {
  constructor(message: string, options?: LakebookErrorOptions) {
    super('COMMIT_CONFLICT', message, options);
  }
}

/** Whether the commit took effect is unknown (connection lost while it ran). Written files must be kept. */
export class CommitStateUnknownError extends LakebookError {
  constructor(message: string, options?: LakebookErrorOptions) {
    super('COMMIT_STATE_UNKNOWN', message, options);
  }
}

/** The user or a client stopped the work. */
export class InterruptedError extends LakebookError {
  constructor(message = 'Interrupted.') {
    super('INTERRUPTED', message);
  }
}
