// How far another machine's clock is from this one's. An answer that shows it was created between the request and its
// arrival, which bounds the difference from both sides.

import { type Finding, problem, warning } from "./finding.ts";

/** A difference that hurts nothing. */
const differenceMsWanted = 2_000;
/** Beyond this, times of messages and leases are wrong for people to see. */
const differenceMsMax = 60_000;

/** The other clock when it made its answer, at earliest and latest, and this one's around that; ms since 1970. */
interface Reading {
  readonly fromMs: number;
  readonly toMs: number;
  readonly askedMs: number;
  readonly heardMs: number;
}

/** Judges the clock of `whose`, such as "the database db1"; nothing if it may agree with this machine's. */
export function clockFindings(whose: string, { fromMs, toMs, askedMs, heardMs }: Reading): readonly Finding[] {
  const [aheadMs, behindMs] = [fromMs - heardMs, askedMs - toMs];
  const differenceMs = Math.max(aheadMs, behindMs);
  if (differenceMs < differenceMsWanted) return [];
  const seconds = `${Math.floor(differenceMs / 1_000)} s ${aheadMs > 0 ? "ahead of" : "behind"}`;
  const say = differenceMs < differenceMsMax ? warning : problem;
  return [say(`the clock of ${whose} is at least ${seconds} this machine's; let NTP set both`)];
}
