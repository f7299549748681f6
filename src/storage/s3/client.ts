import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { LakebookError } from '../../iceberg/errors.ts';
import type { S3Access } from '../s3-access.ts';
import type { S3Settings } from '../settings.ts';
import { outsideSigner } from './outside-signer.ts';

/** In milliseconds. */
export interface Timeouts {
  readonly connect: number;
  /** Without a byte coming or going. */
  readonly idle: number;
  /** From a request's first byte to the answer's. */
  readonly answer: number;
}

export const defaultTimeouts: Timeouts = { connect: 5_000, idle: 30_000, answer: 300_000 };

/** Connections to the server at once. */
const maxSockets = 64;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A client for the settings; where they are silent, the SDK's own chain decides: AWS_* variables, files in ~/.aws,
 * single sign-on, web identity, container and instance roles. It never retries: `Retries` does. `access` has keys, or
 * signs the requests, in the place of all that.
 * @throws LakebookError `S3_TLS` when the file of certificates can't be read
 */
export function createClient(
  settings: S3Settings,
  timeouts: Timeouts = defaultTimeouts,
  environment: Environment = process.env,
  access?: Pick<S3Access, 'keys' | 'sign'>,
): S3Client {
  const { endpoint, profile, anonymous } = settings;
  const ownServer = endpoint ?? environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL;
  const region = regionOf(settings, ownServer, environment);
  const config: S3ClientConfig = {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    ...(anonymous === true ? unsigned : {}),
    ...(access?.keys === undefined ? {} : { credentials: access.keys }),
    ...(access?.sign === undefined
      ? {}
      : { credentials: nobody, signer: outsideSigner(access.sign, region ?? 'us-east-1') }),
    forcePathStyle: settings.pathStyle ?? ownServer !== undefined,
    followRegionRedirects: true,
    maxAttempts: 1,
    // Of ranges the server has no checksum to compare with; whole files ask for one.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: timeouts.connect,
      socketTimeout: timeouts.idle,
      requestTimeout: timeouts.answer,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets, ...authorities(settings, environment) },
    },
  };
  return new S3Client(config);
}

/** Servers of one's own don't mind the region, but every signature names one. */
function regionOf(
  settings: S3Settings,
  ownServer: string | undefined,
  environment: Environment,
): string | undefined {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE } = environment;
  const named = settings.region ?? (AWS_REGION || AWS_DEFAULT_REGION || undefined);
  if (named !== undefined) return named;
  const inProfile = settings.profile !== undefined || AWS_PROFILE !== undefined;
  return ownServer !== undefined || !inProfile ? 'us-east-1' : undefined;
}

/** The SDK asks for credentials also where they aren't used. */
const nobody = { accessKeyId: '', secretAccessKey: '' };

const unsigned: Pick<S3ClientConfig, 'signer' | 'credentials'> = {
  signer: { sign: async request => request },
  credentials: nobody,
};

/** Whom the client trusts besides those whom Node trusts by itself, NODE_EXTRA_CA_CERTS among them. */
function authorities({ ca }: S3Settings, { AWS_CA_BUNDLE }: Environment): { ca?: string[] } {
  const file = ca ?? AWS_CA_BUNDLE;
  if (file === undefined || file === '') return {};
  const unusable = (cause?: unknown) =>
    new LakebookError('S3_TLS', `The certificates in ${file} can't be read.`, {
      hint: `${ca === undefined ? 'AWS_CA_BUNDLE' : 'storage.s3.ca'} must name a file of certificates in PEM form.`,
      cause,
    });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unusable(error);
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw unusable();
  return { ca: [...trustedByNode(), text] };
}

function trustedByNode(): readonly string[] {
  // Since 22.15; before, public authorities are all that can be named.
  return typeof tls.getCACertificates === 'function'
    ? tls.getCACertificates('default')
    : tls.rootCertificates;
}
