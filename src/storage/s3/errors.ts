import { LakebookError, NotFoundError } from '../../iceberg/errors.ts';
import { errorCode, fromFsError } from '../fs-errors.ts';

/** What is known of a failed request without looking at who signed it. */
export interface S3Failure {
  /** S3's error code (`NoSuchKey`), Node's (`ECONNREFUSED`), or the SDK's (`CredentialsProviderError`). */
  readonly code: string;
  readonly status?: number;
  readonly message: string;
}

interface Explanation {
  readonly code: string;
  /** Follows "Can't <action> <address>: ". */
  readonly what: string;
  readonly hint: string;
}

const credentialsHint =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws in storage.s3.profile.';
const renew = {
  code: 'S3_CREDENTIALS_EXPIRED',
  what: 'the session token has expired.',
  hint: 'Sign in again (for example `aws sso login`), or set AWS_SESSION_TOKEN and its keys anew.',
};
const wrongKeys = {
  code: 'S3_WRONG_CREDENTIALS',
  hint: 'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in storage.s3.profile.',
};
const refusedToken = {
  code: wrongKeys.code,
  what: 'the token of the web identity is refused.',
  hint: 'Check AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, and what the role trusts.',
};
const skew = {
  code: 'S3_CLOCK_SKEW',
  what: "this machine's clock and the server's differ too much.",
  hint: 'Set the clock of this machine right (time zone included), and of the server.',
};
const denied = {
  code: 'PERMISSION_DENIED',
  what: 'access is denied.',
  hint: 'These credentials lack the right to do it: ask for s3:GetObject, PutObject, DeleteObject and ListBucket on the bucket.',
};
const untrusted = {
  code: 'S3_TLS',
  what: "the server's certificate isn't trusted.",
  hint: 'Name the file of your certificate authority in storage.s3.ca (or LAKEBOOK_S3_CA, AWS_CA_BUNDLE, NODE_EXTRA_CA_CERTS).',
};
const busy = {
  code: 'S3_BUSY',
  what: 'the server kept asking to slow down.',
  hint: 'Run it again later, or with fewer clients at once.',
};
const unreachable = (what: string): Explanation => ({
  code: 'S3_UNREACHABLE',
  what,
  hint: 'Check storage.s3.endpoint (or LAKEBOOK_S3_ENDPOINT), the network, and whether the server is running. `lakebook setup` starts MinIO.',
});

const explanations: Readonly<Record<string, Explanation>> = {
  InvalidAccessKeyId: { ...wrongKeys, what: 'the server does not know the access key.' },
  SignatureDoesNotMatch: { ...wrongKeys, what: 'the secret key is wrong.' },
  InvalidToken: { ...wrongKeys, what: 'the session token is wrong.' },
  InvalidTokenId: { ...wrongKeys, what: 'the session token is wrong.' },
  ExpiredToken: renew,
  ExpiredTokenException: renew,
  TokenRefreshRequired: renew,
  InvalidIdentityToken: refusedToken,
  IDPRejectedClaim: refusedToken,
  CredentialsProviderError: {
    code: 'S3_NO_CREDENTIALS',
    what: 'no credentials were found.',
    hint: `${credentialsHint} For public data set storage.s3.anonymous to true.`,
  },
  TokenProviderError: renew,
  AccessDenied: denied,
  Forbidden: denied,
  AllAccessDisabled: denied,
  RequestTimeTooSkewed: skew,
  AuthorizationHeaderMalformed: {
    code: 'S3_WRONG_REGION',
    what: 'the bucket is in another region.',
    hint: "Set storage.s3.region (or AWS_REGION) to the bucket's region.",
  },
  PermanentRedirect: {
    code: 'S3_WRONG_REGION',
    what: 'the bucket is in another region or at another endpoint.',
    hint: "Set storage.s3.region (or AWS_REGION) to the bucket's region.",
  },
  InvalidBucketName: {
    code: 'INVALID',
    what: 'the name of the bucket is not valid.',
    hint: 'A bucket has 3 to 63 lower-case letters, digits, dots and hyphens.',
  },
  KeyTooLongError: {
    code: 'NAME_TOO_LONG',
    what: 'the key is longer than 1024 bytes.',
    hint: 'Use shorter names, or a warehouse nearer to the root of its bucket.',
  },
  QuotaExceeded: {
    code: 'DISK_FULL',
    what: "the bucket's quota is used up.",
    hint: 'Free some space or raise the quota: nothing was half written.',
  },
  XMinioStorageFull: {
    code: 'DISK_FULL',
    what: 'the server has no space left.',
    hint: 'Free some space on the server: nothing was half written.',
  },
  PreconditionFailed: {
    code: 'S3_CHANGED',
    what: 'another object has taken its place.',
    hint: 'Files of a table must never be overwritten: find out which program did it, and restore the file.',
  },
  SlowDown: busy,
  SlowDownRead: busy,
  SlowDownWrite: busy,
  TooManyRequests: busy,
  ECONNREFUSED: unreachable('no server answers at its address.'),
  ENOTFOUND: unreachable("the server's name isn't known."),
  EAI_AGAIN: unreachable("the server's name can't be looked up."),
  EHOSTUNREACH: unreachable('there is no way to its host.'),
  ENETUNREACH: unreachable('there is no way to its network.'),
  ETIMEDOUT: unreachable('the server does not answer.'),
  TimeoutError: unreachable('the server did not answer in time.'),
  ECONNRESET: unreachable('the server closed the connection again and again.'),
  EPIPE: unreachable('the server closed the connection again and again.'),
  IncompleteBody: unreachable('the connection ended before all was transferred, again and again.'),
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: {
    code: 'S3_TLS',
    what: "the server's certificate has expired.",
    hint: "Renew it on the server, or set this machine's clock right.",
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: 'S3_TLS',
    what: "the server's certificate is for another host name.",
    hint: 'Use the name that the certificate has in storage.s3.endpoint; pathStyle keeps the bucket out of it.',
  },
  EPROTO: {
    code: 'S3_TLS',
    what: 'the server does not speak TLS there.',
    hint: 'Write storage.s3.endpoint with http:// for a server without TLS.',
  },
};

/** Any error of the SDK or of the network in plain terms. Nothing of the request, which holds credentials, is kept. */
export function failureOf(error: unknown): S3Failure {
  if (!(error instanceof Error)) return { code: 'Unknown', message: String(error) };
  const known = error as Error & {
    code?: unknown;
    Code?: unknown;
    errno?: unknown;
    errors?: readonly unknown[];
    $metadata?: { httpStatusCode?: number };
  };
  // A name with several addresses fails once for each.
  const [first] = Array.isArray(known.errors) ? known.errors : [];
  if (known.name === 'AggregateError' && first !== undefined) return failureOf(first);
  const status = known.$metadata?.httpStatusCode;
  const own = [known.code, known.Code].find(code => typeof code === 'string' && code !== '');
  const code = typeof own === 'string' ? own : codeByStatus(known.name, status);
  return { code, message: known.message, ...(status === undefined ? {} : { status }) };
}

/** HEAD has no body that could tell the reason; the SDK then names the error after the status, or not at all. */
function codeByStatus(name: string, status: number | undefined): string {
  if (name !== '' && name !== 'Error' && name !== 'UnknownError' && !/^\d+$/.test(name)) return name;
  return { 403: 'Forbidden', 404: 'NotFound', 412: 'PreconditionFailed' }[status ?? 0] ?? name;
}

const transientCodes = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'TimeoutError',
  'IncompleteBody',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'ServiceUnavailable',
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'Throttling',
  'ThrottlingException',
  'XMinioServerNotInitialized',
  'XAmzContentSHA256Mismatch',
  'BadDigest',
  'ConditionalRequestConflict',
]);

/** Whether the same request may well go through later. */
export function isTransient({ code, status, message }: S3Failure): boolean {
  if (transientCodes.has(code)) return true;
  if (status !== undefined) return status === 408 || status === 429 || (status >= 500 && status !== 501);
  return /socket hang up|aborted|terminated|premature close|checksum mismatch/i.test(message);
}

/** Other keys may help. A denial is among it: servers say no more of keys that were taken back. */
export function isAboutKeys({ code }: S3Failure): boolean {
  return (
    explanations[code] === renew ||
    explanations[code] === denied ||
    explanations[code]?.code === wrongKeys.code
  );
}

export function isMissing({ code, status }: S3Failure): boolean {
  return code === 'NoSuchKey' || code === 'NotFound' || (status === 404 && code !== 'NoSuchBucket');
}

/** The server doesn't know conditional writes. */
export function isConditionUnknown({ code, status }: S3Failure): boolean {
  return code === 'NotImplemented' || status === 501;
}

/** A conditional request lost: the object is there already, or is another one than was asked for. */
export function isTaken({ code, status }: S3Failure): boolean {
  return code === 'PreconditionFailed' || status === 412;
}

/**
 * A failed request as an error that a person can act on. `action` is a verb that goes before the address ("read").
 * LakebookErrors pass unchanged. The cause is a plain copy without the request, its headers and keys.
 */
export function fromS3Error(error: unknown, action: string, location: string): LakebookError {
  if (error instanceof LakebookError) return error;
  const failure = failureOf(error);
  const cause = plainCause(failure);
  if (failure.code === 'NoSuchBucket') {
    const bucket = /^\w+:\/\/([^/]+)/.exec(location)?.[1] ?? location;
    return new NotFoundError('bucket', `Can't ${action} ${location}: there is no bucket "${bucket}".`, {
      hint: 'Make the bucket (`lakebook setup` does it), or correct the address.',
      cause,
    });
  }
  if (isMissing(failure)) {
    return new NotFoundError('file', `Can't ${action} ${location}: it isn't there.`, {
      hint: 'It may have been deleted by another program.',
      cause,
    });
  }
  const explanation = explain(failure);
  if (explanation !== undefined) {
    return new LakebookError(explanation.code, `Can't ${action} ${location}: ${explanation.what}`, {
      hint: explanation.hint,
      cause,
    });
  }
  if (errorCode(error) !== undefined) return fromFsError(error, action, location) as LakebookError;
  if (isTransient(failure)) {
    return new LakebookError('S3_UNAVAILABLE', `Can't ${action} ${location}: ${describe(failure)}`, {
      hint: 'The server has trouble: look at its log, and run it again later.',
      cause,
    });
  }
  if (/deserializ|xml|Unexpected token|char '|not expected/i.test(failure.message)) {
    return new LakebookError(
      'S3_NO_S3_SERVER',
      `Can't ${action} ${location}: what answers isn't an S3 server.`,
      { hint: "Check storage.s3.endpoint: MinIO's console has another port than its API.", cause },
    );
  }
  return new LakebookError('S3_ERROR', `Can't ${action} ${location}: ${describe(failure)}`, { cause });
}

function explain(failure: S3Failure): Explanation | undefined {
  const { code, status, message } = failure;
  // The SDK finds the profile, and that nobody signed in.
  if (/Credentials|Token/.test(code) && /aws sso login|SSO session/i.test(message)) {
    const profile = /profile=(\S+)/.exec(message)?.[1];
    return {
      ...renew,
      what: 'nobody is signed in, or the sign-on has expired.',
      hint: `Sign in with \`aws sso login${profile === undefined ? '' : ` --profile ${profile}`}\`, then run it again.`,
    };
  }
  // MinIO's token service.
  if (code === 'InvalidParameterValue' && /token is expired/i.test(message)) {
    return { ...renew, hint: 'Renew the token in the file that AWS_WEB_IDENTITY_TOKEN_FILE names.' };
  }
  return explanations[code] ?? (status === 403 ? denied : undefined);
}

function describe({ code, status, message }: S3Failure): string {
  const where = status === undefined ? code : `${code}, status ${status}`;
  return `${message.replace(/\.?\s*$/, '')} (${where}).`;
}

function plainCause({ code, status, message }: S3Failure): Error {
  const cause = new Error(`${message}${status === undefined ? '' : ` (status ${status})`}`);
  cause.name = code;
  return cause;
}
