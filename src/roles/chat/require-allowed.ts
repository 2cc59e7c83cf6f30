// What an app's back end says before something is done, as whoever wants it is told.

import type { Verdict } from "../../hooks/before-verdicts.ts";
import { Refusal } from "../../service/refusal.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/**
 * Returns what was allowed. Throws Forbidden if the back end has refused it; if it did not answer, ServiceUnavailable,
 * after which clients repeat a request.
 */
export function requireAllowed(verdict: Verdict): Extract<Verdict, { readonly isAllowed: true }> {
  if (verdict.isAllowed) return verdict;
  throw new Refusal(verdict.isAnswered ? Status.Forbidden : Status.ServiceUnavailable, verdict.sentence);
}
