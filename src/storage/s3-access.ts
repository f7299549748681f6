import type { S3Settings } from './settings.ts';

/** Keys of S3, temporary when there is a session token. */
export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** When they stop being good; they're asked for again some minutes before. */
  readonly expiration?: Date;
}

/** A request to S3 that someone else is to sign. */
export interface UnsignedRequest {
  readonly method: string;
  /** With the query, encoded as it's sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly region: string;
  /** Only of requests whose signer has to look into it: deletes of several objects. */
  readonly body?: string;
}

/** What a signer makes of a request. */
export interface SignedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * How one part of S3 is reached, where that's other than the lake's settings say: a catalog gave out keys for a table,
 * or signs requests itself. One object stands for one client, which is kept as long as the object is.
 */
export interface S3Access {
  /** All of the settings, not only what differs. */
  readonly settings: S3Settings;
  /** Absent: keys come from where the AWS SDK finds them. */
  readonly keys?: () => Promise<S3Keys>;
  /** Takes the place of keys. */
  readonly sign?: (request: UnsignedRequest) => Promise<SignedRequest>;
  /** The server doesn't take the keys at hand: others are to be got. */
  readonly renew?: () => void;
}

/** The access for an address of a file or folder; undefined: the lake's settings are right for it. */
export type S3AccessFor = (location: string) => Promise<S3Access | undefined>;
