// Client tokens: JWT with HS256 only (RFC 7519, RFC 8725). jose does the cryptography; this file decides which claims a
// token must have.

import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import { tokenCharactersMax } from "../base/limits/fixed.ts";
import { nameRule, validName } from "./names.ts";
import type { AppKey } from "./secret.ts";

/** The claims of a valid token, or a sentence for the client that says why it is refused. */
type TokenVerdict =
  | {
      readonly ok: true;
      readonly app: string;
      readonly account: string;
      /** Seconds since 1970. */ readonly expiresAt: number;
      /** Seconds since 1970, or undefined without the claim. */ readonly issuedAt: number | undefined;
      /** The key that verified it: the verifier's own object. */ readonly key: Uint8Array;
    }
  | { readonly ok: false; readonly reason: string };

const refused = (reason: string): TokenVerdict => ({ ok: false, reason });

/** How far the signer's clock may be ahead. It applies to nbf only and never lengthens a token's life. */
const notBeforeLeewaySeconds = 30;

export interface TokenKeys {
  readonly keys: readonly Uint8Array[];
  readonly appKeys: readonly AppKey[];
}

interface TokenRules {
  /** The app of tokens that name none; if undefined, they are refused. */
  readonly defaultApp?: string | undefined;
  /** Keys of single apps. An app with its own keys accepts no other key. */
  readonly appKeys?: readonly AppKey[] | undefined;
}

/** Verifies tokens against any of several keys, so that keys can be rotated. */
export class TokenVerifier {
  private keys: readonly Uint8Array[];
  private readonly wallMs: () => number;
  private readonly defaultApp: string | undefined;
  private appKeys: ReadonlyMap<string, readonly AppKey[]>;

  /** `keys` verify the tokens of apps without keys of their own. */
  constructor(
    keys: readonly Uint8Array[],
    wallMs: () => number = Date.now,
    { defaultApp, appKeys = [] }: TokenRules = {},
  ) {
    this.keys = keys;
    this.wallMs = wallMs;
    this.defaultApp = defaultApp;
    this.appKeys = Map.groupBy(appKeys, ({ app }) => app);
  }

  /** Replaces all keys. Keys that remain keep their identity as objects. */
  replaceKeys({ keys, appKeys }: TokenKeys): void {
    const before = [...this.keys, ...[...this.appKeys.values()].flat().map(({ key }) => key)];
    const known = new Map(before.map((key) => [Buffer.from(key).toString("latin1"), key]));
    const same = (key: Uint8Array): Uint8Array => known.get(Buffer.from(key).toString("latin1")) ?? key;
    this.keys = keys.map(same);
    this.appKeys = Map.groupBy(
      appKeys.map((each) => ({ ...each, key: same(each.key) })),
      ({ app }) => app,
    );
  }

  /** Reports whether a key that has verified a token is still accepted for its app. */
  takes(app: string, key: Uint8Array | undefined): boolean {
    const own = this.appKeys.get(app);
    return own === undefined ? this.keys.some((each) => each === key) : own.some((each) => each.key === key);
  }

  /** Never rejects because of a token's content. */
  async verify(token: string): Promise<TokenVerdict> {
    const verdict = await this.verdictOn(token);
    // A key may have been removed in the meantime.
    return verdict.ok && !this.takes(verdict.app, verdict.key) ? this.verdictOn(token) : verdict;
  }

  private async verdictOn(token: string): Promise<TokenVerdict> {
    if (token.length > tokenCharactersMax) return refused("the token is too long");
    let keys = this.keys;
    try {
      const { alg, kid } = decodeProtectedHeader(token);
      if (alg !== "HS256") return refused("the token must be signed with HS256");
      if (this.appKeys.size > 0) keys = this.keysFor(token, kid);
    } catch {
      return refused("this is not a token");
    }
    if (keys.length === 0) return refused("no key matches the app and the kid of this token");
    for (const key of keys) {
      const verdict = await this.verifyBy(key, token);
      if (verdict !== undefined) return verdict;
    }
    return refused("the token's signature is wrong");
  }

  /** Returns the keys of the app that the token names, unverified. Throws if the token is malformed. */
  private keysFor(token: string, kid: string | undefined): readonly Uint8Array[] {
    const app = decodeJwt(token)["app"];
    const own = this.appKeys.get((app === "" ? undefined : stringOf(app)) ?? this.defaultApp ?? "");
    if (own === undefined) return this.keys;
    // Without a kid, all keys of the app are tried; with one, only the key that it names.
    return own.filter((key) => kid === undefined || key.kid === kid).map(({ key }) => key);
  }

  /** Returns undefined if another key signed the token. */
  private async verifyBy(key: Uint8Array, token: string): Promise<TokenVerdict | undefined> {
    const nowMs = this.wallMs();
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ["HS256"],
        requiredClaims: ["exp"],
        // jose applies the tolerance to exp, too, so exp is checked again below.
        clockTolerance: notBeforeLeewaySeconds,
        currentDate: new Date(nowMs),
      });
      const { acc: account, exp, iat: issuedAt } = payload;
      // Tokens of KIM, the system that this protocol comes from, have no app or an empty one.
      const isAppless = payload["app"] === undefined || payload["app"] === "";
      const app = isAppless ? this.defaultApp : payload["app"];
      if (typeof account !== "string" || !validName(account))
        return refused(`invalid acc in the token: expected ${nameRule}`);
      if (app === undefined)
        return refused("the token has no app, and this server has none for such tokens (--default-app)");
      if (typeof app !== "string" || !validName(app)) return refused(`invalid app in the token: expected ${nameRule}`);
      if (exp === undefined) return refused("the token has no exp");
      if (exp <= Math.floor(nowMs / 1000)) return refused("the token has expired");
      return { ok: true, app, account, expiresAt: exp, issuedAt, key };
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
      if (error instanceof errors.JWTExpired) return refused("the token has expired");
      if (error instanceof errors.JOSEError) return refused(sentenceOf(error));
      throw error;
    }
  }
}

const stringOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** Says why jose refused a token that has a valid signature or no signature to verify. */
function sentenceOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason, payload } = error;
    if (reason === "missing") return `the token has no ${claim}`;
    if (claim === "nbf" && reason === "check_failed")
      return `the token is not valid yet: nbf is ${payload.nbf}, and a clock may be ${notBeforeLeewaySeconds} s off`;
    return `the token's ${claim} must be a number of seconds since 1970`;
  }
  if (error instanceof errors.JWTInvalid) return "the token is not valid: its payload is not a JSON object";
  if (error instanceof errors.JOSENotSupported)
    return "the token is not valid: its header asks for an extension (crit) that this server does not know";
  return "the token is not valid: expected three parts of base64url, separated by dots";
}

/** Signs a token that expires after `ttlSeconds`. */
export function signToken(
  key: Uint8Array,
  claims: { readonly account: string; readonly app: string; readonly ttlSeconds: number },
  nowMs: number = Date.now(),
  kid?: string,
): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1000);
  return new SignJWT({ acc: claims.account, app: claims.app })
    .setProtectedHeader({ alg: "HS256", typ: "JWT", ...(kid === undefined ? {} : { kid }) })
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + claims.ttlSeconds)
    .sign(key);
}
