// chat.group.quit: the caller, or by the owner somebody else, leaves. The owner's leaving hands the group to its
// longest member.

import { create, toBinary } from "@bufbuild/protobuf";
import type { Handler } from "../../service/router.ts";
import { GroupQuitNotifySchema, GroupQuitReqSchema } from "../../wire/gen/pkt_pb.ts";
import { admitDelivery } from "./admit-delivery.ts";
import type { ChatParts } from "./chat-parts.ts";
import { isChanged, membershipChange, notifyMembers } from "./group-membership.ts";

/** Answers when the change is committed, then tells the online members (notices.ts). */
export function groupQuit(parts: ChatParts): Handler {
  return async (context) => {
    const change = membershipChange(context, context.body(GroupQuitReqSchema));
    admitDelivery(parts, context.app, context.account);
    parts.rates.changeGroup(context, 0);
    const outcome = await parts.store.quit(change);
    const changed = isChanged(outcome, change, parts.limits);
    if (changed) parts.audience.changed({ ...change, ...outcome, isMember: false });
    context.respondEmpty();
    if (!changed) return;
    const { group: groupId, account } = change;
    const notify = toBinary(GroupQuitNotifySchema, create(GroupQuitNotifySchema, { groupId, account }));
    notifyMembers(parts, context, { ...change, isMember: false }, outcome.version, notify);
  };
}
