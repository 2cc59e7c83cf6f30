// Limits the answers to a network over UDP. Senders are easily forged, and an answer is up to 26 times as long as its
// query: without a limit the server would be a reflector. Above the limit, every second query is answered with a
// request to use TCP, which a forged sender cannot follow, and the others get nothing; so a real requester is served
// even while somebody forges its address.
//
// Networks share a fixed number of buckets, by a hash that outsiders cannot know: memory does not grow with the number
// of senders, and nobody gets a fresh bucket by displacing another one.

import { isLoopbackAddress } from "../../transport/address-ranges.ts";

/** 2^n buckets of 16 bytes; untouched pages are not resident. */
const buckets = 65_536;

/** The treatment of a query. */
export type Allowance = "answer" | "cut" | "nothing";

export class AnswerRate {
  private readonly perSecond: number;
  private readonly seed: number;
  /** Answers that are not yet paid for by elapsed time. */
  private readonly owed = new Float64Array(buckets);
  private readonly atMs = new Float64Array(buckets);
  private cuts = 0;

  /** Allows each network `perSecond` answers a second, and as many at once. */
  constructor(perSecond: number, seed: number) {
    this.perSecond = perSecond;
    this.seed = seed;
  }

  /** Counts a query of a sender (a plain IP address); `nowMs` is monotonic. Loopback is unlimited. */
  take(sender: string, nowMs: number): Allowance {
    if (isLoopbackAddress(sender)) return "answer";
    const at = this.bucketOf(sender);
    const owed = Math.max(0, (this.owed[at] ?? 0) - ((nowMs - (this.atMs[at] ?? 0)) * this.perSecond) / 1_000);
    this.atMs[at] = nowMs;
    const isAllowed = owed + 1 <= this.perSecond;
    this.owed[at] = isAllowed ? owed + 1 : owed;
    if (isAllowed) return "answer";
    this.cuts = 1 - this.cuts;
    return this.cuts === 1 ? "cut" : "nothing";
  }

  /** Returns the bucket of the first 24 bits of an IPv4 address, or the first 56 of an IPv6 address. */
  private bucketOf(sender: string): number {
    const isIPv4 = sender.includes(".") && !sender.includes(":");
    const end = isIPv4 ? sender.lastIndexOf(".") : sender.length;
    let hash = this.seed | 0;
    if (isIPv4) for (let at = 0; at < end; at++) hash = mixed(hash, sender.charCodeAt(at));
    else {
      let groups = 0;
      let group = 0;
      // The platform writes addresses in their shortest form: a gap of zeros in the first half ends the prefix.
      for (let at = 0; at <= end && groups < 4; at++) {
        const code = at === end ? colon : sender.charCodeAt(at);
        if (code !== colon) {
          group = (group << 4) | digitOf(code);
          continue;
        }
        hash = mixed(hash, groups === 3 ? group >>> 8 : group);
        groups++;
        group = 0;
        if (sender.charCodeAt(at + 1) === colon) break;
      }
      for (; groups < 4; groups++) hash = mixed(hash, 0);
    }
    hash ^= hash >>> 16;
    return Math.imul(hash, 0x45d9f3b) >>> 16;
  }
}

const colon = 0x3a;

/** FNV-1a of 16 bits at a time. */
function mixed(hash: number, value: number): number {
  return Math.imul(Math.imul(hash ^ (value & 0xff), 0x0100_0193) ^ (value >>> 8), 0x0100_0193);
}

/** Returns the value of a hexadecimal digit; 0 for other characters (a scope's name). */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 0;
}
