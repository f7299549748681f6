/** How object storage is reached, and where what was read of it is kept. Holds no secrets. */
export interface StorageSettings {
  readonly s3: S3Settings;
  readonly cache: CacheSettings;
}

/**
 * How S3 is reached. What is absent is left to the AWS SDK: AWS_* environment variables, the files in ~/.aws,
 * single sign-on, web identity, the machine's own role.
 */
export interface S3Settings {
  /** http(s) address of a server that isn't AWS's own, for example MinIO's. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Whether the bucket stands in the path and not in the host name. Absent: it does where an endpoint is set. */
  readonly pathStyle?: boolean;
  /** A profile of ~/.aws/config and ~/.aws/credentials. */
  readonly profile?: string;
  /** Requests aren't signed: only what everyone may read can be read. */
  readonly anonymous?: boolean;
  /** Absolute path of a file of certificates (PEM) that are trusted beside those of public authorities. */
  readonly ca?: string;
}

export interface CacheSettings {
  /** Absolute path. Absent: `lakebook` in the user's cache folder. */
  readonly folder?: string;
  /** How much may be kept on disk, in bytes. */
  readonly bytes?: number;
}

export const defaultCacheBytes = 20 * 1024 ** 3;
