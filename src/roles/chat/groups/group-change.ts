// What changes of groups have in common: the store decides about rights where it commits; then the actor is answered
// with the last entry, and everybody concerned is told. Changes are charged like talks, by what they reach, and by
// their number.

import type { Context } from "../../../service/context.ts";
import { type ConversationName, entryKind } from "../../../store/conversations.ts";
import type { GroupOutcome, StoredEntry } from "../../../store/groups.ts";
import { EntryRespSchema } from "../../../wire/gen/pkt_pb.ts";
import { admitDelivery, admitUnknown, unknownCost } from "../admit-delivery.ts";
import type { ChatParts } from "../chat-parts.ts";
import { pushEntry } from "../conversation-pushes.ts";
import type { EntryReceivers } from "../event-delivery.ts";
import type { GroupRequest } from "../told-changes.ts";
import { refusalFor, type Sentences } from "./group-refusals.ts";
import { pushMembership } from "./membership-pushes.ts";

export type StoredOutcome = Extract<GroupOutcome, { readonly result: "stored" }>;

/** The kinds of entries that change who is a member. */
const membershipKinds: ReadonlySet<number> = new Set([
  entryKind.groupJoined,
  entryKind.groupLeft,
  entryKind.groupRemoved,
]);

/** A change that is asked of the store. */
interface AskedChange {
  readonly name: ConversationName;
  /** How many members it adds, at most. */
  readonly members?: number;
  readonly ask: () => Promise<GroupOutcome>;
  readonly sentences?: Sentences;
  /** Who gets the entries, if not the members; asked when they are stored. */
  readonly receivers?: () => EntryReceivers;
  /** Answers a change that is stored, or in force; absent: with the last entry. */
  readonly answer?: (stored: StoredOutcome | undefined) => void;
}

/**
 * Charges a change before it is asked of the store; returns what was charged for its deliveries. Throws RateLimited or
 * ServiceUnavailable.
 */
export function admitChange(parts: ChatParts, context: Context, members: number): number {
  admitDelivery(parts, context);
  parts.rates.changeGroup(context, members);
  return admitUnknown(parts, context);
}

/** Commits a checked change, answers, and pushes its entries. Returns what was stored. Throws Refusal. */
export async function commitChange(
  parts: ChatParts,
  context: Context,
  { name, members = 0, ask, sentences, receivers, answer }: AskedChange,
): Promise<StoredOutcome | undefined> {
  let paid = admitChange(parts, context, members);
  const respond = answer ?? ((stored) => respondWith(context, stored?.entries.at(-1)));
  try {
    const outcome = await ask();
    switch (outcome.result) {
      case "stored":
        applyMembership(parts, context, outcome);
        try {
          respond(outcome);
        } finally {
          pushStored(parts, context, outcome, paid, receivers?.());
          if (outcome.entries.length > 0) paid = 0;
        }
        return outcome;
      case "unchanged":
        if (tellToLook(parts, context, name, paid)) paid = 0;
        respond(undefined);
        return undefined;
      default:
        throw refusalFor(parts.limits, context, outcome, sentences);
    }
  } finally {
    parts.allowance.charge(context.app, context.payer, -paid);
  }
}

/** Answers with an entry; without one with 0, since what was asked is in force already. */
export function respondWith(context: Context, stored: StoredEntry | undefined): void {
  const { entryId = 0n, time = 0n } = stored?.entry ?? {};
  context.respond(EntryRespSchema, { entryId, time });
}

/**
 * Sends chat.sync to everybody in the conversation of a change that is in force, and of which nobody may have been told
 * (told-changes.ts). Returns false if this node has told them; else the actor, who has paid `paid` and gets nothing of
 * it back, is charged for the rest of the members, as for a push to them: there are as many requests that change
 * nothing as one likes, and each has everybody read the index.
 */
export function tellToLook(
  { told, missedEvents, allowance, audience, limits }: ChatParts,
  context: Context,
  { toGroup, dest }: ConversationName,
  paid: number,
): boolean {
  if (told.tellGroup(requestOf(context))) return false;
  const { app, account: actor, payer } = context;
  if (toGroup) {
    missedEvents.addGroup(app, dest, 0n);
    const cost = Math.max(unknownCost(limits), audience.onlineCount(app, dest) ?? 0);
    allowance.charge(app, payer, Math.max(0, cost - paid));
  } else missedEvents.add(app, new Set([dest, actor]));
  return true;
}

/** A change of one account's membership names it in its entry; those of many are in members-change.ts. */
function applyMembership({ audience }: ChatParts, { app }: Context, outcome: StoredOutcome): void {
  const { entries, versionBefore, version } = outcome;
  for (const { entry } of entries) {
    if (!membershipKinds.has(entry.kind)) continue;
    const isMember = entry.kind === entryKind.groupJoined;
    const { group, detail } = entry;
    audience.changed({ app, group, accounts: detail.accounts, isMember, versionBefore, version });
  }
}

function pushStored(
  parts: ChatParts,
  context: Context,
  { entries, version }: StoredOutcome,
  paid: number,
  receivers: EntryReceivers | undefined,
): void {
  parts.told.tellGroup(requestOf(context));
  for (const [index, stored] of entries.entries()) {
    const { entry } = stored;
    const before = index === 0 ? paid : 0;
    if (membershipKinds.has(entry.kind)) {
      const { group, detail } = entry;
      const isMember = entry.kind === entryKind.groupJoined;
      pushMembership(parts, context, { group, accounts: detail.accounts, isMember, version, stored }, before);
    } else pushEntry(parts, context, { ...stored, groupVersion: version }, before, receivers);
  }
}

/** What a repetition of a request repeats. */
export function requestOf({ app, account: actor, command, packet, bodyStart, receivedMs }: Context): GroupRequest {
  return { app, actor, command, body: packet.subarray(bodyStart), receivedMs };
}
