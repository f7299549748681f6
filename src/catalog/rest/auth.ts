/** A request before it's sent. Header names are in lower case. */
export interface SignableRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  body?: string;
}

/** Says who makes a request. */
export interface Authenticator {
  /**
   * Adds what the request needs. @returns the token it used, if it's one that can be renewed
   * @throws LakebookError when there are no credentials to be had
   */
  sign(request: SignableRequest): Promise<string | undefined>;
  /** The server doesn't take `token` any more. @returns whether another try makes sense. */
  renew(token: string | undefined): Promise<boolean>;
}

/** Requests that need no authentication, or for which a header of the settings is all of it. */
export const anonymous: Authenticator = {
  sign: async () => undefined,
  renew: async () => false,
};

/** A name and a password, as `rest.auth.type=basic` has it. */
export function basicAuth(username: string, password: string): Authenticator {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return {
    sign: async request => {
      request.headers.authorization ??= authorization;
      return undefined;
    },
    renew: async () => false,
  };
}
