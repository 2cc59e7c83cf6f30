// Client tokens: JWT with HS256 and nothing else (RFC 7519, RFC 8725). jose does the cryptography; what a token must
// hold is decided here.

import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import { tokenCharactersMax } from "../base/limits/fixed.ts";
import { nameRule, validName } from "./names.ts";

/** What a token says, if it may be believed. `reason` is a sentence for the client. */
export type TokenVerdict =
  | {
      readonly ok: true;
      readonly app: string;
      readonly account: string;
      /** Seconds since 1970. */ readonly expiresAt: number;
      /** The same; undefined: it does not say. */ readonly issuedAt: number | undefined;
    }
  | { readonly ok: false; readonly reason: string };

const refused = (reason: string): TokenVerdict => ({ ok: false, reason });

/** Verifies tokens against any of several keys, so that keys can be rotated. */
export class TokenVerifier {
  private readonly keys: readonly Uint8Array[];
  private readonly wallMs: () => number;

  constructor(keys: readonly Uint8Array[], wallMs: () => number = Date.now) {
    this.keys = keys;
    this.wallMs = wallMs;
  }

  /** Never rejects for what a token is made of. */
  async verify(token: string): Promise<TokenVerdict> {
    if (token.length > tokenCharactersMax) return refused("the token is too long");
    try {
      if (decodeProtectedHeader(token).alg !== "HS256") return refused("the token must be signed with HS256");
    } catch {
      return refused("this is not a token");
    }
    for (const key of this.keys) {
      const verdict = await this.verifyBy(key, token);
      if (verdict !== undefined) return verdict;
    }
    return refused("the token's signature is wrong");
  }

  /** Undefined: signed with another key. */
  private async verifyBy(key: Uint8Array, token: string): Promise<TokenVerdict | undefined> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ["HS256"],
        requiredClaims: ["exp"],
        clockTolerance: 0,
        currentDate: new Date(this.wallMs()),
      });
      const { acc: account, app, exp, iat: issuedAt } = payload;
      if (typeof account !== "string" || !validName(account))
        return refused(`the token's acc is no name of an account: ${nameRule}`);
      if (typeof app !== "string" || !validName(app)) return refused(`the token's app is no name: ${nameRule}`);
      if (exp === undefined) return refused("the token has no exp");
      return { ok: true, app, account, expiresAt: exp, issuedAt };
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
      if (error instanceof errors.JWTExpired) return refused("the token has expired");
      if (error instanceof errors.JOSEError) return refused("the token is not valid");
      throw error;
    }
  }
}

/** Makes a token that expires after `ttlSeconds`. */
export function signToken(
  key: Uint8Array,
  claims: { readonly account: string; readonly app: string; readonly ttlSeconds: number },
  nowMs: number = Date.now(),
): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1000);
  return new SignJWT({ acc: claims.account, app: claims.app })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + claims.ttlSeconds)
    .sign(key);
}
