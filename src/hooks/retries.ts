// When a batch is told again after a failure, and when it is given up.

import type { Batch } from "../store/hooks.ts";
import type { Delivered } from "./delivery.ts";
import type { LaneParts } from "./lane-parts.ts";
import { pauseMsAfter } from "./pace.ts";

/** What a receiver has refused is told again later than what it could not take. */
const refusedLater = 3;

/** How long to wait for the next attempt: as written down, but no longer than a pause after so many failures is. */
export function dueIn({ attempts, dueMs }: Batch, { clock, pace }: Pick<LaneParts, "clock" | "pace">): number {
  if (attempts === 0) return 0;
  return Math.min(pauseMsAfter(pace, attempts + refusedLater), Math.max(0, dueMs - clock.wallMs()));
}

/** The batch after a failure: due later, or given up. */
export function failedOnce(
  batch: Batch,
  delivered: Exclude<Delivered, { readonly result: "accepted" }>,
  { pace, clock, log, counts, endpoint }: Pick<LaneParts, "pace" | "clock" | "log" | "counts" | "endpoint">,
): Batch {
  const attempts = batch.attempts + 1;
  const { reason } = delivered;
  if (attempts >= pace.attemptsMax) {
    counts.dead += batch.refs.length;
    log.error("A webhook was given up; replay it with roost webhook replay.", {
      app: endpoint.app,
      endpoint: endpoint.name,
      webhookId: batch.webhookId,
      events: batch.refs.length,
      reason,
    });
    return { ...batch, state: "dead", attempts, reason };
  }
  const askedMs = delivered.result === "failed" ? delivered.waitMs : 0;
  const pauseMs = pauseMsAfter(pace, delivered.result === "refused" ? attempts + refusedLater : attempts);
  const waitMs = Math.max(askedMs, pauseMs);
  return { ...batch, attempts, reason, dueMs: clock.wallMs() + waitMs };
}
