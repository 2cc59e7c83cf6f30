// What edits, recalls and reactions have in common: the store decides about rights where it commits; then the actor is
// answered, and everybody in the conversation is told. Changes are charged like talks, by what they reach.

import { reactionKindsMax } from "../../base/limits/fixed.ts";
import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import type { ChangeOutcome, MessageChange } from "../../store/conversations.ts";
import { EntryRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import { admitUnknown } from "./admit-delivery.ts";
import type { ChatParts } from "./chat-parts.ts";
import { pushEntry } from "./conversation-pushes.ts";
import type { PushedEntry } from "./event-delivery.ts";

/** The units in which a window is told, in milliseconds. */
const units = [
  { name: "day", ms: 86_400_000 },
  { name: "hour", ms: 3_600_000 },
  { name: "minute", ms: 60_000 },
  { name: "second", ms: 1_000 },
] as const;

/** The refusal of a change whose window has passed, or is off: `done` is such as "edited". */
function lateSentence(done: string, windowMs: number): string {
  if (windowMs === 0) return `messages cannot be ${done} on this server`;
  const unit = units.find(({ ms }) => windowMs % ms === 0) ?? { name: "millisecond", ms: 1 };
  const count = windowMs / unit.ms;
  return `messages can be ${done} for ${count} ${unit.name}${count === 1 ? "" : "s"} after they were sent`;
}

/**
 * Commits a checked change, answers with its entry, and pushes that. `settle`: what the change is, where that is not
 * known before it is paid for; called at once. Throws Refusal.
 */
export async function changeMessage(
  parts: ChatParts,
  context: Context,
  change: MessageChange,
  settle?: () => Promise<MessageChange>,
): Promise<void> {
  const { app, payer } = context;
  const paid = admitUnknown(parts, context);
  let stored: PushedEntry | undefined;
  let isHinted = false;
  try {
    const outcome = await parts.store.change(settle === undefined ? change : await settle());
    if (outcome.result === "stored") stored = outcome;
    const { entryId, time } = inForce(outcome, change);
    if (outcome.result === "unchanged" && !parts.told.tellEntry(app, entryId)) {
      await tellToLook(parts, change, entryId);
      isHinted = true;
    }
    context.respond(EntryRespSchema, { entryId, time });
  } finally {
    if (stored !== undefined) {
      parts.told.tellEntry(app, stored.entry.entryId);
      pushEntry(parts, context, stored, paid);
    } else if (!isHinted) parts.allowance.charge(app, payer, -paid);
  }
}

/**
 * Sends chat.sync to everybody in the conversation of a change that is in force, and of which nobody may have been
 * told. Rejects if the store does not say who that is: then the client, which is not answered yet, repeats the change.
 */
async function tellToLook(
  { store, told, missedEvents }: ChatParts,
  change: MessageChange,
  entryId: bigint,
): Promise<void> {
  const { app, actor, messageId } = change;
  try {
    // The index has what the actor has hidden or cleared, too.
    const query = { app, account: actor, device: "", after: messageId - 1n, includeSent: true, limit: 1 };
    const [message] = await store.index(query);
    if (message?.messageId !== messageId) return;
    const { group, otherAccount } = message;
    if (group !== "") missedEvents.addGroup(app, group, 0n);
    else missedEvents.add(app, new Set([otherAccount, actor]));
  } catch (error) {
    told.forgetEntry(app, entryId);
    throw error;
  }
}

/** Returns the entry that says what is in force. Throws Refusal if the change was refused. */
function inForce(outcome: ChangeOutcome, change: MessageChange): { entryId: bigint; time: bigint } {
  switch (outcome.result) {
    case "stored":
      return outcome.entry;
    case "unchanged":
      return outcome;
    case "notFound":
      throw new Refusal(Status.NotFound, "there is no such message, or it is not yours to read");
    case "forbidden":
      throw new Refusal(Status.Forbidden, forbiddenSentences[change.kind]);
    case "recalled":
      throw new Refusal(Status.NotFound, "the message was recalled");
    case "late":
      throw new Refusal(
        Status.Forbidden,
        lateSentence(change.kind === "edit" ? "edited" : "recalled", "windowMs" in change ? change.windowMs : 0),
      );
    case "full":
      throw new Refusal(Status.Forbidden, `a message has at most ${reactionKindsMax} kinds of reactions`);
  }
}

const forbiddenSentences = {
  edit: "only its author may edit a message, and only where it may still talk",
  recall: "only its author, and the owner and admins of its group, may recall a message",
  react: "only who may talk in its conversation may react to a message",
} as const;
