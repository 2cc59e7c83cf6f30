// How the protocol names a conversation, and its key.

import type { EventPush } from "../../wire/gen/messages/event-push.ts";
import type { MessageIndex } from "../../wire/gen/messages/message-index.ts";
import type { Message } from "../message.ts";
import type { Partner } from "./messenger-types.ts";

/** Exactly one is set. */
export interface PartnerNames {
  readonly account: string;
  readonly group: string;
}

export function namesOf(partner: Partner): PartnerNames {
  return "group" in partner ? { account: "", group: partner.group } : { account: partner.account, group: "" };
}

export function partnerOf({ account, group }: PartnerNames): Partner {
  return group === "" ? { account } : { group };
}

/** The key of `ConversationState`. */
export function keyOf(partner: Partner): string {
  return "group" in partner ? `g:${partner.group}` : `u:${partner.account}`;
}

/** With whom a message was exchanged. */
export function partnerOfMessage({ sender, receiver, group }: Message, me: string): Partner {
  return partnerOf({ account: sender === me ? receiver : sender, group });
}

/** A pushed entry as the index has it. */
export function entryOf(push: EventPush, me: string): MessageIndex {
  const { entryId: messageId, actor, time: sendTime, account, group } = push;
  const isMine = actor === me;
  const accountB = group === "" && isMine ? account : actor;
  return { ...push, messageId, sendTime, accountB, direction: isMine ? 1 : 0, mentions: [], replyTo: 0n, media: [] };
}
