// Pushes of conversations, all of them to connections with the feature only: entries of the log that are not messages
// (chat.event), read cursors (chat.conversation.read) and changes of an account's own state (account.changed). They are
// hints, as those of messages are: where one is lost because an engine is away, its receivers are told to look
// (chat.sync).

import { create, toBinary } from "@bufbuild/protobuf";
import { accountStateMax } from "../../base/limits/fixed.ts";
import type { Context } from "../../service/context.ts";
import { deliveryCost, type Located, othersIn, type PushHead } from "../../service/dispatcher.ts";
import { refusalOf } from "../../service/refusal.ts";
import type { ConversationName } from "../../store/conversations.ts";
import { Command } from "../../wire/commands.ts";
import { AccountStateRespSchema, EventPushSchema, ReadNotifySchema } from "../../wire/gen/pkt_pb.ts";
import { stateMessage } from "./account-state.ts";
import type { ChatParts } from "./chat-parts.ts";
import { nameFields } from "./conversation-name.ts";
import { entryFields } from "./entry-message.ts";
import { type EntryReceivers, EventDelivery, type PushedEntry } from "./event-delivery.ts";
import { freeDeliveries } from "./fan-out-allowance.ts";

/**
 * Pushes an entry to everybody in its conversation, the actor's other connections included; who recalls in a group that
 * it has left is in none. `paid`: what the actor was charged already. `receivers`: of an entry of a group that others
 * than its members get.
 */
export function pushEntry(
  parts: ChatParts,
  context: Context,
  pushed: PushedEntry,
  paid: number,
  receivers: EntryReceivers = {},
): void {
  const { entry, previousEntryId } = pushed;
  const body = toBinary(
    EventPushSchema,
    create(EventPushSchema, {
      entryId: entry.entryId,
      ...entryFields(entry),
      refersTo: entry.refersTo,
      actor: entry.actor,
      time: entry.time,
      account: entry.account,
      group: entry.group,
      previousEntryId,
    }),
  );
  if (entry.group !== "") {
    const head = headOf(context, Command.Event, entry.group);
    parts.fanOut.add(new EventDelivery(parts, head, context, pushed, receivers, body, paid));
    return;
  }
  parts.allowance.charge(context.app, context.payer, -paid);
  const head = headOf(context, Command.Event, entry.account);
  pushTo(parts, context, head, namesOf(entry.account, entry.actor), () => body);
}

/** Pushes what a request of the sender means to a few accounts, of which none has to be in a conversation with it. */
export function pushToAccounts(
  parts: ChatParts,
  context: Context,
  command: string,
  accounts: readonly string[],
  body: () => Uint8Array,
): void {
  pushTo(parts, context, headOf(context, command, ""), accounts, body);
}

/**
 * Pushes how far the sender has read: to its other connections, and to the partner of a direct conversation, unless it
 * is private.
 */
export function pushRead(
  parts: ChatParts,
  context: Context,
  name: ConversationName,
  messageId: bigint,
  isPrivate: boolean,
): void {
  const { account } = context;
  const body = toBinary(
    ReadNotifySchema,
    create(ReadNotifySchema, { reader: account, ...nameFields(name), messageId }),
  );
  const head = headOf(context, Command.ConversationRead, name.dest);
  const readers = name.toGroup || isPrivate ? [account] : namesOf(name.dest, account);
  pushTo(parts, context, head, readers, () => body);
}

/** Pushes what `version` of the sender's own state has changed to its other connections. */
export function pushOwnState(parts: ChatParts, context: Context, version: bigint): void {
  const { app, account } = context;
  pushTo(parts, context, headOf(context, Command.AccountChanged, ""), [account], async () => {
    const state = await parts.store.accountState(app, account, version - 1n, accountStateMax);
    return toBinary(AccountStateRespSchema, create(AccountStateRespSchema, stateMessage(state)));
  });
}

function headOf({ channelId, sequence }: Context, command: string, dest: string): PushHead {
  return { command, channelId, sequence, dest };
}

function namesOf(one: string, other: string): readonly string[] {
  return one === other ? [one] : [one, other];
}

/**
 * Pushes to a few accounts; the sender pays for more than a few connections. Nothing is encoded if nobody gets it. It
 * leaves in this turn if the sessions and `body` answer at once, and never throws: the request is answered already.
 */
function pushTo(
  parts: ChatParts,
  context: Context,
  head: PushHead,
  accounts: readonly string[],
  body: () => Uint8Array | Promise<Uint8Array>,
): void {
  const { app, payer, channelId } = context;
  const { allowance, dispatcher, sessions, metrics, rareLog, missedEvents } = parts;
  const lost = (error: unknown): void => {
    if (refusalOf(error) === undefined) metrics.bug(error, "request", { command: context.command });
    else rareLog.warn("a push was lost; clients see it in the index or in their state", { error: String(error) });
    missedEvents.add(app, accounts);
  };
  const send = (located: Located, encoded: Uint8Array): void => {
    const others = othersIn(located, channelId, "conversations");
    dispatcher.push(head, encoded, located, channelId, 0);
    if (others > freeDeliveries) allowance.charge(app, payer, deliveryCost(others, encoded.length));
  };
  const encode = (located: Located): void | Promise<void> => {
    if (othersIn(located, channelId, "conversations") === 0) return undefined;
    const encoded = body();
    return encoded instanceof Promise ? encoded.then((bytes) => send(located, bytes)) : send(located, encoded);
  };
  try {
    const located = sessions.locate(app, accounts);
    const pending = located instanceof Promise ? located.then(encode) : encode(located);
    pending?.catch(lost);
  } catch (error) {
    lost(error);
  }
}
