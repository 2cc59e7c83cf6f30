// chat.message.hide: messages that this account does not want to see any more, on any device.

import { hiddenMax, hideIdsMax } from "../../base/limits/fixed.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { MessageHideReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkMessageId } from "./conversation-name.ts";
import { changedOwnState } from "./own-state.ts";

/**
 * What hiding one message costs the store, in deliveries: it looks up the message and its rights, and adds a row; and
 * what a request costs at least: the store counts what is hidden.
 */
const hideCost = 8;
const requestCost = 200;

/** What the account may not read is left out silently. */
export function messageHide(parts: ChatParts): Handler {
  return async (context) => {
    const { messageIds } = context.body(MessageHideReqSchema);
    if (messageIds.length === 0) throw new Refusal(Status.InvalidPacketBody, "messageIds must not be empty");
    if (messageIds.length > hideIdsMax)
      throw new Refusal(Status.PayloadTooLarge, `at most ${hideIdsMax} message ids a request`);
    for (const messageId of messageIds) checkMessageId(messageId);
    const { app, account, payer } = context;
    parts.allowance.admit(app, payer);
    parts.allowance.charge(app, payer, Math.max(requestCost, messageIds.length * hideCost));
    const outcome = await parts.store.hide({ app, account, messageIds: [...new Set(messageIds)] });
    const full = `at most ${hiddenMax} messages can be hidden one by one: clear conversations instead`;
    changedOwnState(parts, context, outcome, full);
    // Another node may have hidden them, and died before it told the account's other devices of a version.
    if (outcome.result === "unchanged") parts.missedEvents.add(app, [account]);
  };
}
