// Client tokens: JWT (RFC 7519, RFC 8725), signed with a secret (HS256) or, where an app has issuers, with one of their
// private keys (RS256, ES256, EdDSA). jose does the cryptography; this file decides which key may verify a token, and
// which claims the token must have.

import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { KeyObject } from "node:crypto";
import { keysWithoutKidMax, tokenCharactersMax } from "../base/limits/fixed.ts";
import { type Issuer, Issuers, type KeySet } from "./issuers.ts";
import type { PublicKey } from "./jwks.ts";
import { isPerson, nameRule, validName } from "./names.ts";
import { type AppKey, fingerprintDigits, fingerprintOf } from "./secret.ts";

/** What verified a token: the verifier's own object, compared by identity. */
export type VerifyingKey = Uint8Array | PublicKey;

interface Claims {
  readonly ok: true;
  readonly app: string;
  readonly account: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /**
   * Seconds since 1970, or undefined without the claim. A time that is yet to come says nothing, either: until then no
   * revocation would end the token.
   */
  readonly issuedAt: number | undefined;
}

interface Refusal {
  readonly ok: false;
  /** A sentence for the client. */
  readonly reason: string;
}

/** The claims of a valid token, or why it is refused. */
type TokenVerdict = (Claims & { readonly key: VerifyingKey }) | Refusal;

const refused = (reason: string): Refusal => ({ ok: false, reason });

/** How far the signer's clock may be ahead, in nbf and iat. It never lengthens a token's life. */
const leewaySeconds = 30;
/** The end of the year 9999. Later times are milliseconds by mistake: such a token would outlive everything. */
const secondsMax = 253_402_300_799;
/** jose passes over padding and white space, which are to be refused (RFC 7515, 5.2). */
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]*$/;

export interface TokenKeys {
  readonly keys: readonly Uint8Array[];
  readonly appKeys: readonly AppKey[];
  readonly issuers: readonly Issuer[];
}

/** Returns the fingerprints of the keys of all apps and of the issuers' public keys, for a log. */
export function fingerprintsOf({ keys, issuers }: TokenKeys): string[] {
  const publicKeys = issuers.flatMap((issuer) => issuer.keys.map(({ key }) => key.digest.slice(0, fingerprintDigits)));
  return [...new Set([...keys.map(fingerprintOf), ...publicKeys])];
}

interface TokenRules {
  /** The app of tokens that name none; if undefined, they are refused. */
  readonly defaultApp?: string | undefined;
  /** Keys of single apps. An app with keys or issuers of its own accepts no other key. */
  readonly appKeys?: readonly AppKey[] | undefined;
  readonly issuers?: readonly Issuer[] | undefined;
}

/** The parts of a token as it claims them: nothing is verified. */
interface Unverified {
  readonly alg: string | undefined;
  readonly kid: unknown;
  readonly payload: JWTPayload;
}

/** Verifies tokens against any of several keys, so that keys can be rotated. */
export class TokenVerifier {
  private keys: readonly Uint8Array[];
  private readonly wallMs: () => number;
  private readonly defaultApp: string | undefined;
  private appKeys: ReadonlyMap<string, readonly AppKey[]>;
  private issuers: Issuers;

  /** `keys` verify the tokens of apps without keys and issuers of their own. */
  constructor(
    keys: readonly Uint8Array[],
    wallMs: () => number = Date.now,
    { defaultApp, appKeys = [], issuers = [] }: TokenRules = {},
  ) {
    this.keys = keys;
    this.wallMs = wallMs;
    this.defaultApp = defaultApp;
    this.appKeys = Map.groupBy(appKeys, ({ app }) => app);
    this.issuers = new Issuers(issuers);
  }

  /** Replaces all keys. Keys that remain keep their identity as objects. */
  replaceKeys({ keys, appKeys, issuers }: TokenKeys): void {
    const before = [...this.keys, ...[...this.appKeys.values()].flat().map(({ key }) => key)];
    const known = new Map(before.map((key) => [Buffer.from(key).toString("latin1"), key]));
    const same = (key: Uint8Array): Uint8Array => known.get(Buffer.from(key).toString("latin1")) ?? key;
    this.keys = keys.map(same);
    this.appKeys = Map.groupBy(
      appKeys.map((each) => ({ ...each, key: same(each.key) })),
      ({ app }) => app,
    );
    this.issuers = new Issuers(issuers, this.issuers);
  }

  /** Reports whether a key that has verified a token is still accepted for its app. */
  takes(app: string, key: VerifyingKey | undefined): boolean {
    const own = this.appKeys.get(app);
    const sets = this.issuers.of(app);
    if (own === undefined && sets === undefined) return this.keys.some((each) => each === key);
    if (own?.some((each) => each.key === key) === true) return true;
    return sets?.values().some(({ all }) => all.some((each) => each === key)) ?? false;
  }

  /**
   * Never rejects because of a token's content. Calls `charge` before each public key beyond the first that the token
   * is tried with: each one costs about as much as the rest of a sign-in.
   */
  async verify(token: string, charge?: () => void): Promise<TokenVerdict> {
    for (;;) {
      const verdict = await this.verdictOn(token, charge);
      // The keys may have been replaced in the meantime.
      if (!verdict.ok || this.takes(verdict.app, verdict.key)) return verdict;
    }
  }

  private async verdictOn(token: string, charge: (() => void) | undefined): Promise<TokenVerdict> {
    if (token.length > tokenCharactersMax) return refused("the token is too long");
    let unverified: Unverified;
    try {
      const { alg, kid, crit } = decodeProtectedHeader(token);
      if (!compactForm.test(token)) return refused(malformed);
      if (crit !== undefined) return refused(unknownExtension);
      // Without keys of single apps, the payload decides nothing.
      const hasOwn = this.appKeys.size > 0 || this.issuers.size > 0;
      unverified = { alg, kid, payload: hasOwn ? decodeJwt(token) : {} };
    } catch {
      return refused("this is not a token");
    }
    const app = this.appOf(unverified.payload);
    const sets = typeof app === "string" ? this.issuers.of(app) : undefined;
    // The sets of keys are apart: a secret never verifies another algorithm, and a public key never verifies HS256.
    if (unverified.alg === "HS256") return this.bySecret(token, unverified, app, sets !== undefined);
    if (sets !== undefined) return this.byIssuer(token, unverified, sets, charge);
    return refused("the token must be signed with HS256");
  }

  private async bySecret(token: string, { kid }: Unverified, app: unknown, hasIssuers: boolean): Promise<TokenVerdict> {
    const own = typeof app === "string" ? this.appKeys.get(app) : undefined;
    if (own === undefined && hasIssuers) return refused("tokens of this app must be signed by its issuer, not HS256");
    // Without a kid, all keys of the app are tried; with one, only the key that it names.
    const keys = own?.filter((key) => kid === undefined || key.kid === kid).map(({ key }) => key) ?? this.keys;
    if (keys.length === 0) return refused(noKey);
    for (const key of keys) {
      const verdict = await this.verifyBy(key, key, token, hs256);
      if (verdict !== undefined) return verdict;
    }
    return refused(wrongSignature);
  }

  /** Refuses as much as it can before the cryptography, which costs a hundred times as much as the rest. */
  private async byIssuer(
    token: string,
    { alg, kid, payload }: Unverified,
    sets: ReadonlyMap<string, KeySet>,
    charge: (() => void) | undefined,
  ): Promise<TokenVerdict> {
    const set = typeof payload.iss === "string" ? sets.get(payload.iss) : undefined;
    if (set === undefined) return refused("the token's iss is not an issuer that this app has");
    const audienceFault = faultOfAudience(set.audience, payload.aud);
    if (audienceFault !== undefined) return refused(audienceFault);
    const claimed = this.claimsOf(payload, this.wallMs());
    if (!claimed.ok) return claimed;
    const named = typeof kid === "string" ? set.byKid.get(kid) : undefined;
    const known = kid === undefined ? set.all : named === undefined ? [] : [named];
    if (known.length === 0) return refused(noKey);
    const keys = known.filter(({ algorithms }) => algorithms.some((each) => each === alg));
    if (keys.length === 0) return refused("the token's alg does not fit the key");
    if (keys.length > keysWithoutKidMax)
      return refused(`the token has no kid, and more than ${keysWithoutKidMax} keys could have signed it`);
    for (const [index, key] of keys.entries()) {
      if (index > 0) charge?.();
      const verdict = await this.verifyBy(key, key.key, token, key.algorithms);
      if (verdict !== undefined) return verdict;
    }
    return refused(wrongSignature);
  }

  /** Returns undefined if another key signed the token. */
  private async verifyBy(
    key: VerifyingKey,
    material: Uint8Array | KeyObject,
    token: string,
    algorithms: readonly string[],
  ): Promise<TokenVerdict | undefined> {
    const nowMs = this.wallMs();
    try {
      const { payload } = await jwtVerify(token, material, {
        algorithms: [...algorithms],
        requiredClaims: ["exp"],
        // jose applies the tolerance to exp, too, so exp is checked again below.
        clockTolerance: leewaySeconds,
        currentDate: new Date(nowMs),
      });
      // Nobody has said which audience this server is for tokens of a secret (RFC 7519, 4.1.3).
      if (key instanceof Uint8Array && payload.aud !== undefined) return refused(audienceOfSecret);
      const claims = this.claimsOf(payload, nowMs);
      return claims.ok ? { ...claims, key } : claims;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
      if (error instanceof errors.JWTExpired) return refused("the token has expired");
      if (error instanceof errors.JOSEError) return refused(sentenceOf(error));
      throw error;
    }
  }

  /** Tokens of KIM, the system that this protocol comes from, have no app or an empty one. */
  private appOf({ app }: JWTPayload): unknown {
    return app === undefined || app === "" ? this.defaultApp : app;
  }

  /** Reads the claims that a token must have. They may be unverified: of any type, whatever JWTPayload says. */
  private claimsOf(payload: JWTPayload, nowMs: number): Claims | Refusal {
    const { acc: account, exp, iat: issuedAt } = payload;
    const app = this.appOf(payload);
    if (typeof account !== "string" || !isPerson(account))
      return refused(`invalid acc in the token: expected ${nameRule}`);
    if (app === undefined)
      return refused("the token has no app, and this server has none for such tokens (--default-app)");
    if (typeof app !== "string" || !validName(app)) return refused(`invalid app in the token: expected ${nameRule}`);
    if (exp === undefined) return refused("the token has no exp");
    if (!isTime(exp)) return refused(notTime("exp"));
    if (issuedAt !== undefined && !isTime(issuedAt)) return refused(notTime("iat"));
    if (exp * 1000 <= nowMs) return refused("the token has expired");
    const isAhead = issuedAt !== undefined && (issuedAt - leewaySeconds) * 1000 > nowMs;
    return { ok: true, app, account, expiresAt: exp, issuedAt: isAhead ? undefined : issuedAt };
  }
}

const hs256 = ["HS256"] as const;
const noKey = "no key matches the app and the kid of this token";
const wrongSignature = "the token's signature is wrong";
const audienceOfSecret = "the token has an aud, which a token that is signed with HS256 must not have";
const malformed = "the token is not valid: expected three parts of base64url, separated by dots";
const notTime = (claim: string): string => `the token's ${claim} must be a number of seconds since 1970`;
const isTime = (value: unknown): boolean => typeof value === "number" && value <= secondsMax;
const unknownExtension =
  "the token is not valid: its header asks for an extension (crit) that this server does not know";

/** Returns what is wrong with a token's `aud`, a string or a list of them (RFC 7519, 4.1.3), or undefined. */
function faultOfAudience(expected: string | undefined, aud: unknown): string | undefined {
  if (expected === undefined)
    return aud === undefined ? undefined : "the token has an aud, and this app's issuer was given none";
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return audiences.includes(expected) ? undefined : "the token's aud is not the audience of this server";
}

/** Says why jose refused a token that has a valid signature or no signature to verify. */
function sentenceOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason, payload } = error;
    if (reason === "missing") return `the token has no ${claim}`;
    if (claim === "nbf" && reason === "check_failed")
      return `the token is not valid yet: nbf is ${payload.nbf}, and a clock may be ${leewaySeconds} s off`;
    return notTime(claim);
  }
  if (error instanceof errors.JWTInvalid) return "the token is not valid: its payload is not a JSON object";
  return malformed;
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
