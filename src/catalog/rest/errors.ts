import {
  AlreadyExistsError,
  CommitConflictError,
  LakebookError,
  NotFoundError,
  UnsupportedError,
  ValidationError,
} from '../../iceberg/errors.ts';
import { type Failure, isTlsFailure, notJson, RequestError } from './failure.ts';

/** What was tried, for messages. */
export interface Doing {
  /** Follows "Can't": `load the table a.b`. */
  readonly doing: string;
  /** The setting that names the server; `catalog.uri` when absent. */
  readonly setting?: string;
  /** What wasn't found when the server says 404 and not what. */
  readonly missing?: {
    readonly what: 'table' | 'view' | 'namespace' | 'warehouse';
    readonly message: string;
  };
  /** Many servers turn down paths with such a name (400), so nothing of the name can be there. */
  readonly isOddName?: boolean;
  /** What is there already when the server says 409; absent: another commit came first. */
  readonly taken?: { readonly what: 'table' | 'view' | 'namespace'; readonly message: string };
}

const unauthorizedHint =
  'Set LAKEBOOK_CATALOG_CREDENTIAL (client id:secret) or LAKEBOOK_CATALOG_TOKEN in the environment; a token may have expired.';

/** A failed request as an error that a person can act on. */
export function explainFailure(error: RequestError, context: Doing): LakebookError {
  const { failure } = error;
  const { doing, setting = 'catalog.uri' } = context;
  const told = describe(failure);
  const cause = plainCause(failure);
  const make = (code: string, what: string, hint: string) =>
    new LakebookError(code, `Can't ${doing}: ${what}`, { hint, cause });
  const status = isTurnedDown(failure, context) ? 404 : failure.status;
  switch (status) {
    case undefined:
      return unanswered(failure, make, setting);
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return make(
        'CATALOG_UNREACHABLE',
        `the server sends to another address, ${failure.message}.`,
        `Set ${setting} to the address that the server wants to be asked at.`,
      );
    case 401:
    case 419:
      return make('CATALOG_UNAUTHORIZED', `the catalog does not accept who asks${told}`, unauthorizedHint);
    case 403:
      return make(
        'PERMISSION_DENIED',
        `the catalog does not allow it${told}`,
        'These credentials lack the right to do it: ask the administrator of the catalog for it.',
      );
    case 404:
      return notFound(failure, context, cause);
    case 405:
    case 406:
    case 501:
      return new UnsupportedError(`Can't ${doing}: the catalog does not know how${told}`, { cause });
    case 409:
      return conflict(failure, context, cause);
    case 429:
    case 503:
      return make('CATALOG_BUSY', `the catalog is busy${told}`, 'Run it again in a while.');
    case 400:
    case 422:
      return new ValidationError(`Can't ${doing}: the catalog turns it down${told}`, { cause });
    default:
      return make(
        'CATALOG_ERROR',
        `the catalog has trouble (status ${failure.status})${told}`,
        'Look at the log of the catalog server, and run it again later.',
      );
  }
}

/** The name in the path is what the server doesn't take. */
function isTurnedDown({ status, type }: Failure, { isOddName = false, missing }: Doing): boolean {
  return status === 400 && type === undefined && isOddName && missing !== undefined;
}

function unanswered(
  failure: Failure,
  make: (code: string, what: string, hint: string) => LakebookError,
  setting: string,
): LakebookError {
  const { type = '', message } = failure;
  if (isTlsFailure(failure)) {
    return make(
      'CATALOG_TLS',
      `the server's certificate isn't accepted (${type}).`,
      'Name the file of your certificate authority in NODE_EXTRA_CA_CERTS; for a server without TLS write http://.',
    );
  }
  if (type === notJson) {
    return make(
      'CATALOG_ERROR',
      `what answers isn't a REST catalog: ${message}.`,
      `Check ${setting}: it is the address before /v1/config, with a path where the server has one.`,
    );
  }
  const what: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'no server answers at its address.',
    ENOTFOUND: "the server's name isn't known.",
    EAI_AGAIN: "the server's name can't be looked up.",
    TimeoutError: 'the server did not answer in time.',
    UND_ERR_CONNECT_TIMEOUT: 'the server does not answer.',
    UND_ERR_HEADERS_TIMEOUT: 'the server did not answer in time.',
  };
  return make(
    'CATALOG_UNREACHABLE',
    what[type] ?? `the connection failed: ${message} (${type}).`,
    `Check ${setting}, the network, and whether the server is running.`,
  );
}

function notFound(failure: Failure, { doing, missing }: Doing, cause: Error): LakebookError {
  const what = {
    NoSuchNamespaceException: 'namespace',
    NoSuchTableException: 'table',
    NoSuchViewException: 'view',
    NoSuchWarehouseException: 'warehouse',
  }[failure.type ?? ''];
  if (failure.type === 'NotFoundException') {
    return new NotFoundError('file', `Can't ${doing}: a file isn't there${describe(failure)}`, { cause });
  }
  if (missing !== undefined && (what === undefined || what === missing.what)) {
    const hint =
      missing.what === 'warehouse'
        ? 'Check catalog.uri (it is the address before /v1/config) and the name of the warehouse.'
        : 'List what is there with `%lake tables` or `SHOW TABLES`.';
    return new NotFoundError(missing.what, missing.message, { hint, cause });
  }
  return new NotFoundError(what ?? 'resource', `Can't ${doing}: it isn't there${describe(failure)}`, {
    cause,
  });
}

function conflict(failure: Failure, { doing, taken }: Doing, cause: Error): LakebookError {
  if (failure.type === 'NamespaceNotEmptyException') {
    return new ValidationError(
      `Can't ${doing}: the namespace is not empty${describe(failure)}`,
      { hint: 'Drop or move what is in it first.', cause },
      'NAMESPACE_NOT_EMPTY',
    );
  }
  if (taken !== undefined) return new AlreadyExistsError(taken.what, taken.message, { cause });
  return new CommitConflictError(`Another writer came first: can't ${doing}${describe(failure)}`, {
    hint: 'Nothing was changed: run it again.',
    cause,
  });
}

/** What the server said, as the end of a sentence. */
function describe({ type, message }: Failure): string {
  const words = [type, message]
    .filter(Boolean)
    .join(': ')
    .replace(/\.?\s*$/, '');
  return words === '' ? '.' : `: ${words}.`;
}

function plainCause({ status, type, message }: Failure): Error {
  const cause = new Error(`${message}${status === undefined ? '' : ` (status ${status})`}`);
  cause.name = type ?? 'HttpError';
  return cause;
}

/** Does `work`, and explains how it failed. @throws LakebookError */
export async function explained<T>(context: Doing, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof RequestError ? explainFailure(error, context) : error;
  }
}
