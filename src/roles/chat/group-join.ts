// chat.group.join: the caller, or by the owner somebody else, becomes a member. Joining twice changes nothing and
// notifies nobody.

import { create, toBinary } from "@bufbuild/protobuf";
import type { Handler } from "../../service/router.ts";
import { GroupJoinNotifySchema, GroupJoinReqSchema } from "../../wire/gen/pkt_pb.ts";
import { admitDelivery } from "./admit-delivery.ts";
import type { ChatParts } from "./chat-parts.ts";
import { isChanged, membershipChange, notifyMembers } from "./group-membership.ts";

/** Answers when the change is committed, then tells the online members (notices.ts). */
export function groupJoin(parts: ChatParts): Handler {
  return async (context) => {
    const change = membershipChange(context, context.body(GroupJoinReqSchema));
    admitDelivery(parts, context.app, context.account);
    parts.rates.changeGroup(context, 1);
    const outcome = await parts.store.join(change);
    const changed = isChanged(outcome, change, parts.limits);
    if (changed) parts.audience.changed({ ...change, ...outcome, isMember: true });
    context.respondEmpty();
    if (!changed) return;
    const { group: groupId, account } = change;
    const notify = toBinary(GroupJoinNotifySchema, create(GroupJoinNotifySchema, { groupId, account }));
    notifyMembers(parts, context, { ...change, isMember: true }, outcome.version, notify);
  };
}
