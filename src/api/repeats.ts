// Requests with a header `Idempotency-Key`. What makes a repetition harmless is stored: a clientId, or the id of a
// group, that is made of the key of the API, the header and the receiver, so that no client can take it first and many
// receivers do not collide. This process remembers besides which body came with a header, to refuse another one that
// would reach others than the first.

import { createHash } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { GenerationCache } from "../base/generation-cache.ts";
import { backEndClientId } from "../service/call-context.ts";
import type { ApiCall } from "./api-call.ts";

/** About 200 bytes each. */
const rememberedMax = 50_000;
/** 128 bits in base64url. */
const hashCharacters = 22;

export class Repeats {
  private readonly bodies = new GenerationCache<string>(rememberedMax);
  /** Of requests that are not answered yet. */
  private readonly underWay = new Map<string, { readonly hash: string; requests: number }>();

  /**
   * Does the work of a call with an `Idempotency-Key`, and remembers its body if that succeeds: a request that was
   * refused may be corrected. Throws AlreadyExists if the key came with another body. `method`: keys of different
   * methods are different.
   */
  async once<T>(call: ApiCall, method: string, header: string, body: object, work: () => Promise<T>): Promise<T> {
    const name = hashOf(call.key.id, call.app, method, header);
    const hash = hashOf(textOf(body));
    const former = this.underWay.get(name)?.hash ?? this.bodies.get(name) ?? hash;
    if (former !== hash) throw otherBody();
    const same = this.underWay.getOrInsertComputed(name, () => ({ hash, requests: 0 }));
    same.requests++;
    try {
      const done = await work();
      this.bodies.set(name, hash);
      return done;
    } finally {
      if (--same.requests === 0) this.underWay.delete(name);
    }
  }
}

export function otherBody(): ConnectError {
  return new ConnectError("this Idempotency-Key belongs to another request", Code.AlreadyExists);
}

/** The clientId of a message to one receiver. `kind`: it is an account or a group. */
export function clientIdFor({ key }: ApiCall, header: string, kind: string, receiver: string): string {
  return backEndClientId + hashOf(key.id, header, kind, receiver);
}

/** The id of a group, of the characters of other groups' ids. */
export function groupIdFor({ key, app }: ApiCall, header: string): string {
  return createHash("sha256")
    .update(JSON.stringify([key.id, app, header]))
    .digest("hex")
    .slice(0, 2 * 16);
}

function hashOf(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, hashCharacters);
}

/** The fields of a message, of which int64 are no JSON. */
function textOf(body: object): string {
  return JSON.stringify(body, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}
