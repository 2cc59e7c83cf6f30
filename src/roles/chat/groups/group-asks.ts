// What commands of groups that write no entry have in common: they are charged by their number, and refused as the
// store says.

import type { Context } from "../../../service/context.ts";
import type { Refused } from "../../../store/groups.ts";
import type { ChatParts } from "../chat-parts.ts";
import { refusalFor, type Sentences } from "./group-refusals.ts";

/** Only the owner and the admins of a group may. */
const forAdmins: Sentences = { forbidden: "only the owner and the admins of a group may do this" };

/**
 * Charges a change and asks the store for it. Returns what it has done; undefined if it was so already. Throws Refusal.
 */
export async function askChange<Done extends { readonly result: "stored" }>(
  parts: ChatParts,
  context: Context,
  ask: () => Promise<Done | Refused>,
  sentences: Sentences = forAdmins,
): Promise<Done | undefined> {
  parts.rates.changeGroup(context, 0);
  const outcome = await ask();
  if (isDone(outcome)) return outcome;
  if (outcome.result === "unchanged") return undefined;
  throw refusalFor(parts.limits, context, outcome, sentences);
}

/** Returns the page that a read has found. Throws Refusal. */
export function foundPage<Page extends { readonly result: "found" }>(
  parts: Pick<ChatParts, "limits">,
  context: Context,
  answer: Page | Refused,
): Page {
  if (isPage(answer)) return answer;
  throw refusalFor(parts.limits, context, answer, forAdmins);
}

function isDone<Done extends { readonly result: "stored" }>(outcome: Done | Refused): outcome is Done {
  return outcome.result === "stored";
}

function isPage<Page extends { readonly result: "found" }>(answer: Page | Refused): answer is Page {
  return answer.result === "found";
}
