// POST /web/account: gives whoever knows the secret of the link that a standalone server prints at its start an account
// to try the web chat with.
//
//   request   {"secret":"…","account":"ann"}, as application/json; without `account` a name is invented
//   answer    200 {"account":"ann-7k2q","token":"…","app":"demo","expiresAt":1790000000}
//   errors    {"error":"a sentence"}: 400 malformed, 403 wrong secret or not allowed, 405, 409 no key for the app,
//             413 too long, 415, 429 too many wrong secrets (Retry-After)
//
// A token lasts an hour; the same request with the account renews it. Who has the secret has read the output of the
// server, and could sign tokens with the secret of its data folder: so a name that exists is given to them, too.
//
// That a request comes from this machine proves nothing: a proxy in front makes everybody come from there, and other
// users of the machine are strangers. So nothing replaces the secret, and what a proxy has passed on is refused even
// with it, as far as the proxy says so. The secret has 256 bits: nobody guesses it, however often they try. What the
// limit of wrong ones saves is the log and the work; it never keeps the right one out.

import { timingSafeEqual } from "node:crypto";
import type { TokenIssuer } from "../auth/token-issuer.ts";
import { isPerson, nameRule } from "../auth/names.ts";
import { AccountBuckets } from "../base/account-buckets.ts";
import type { RareLog } from "../base/rare-log.ts";
import type { Runtime } from "../base/runtime.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import { isOwnOrigin } from "../transport/origins.ts";
import { quotaAddress } from "../transport/quota-address.ts";
import { inventedAccount } from "./person-names.ts";
import { allHeaders } from "./policy.ts";
import { boundedText, BodyRefused } from "./bounded-text.ts";

/** The app of these accounts: what they do is apart from what all others do. */
export const demoApp = "demo";
const ttlSeconds = 3_600;
const secretBytes = 32;

/** Wrong secrets of an address, and of all addresses together: so many at once, and then so many a second. */
const wrongAtOnce = 10;
const wrongPerSecond = 0.2;
const allWrongAtOnce = 200;
const allWrongPerSecond = 5;
const retryAfterSeconds = 5;

/** What a proxy adds to a request. */
const proxyField = /^(?:forwarded|via|x-real-ip|x-forwarded-.*)$/;

interface TestAccountParts extends Runtime {
  /** As the link has it. */
  readonly secret: string;
  readonly tokens: Pick<TokenIssuer, "issue">;
  /** Whether the listener has TLS. */
  readonly isSecure: boolean;
  readonly rareLog: RareLog;
}

/** Returns the secret of a link: 256 random bits in base64url. */
export function newLinkSecret(random: Runtime["random"]): string {
  return Buffer.from(random.bytes(secretBytes)).toString("base64url");
}

/** The request gets no account. */
class Refused extends Error {
  readonly answer: Response;

  constructor(status: number, sentence: string, headers: Record<string, string> = {}) {
    super(sentence);
    this.answer = answerOf(status, { error: sentence }, headers);
  }
}

function answerOf(status: number, content: object, headers: Record<string, string> = {}): Response {
  return Response.json(content, { status, headers: { ...allHeaders, "cache-control": "no-store", ...headers } });
}

/** The answer of a server whose start has printed no link. */
export function noAccounts(): Response {
  return answerOf(403, { error: "This server gives no test accounts: sign in with a token." });
}

export class TestAccounts {
  private readonly parts: TestAccountParts;
  private readonly secretHash: Buffer;
  private readonly wrongOf: AccountBuckets;
  private readonly wrong: TokenBucket;

  constructor(parts: TestAccountParts) {
    this.parts = parts;
    this.secretHash = hashOf(parts.secret);
    this.wrongOf = new AccountBuckets(wrongPerSecond, wrongAtOnce, parts.clock);
    this.wrong = new TokenBucket(allWrongPerSecond, allWrongAtOnce, parts.clock.monotonicMs());
  }

  /** Rejects only because of a bug. `remoteAddress`: of the socket. */
  async answer(request: Request, remoteAddress: string): Promise<Response> {
    try {
      this.requireOwnPage(request);
      const { secret, account } = wishOf(await boundedText(request, this.parts.timers));
      this.requireSecret(secret, remoteAddress);
      return await this.given(account);
    } catch (error) {
      if (error instanceof Refused) return error.answer;
      if (error instanceof BodyRefused) return answerOf(error.status, { error: error.message });
      throw error;
    }
  }

  /** Refuses what was passed on by a proxy, and what a page of another origin may send. */
  private requireOwnPage({ method, headers }: Request): void {
    if (method !== "POST") throw new Refused(405, "An account is asked for with POST.", { allow: "POST" });
    const proxied = [...headers.keys()].find((name) => proxyField.test(name));
    if (proxied !== undefined)
      throw new Refused(403, `Test accounts are not given through a proxy: the request has the field ${proxied}.`);
    const origin = headers.get("origin");
    const site = headers.get("sec-fetch-site") ?? "none";
    const isForeign = origin !== null && !isOwnOrigin(origin, headers.get("host"), this.parts.isSecure);
    if (isForeign || (site !== "same-origin" && site !== "none"))
      throw new Refused(403, "Test accounts are given to this server's own page only.");
    // A foreign page may send other types without asking (Fetch, CORS-safelisted request headers).
    if (!/^application\/json\s*(?:;|$)/i.test(headers.get("content-type") ?? ""))
      throw new Refused(415, "The request must be JSON: Content-Type: application/json.");
  }

  private requireSecret(secret: string, remoteAddress: string): void {
    if (timingSafeEqual(hashOf(secret), this.secretHash)) return;
    const { clock, rareLog } = this.parts;
    rareLog.warn("a test account was asked for with a wrong secret", { remoteAddress });
    if (!this.wrongOf.take("", quotaAddress(remoteAddress)) || !this.wrong.take(clock.monotonicMs()))
      throw new Refused(429, "Too many wrong secrets: try again soon.", { "retry-after": `${retryAfterSeconds}` });
    throw new Refused(403, "The link is of an earlier start of the server, or incomplete: open the one printed last.");
  }

  private async given(account = inventedAccount(this.parts.random)): Promise<Response> {
    const issued = await this.parts.tokens.issue({ app: demoApp, account, ttlSeconds }, this.parts.clock.wallMs());
    if (issued === undefined) throw new Refused(409, `This server has no key for tokens of the app ${demoApp}.`);
    return answerOf(200, { account, app: demoApp, ...issued });
  }
}

/** Of equal length, whatever the text: their comparison tells nothing of it. */
function hashOf(text: string): Buffer {
  return Buffer.from(new Bun.CryptoHasher("sha256").update(text).digest());
}

interface Wish {
  readonly secret: string;
  readonly account: string | undefined;
}

function wishOf(text: string): Wish {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  if (typeof json !== "object" || json === null || !("secret" in json) || typeof json.secret !== "string")
    throw new Refused(400, 'Expected {"secret":"…"}, with "account":"…" for a name of your choice.');
  if (!("account" in json)) return { secret: json.secret, account: undefined };
  if (typeof json.account !== "string" || !isPerson(json.account))
    throw new Refused(400, `An account has ${nameRule}.`);
  return { secret: json.secret, account: json.account };
}
