// Requests with a header `Idempotency-Key`. What makes a repetition harmless is stored: a clientId, or the id of a
// group, that is made of the key of the API, the header and the receiver, so that no client can take it first and many
// receivers do not collide. This process remembers besides which body came with a header, to refuse another one that
// would reach others than the first. All of that holds for `idempotencyHours`.

import { createHash } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "../base/clock.ts";
import { GenerationCache } from "../base/generation-cache.ts";
import { idempotencyHours } from "../base/limits/fixed.ts";
import { backEndClientId } from "../service/call-context.ts";
import type { ApiCall } from "./api-call.ts";

/** About 200 bytes each. */
const rememberedMax = 50_000;
export const idempotencyMs = idempotencyHours * 3_600_000;
/** 128 bits in base64url. */
const hashCharacters = 22;

export class Repeats {
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly bodies = new GenerationCache<{ readonly hash: string; readonly untilMs: number }>(rememberedMax);
  /** Of requests that are not answered yet. */
  private readonly underWay = new Map<string, { readonly hash: string; requests: number }>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.clock = clock;
  }

  /**
   * Does the work of a call with an `Idempotency-Key`, and remembers its body if that succeeds: a request that was
   * refused may be corrected. Throws AlreadyExists if the key came with another body. `method`: keys of different
   * methods are different.
   */
  async once<T>(call: ApiCall, method: string, header: string, body: object, work: () => Promise<T>): Promise<T> {
    const name = hashOf(call.key.id, call.app, method, header);
    const hash = hashOf(textOf(body));
    const former = this.underWay.get(name)?.hash ?? this.remembered(name) ?? hash;
    if (former !== hash) throw otherBody();
    const same = this.underWay.getOrInsertComputed(name, () => ({ hash, requests: 0 }));
    same.requests++;
    try {
      const done = await work();
      if (this.remembered(name) === undefined)
        this.bodies.set(name, { hash, untilMs: this.clock.monotonicMs() + idempotencyMs });
      return done;
    } finally {
      if (--same.requests === 0) this.underWay.delete(name);
    }
  }

  private remembered(name: string): string | undefined {
    const { hash, untilMs = 0 } = this.bodies.get(name) ?? {};
    return this.clock.monotonicMs() < untilMs ? hash : undefined;
  }
}

export function otherBody(): ConnectError {
  return new ConnectError("this Idempotency-Key belongs to another request", Code.AlreadyExists);
}

/** The clientId of a message to one receiver. `kind`: it is an account or a group. */
export function clientIdFor({ key }: ApiCall, header: string, kind: string, receiver: string): string {
  return backEndClientId + hashOf(key.id, header, kind, receiver);
}

/** What the ids of all groups begin with that are made with one `Idempotency-Key`: 80 bits in hexadecimal digits. */
export function groupDigitsFor({ key, app }: ApiCall, header: string): string {
  return hexOf([key.id, app, header], 20);
}

/**
 * The id of a group: these digits, and 48 bits that stand for the request, so that another one has another id.
 * `former`: the id of the group that the same key made more than a day before; '' if there is none.
 */
export function groupIdFor(digits: string, body: object, former: string): string {
  return digits + hexOf([textOf(body), former], 12);
}

function hexOf(parts: readonly string[], digits: number): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, digits);
}

function hashOf(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, hashCharacters);
}

/** The fields of a message, of which int64 are no JSON. */
function textOf(body: object): string {
  return JSON.stringify(body, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}
