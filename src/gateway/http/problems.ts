import { STATUS_CODES } from 'node:http';
import type { FastifyError } from 'fastify';
import { SqlError } from '../../engine/errors.ts';
import { LakebookError, type TextPosition } from '../../iceberg/errors.ts';

/** An error as clients see it: RFC 9457 with a stable `code`, and what to do next. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly hint?: string;
  /** In the text (SQL, condition) that the request gave. */
  readonly position?: TextPosition;
  /** The request's id, which the log has too. */
  readonly instance?: string;
}

/** What the gateway itself refuses. `status` is an HTTP status code. */
export class GatewayError extends LakebookError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    options: { readonly hint?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(code, message, { hint: options.hint });
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

const statusByCode: Readonly<Record<string, number>> = {
  COMMIT_CONFLICT: 409,
  COMMIT_STATE_UNKNOWN: 500,
  CORRUPT_FILE: 500,
  ENGINE_FAILURE: 500,
  UNSUPPORTED: 422,
  INTERRUPTED: 408,
  RESULT_GONE: 410,
  CATALOG_LOCKED: 503,
  DISK_FULL: 507,
};

/** Kinds of DuckDB's errors that say nothing about the statement. */
const engineFaults = new Set(['INTERNAL', 'FATAL', 'IO', 'Internal', 'Fatal', 'Unknown']);

export function statusOf(error: unknown): number {
  if (error instanceof GatewayError) return error.status;
  if (error instanceof SqlError) {
    const { type } = error.detail;
    if (/permission/i.test(type)) return 403;
    if (/out of memory/i.test(type) || error.code === 'OUT_OF_MEMORY') return 422;
    return engineFaults.has(type) ? 500 : 400;
  }
  if (error instanceof LakebookError) {
    const known = statusByCode[error.code];
    if (known !== undefined) return known;
    if (/_NOT_FOUND$/.test(error.code)) return 404;
    if (/_EXISTS$/.test(error.code)) return 409;
    return error.name === 'LakebookError' ? 500 : 400;
  }
  const status = (error as Partial<FastifyError> | undefined)?.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

/** The problem document of any error. What a server's fault was is for the log alone. */
export function problemOf(error: unknown, instance?: string): Problem {
  const status = statusOf(error);
  const common = { status, ...(instance === undefined ? {} : { instance }) };
  const title = STATUS_CODES[status] ?? 'Error';
  if (status >= 500 && !(error instanceof GatewayError)) {
    const code = error instanceof LakebookError ? error.code : 'INTERNAL';
    return {
      type: typeOf(code),
      title,
      ...common,
      code,
      detail: 'The server could not do this. Its log tells why, under the id in `instance`.',
    };
  }
  if (error instanceof LakebookError) {
    const { code, message, hint, position } = error;
    return {
      type: typeOf(code),
      title,
      ...common,
      code,
      detail: message,
      ...(hint === undefined ? {} : { hint }),
      ...(position === undefined ? {} : { position }),
    };
  }
  const { message, code, validation } = error as FastifyError;
  const ownCode = validation === undefined ? (requestCodes[code] ?? 'BAD_REQUEST') : 'INVALID_REQUEST';
  return { type: typeOf(ownCode), title, ...common, code: ownCode, detail: message };
}

function typeOf(code: string): string {
  return `urn:lakebook:problem:${code.toLowerCase().replaceAll('_', '-')}`;
}

/** Codes of fastify's own refusals. */
const requestCodes: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'BODY_MISSING',
  FST_ERR_CTP_INVALID_JSON_BODY: 'BODY_INVALID',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'CONTENT_LENGTH_WRONG',
  FST_ERR_NOT_FOUND: 'ROUTE_NOT_FOUND',
};

export const problemType = 'application/problem+json';
