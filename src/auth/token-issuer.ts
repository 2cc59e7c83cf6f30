// Makes tokens of clients with the keys that a process has.

import { signToken, type TokenKeys } from "./token.ts";

/** Which key signs the tokens of an app, and its id. */
interface SigningKey {
  readonly key: Uint8Array;
  readonly kid: string | undefined;
}

/** Undefined: there is none, or the tokens of the app are made by its issuers. */
export function signingKeyOf({ keys, appKeys, issuers }: TokenKeys, app: string): SigningKey | undefined {
  const own = appKeys.find((each) => each.app === app);
  if (own !== undefined) return own;
  const [key] = keys;
  return key === undefined || issuers.some((each) => each.app === app) ? undefined : { key, kid: undefined };
}

/** A token, and when it expires, in seconds since 1970. */
interface IssuedToken {
  readonly token: string;
  readonly expiresAt: number;
}

export class TokenIssuer {
  private readonly keys: () => TokenKeys;

  /** `keys`: those of now. */
  constructor(keys: () => TokenKeys) {
    this.keys = keys;
  }

  /** Undefined if this process has no key for the app. */
  async issue(
    claims: { readonly app: string; readonly account: string; readonly ttlSeconds: number },
    nowMs: number,
  ): Promise<IssuedToken | undefined> {
    const signing = signingKeyOf(this.keys(), claims.app);
    if (signing === undefined) return undefined;
    const token = await signToken(signing.key, claims, nowMs, signing.kid);
    return { token, expiresAt: Math.floor(nowMs / 1_000) + claims.ttlSeconds };
  }
}
