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
    }
  | { readonly ok: false; readonly reason: string };

const refused = (reason: string): TokenVerdict => ({ ok: false, reason });

/** What the clock of who signs a token may be ahead of ours: it counts for nbf, and never lengthens a token's life. */
const notBeforeLeewaySeconds = 30;

/** Verifies tokens against any of several keys, so that keys can be rotated. */
export class TokenVerifier {
  private readonly keys: readonly Uint8Array[];
  private readonly wallMs: () => number;
  private readonly defaultApp: string | undefined;

  /** `defaultApp`: the app of tokens that name none; undefined: they are refused. */
  constructor(keys: readonly Uint8Array[], wallMs: () => number = Date.now, defaultApp?: string) {
    this.keys = keys;
    this.wallMs = wallMs;
    this.defaultApp = defaultApp;
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
    const nowMs = this.wallMs();
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ["HS256"],
        requiredClaims: ["exp"],
        // jose grants it to exp, too, which is therefore looked at again below.
        clockTolerance: notBeforeLeewaySeconds,
        currentDate: new Date(nowMs),
      });
      const { acc: account, exp } = payload;
      // KIM's tokens name no app, or an empty one.
      const isAppless = payload["app"] === undefined || payload["app"] === "";
      const app = isAppless ? this.defaultApp : payload["app"];
      if (typeof account !== "string" || !validName(account))
        return refused(`the token's acc is no name of an account: ${nameRule}`);
      if (app === undefined)
        return refused("the token has no app, and this server has none for such tokens (--default-app)");
      if (typeof app !== "string" || !validName(app)) return refused(`the token's app is no name: ${nameRule}`);
      if (exp === undefined) return refused("the token has no exp");
      if (exp <= Math.floor(nowMs / 1000)) return refused("the token has expired");
      return { ok: true, app, account, expiresAt: exp };
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
      if (error instanceof errors.JWTExpired) return refused("the token has expired");
      if (error instanceof errors.JOSEError) return refused(sentenceOf(error));
      throw error;
    }
  }
}

/** Says why jose refused a token whose signature is right, or that has none to look at. */
function sentenceOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason, payload } = error;
    if (reason === "missing") return `the token has no ${claim}`;
    if (claim === "nbf" && reason === "check_failed")
      return `the token is not valid yet: its nbf is ${payload.nbf}, and a clock may be ${notBeforeLeewaySeconds} s off`;
    return `the token's ${claim} must be a number of seconds since 1970`;
  }
  if (error instanceof errors.JWTInvalid) return "the token is not valid: its payload is no JSON object";
  if (error instanceof errors.JOSENotSupported)
    return "the token is not valid: its header asks for an extension (crit) that this server does not know";
  return "the token is not valid: it is not three parts of base64url with dots between them";
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
