// chat.group.create: the sender becomes the owner and a member, whatever the request says.

import { create, toBinary } from "@bufbuild/protobuf";
import { isPerson } from "../../../auth/names.ts";
import { newGroupId } from "../../../base/random.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { entryKind } from "../../../store/conversations.ts";
import {
  GroupCreateNotifySchema,
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  Status,
} from "../../../wire/gen/pkt_pb.ts";
import { oldChanges } from "../account-rates.ts";
import { admitDelivery } from "../admit-delivery.ts";
import type { ChatParts } from "../chat-parts.ts";
import { pushEntry } from "../conversation-pushes.ts";
import { groupEntry } from "../entry-message.ts";
import { NoticeDelivery } from "../notices.ts";
import { checkShown } from "../text-bounds.ts";

/** Creates a group and notifies its members. Leaves out accounts that others have added to too many groups. */
export function groupCreate(parts: ChatParts): Handler {
  const { store, fanOut, random, limits, rates } = parts;
  return async (context) => {
    const request = context.body(GroupCreateReqSchema);
    const { app, account: owner } = context;
    const { name, avatar, introduction, closed } = request;
    const { groupTextBytes, groupCreateMembers, groupMembers, groupsPerAccount } = limits.values;
    if (name === "") throw new Refusal(Status.InvalidPacketBody, "name must not be empty");
    for (const text of [name, avatar, introduction]) {
      if (Buffer.byteLength(text) > groupTextBytes) {
        limits.met("groupTextBytes", { app, account: owner });
        throw new Refusal(
          Status.PayloadTooLarge,
          `a group's name, avatar and introduction have at most ${groupTextBytes} bytes each`,
        );
      }
    }
    checkShown("name", name);
    if (request.members.length > groupCreateMembers) {
      limits.met("groupCreateMembers", { app, account: owner });
      throw new Refusal(
        Status.PayloadTooLarge,
        `at most ${groupCreateMembers} members in one request; the others can join`,
      );
    }
    const others = new Set(request.members);
    others.delete(owner);
    for (const member of others) {
      if (!isPerson(member)) throw new Refusal(Status.InvalidPacketBody, "members must be account names");
    }
    if (others.size >= groupMembers) {
      limits.met("groupMembers", { app, account: owner });
      throw new Refusal(Status.Forbidden, `a group has at most ${groupMembers} members`);
    }
    admitDelivery(parts, context);
    rates.changeGroup(context, others.size, oldChanges);
    // A back end repeats a creation with the same id.
    const id = (context.isBackEnd && context.dest) || newGroupId(random);
    const draft = { app, id, name, avatar, introduction, owner, members: [...others], closed };
    const outcome = await store.createGroup(draft);
    if (outcome.result === "full") {
      limits.met("groupsPerAccount", { app, account: owner });
      throw new Refusal(Status.Forbidden, `you have created or joined ${groupsPerAccount} groups; no more are allowed`);
    }
    if (outcome.isAnyFull) limits.met("groupsPutPerAccount", { app, account: owner });
    for (const account of outcome.leftOut) others.delete(account);
    const members = [owner, ...others];
    context.respond(GroupCreateRespSchema, { groupId: id, leftOut: [...outcome.leftOut] });
    const { version, time } = outcome;
    const { command, channelId, sequence } = context;
    const head = { command, channelId, sequence, dest: id };
    const body = toBinary(GroupCreateNotifySchema, create(GroupCreateNotifySchema, { groupId: id, members }));
    // First, as it always was: whoever signs in a moment later does not get it.
    fanOut.add(new NoticeDelivery(parts, { app, head, payer: context.payer, body }, () => members));
    const entry = groupEntry(
      { entryId: version, kind: entryKind.groupCreated, actor: owner, time, group: id },
      members,
    );
    pushEntry(parts, context, { entry, previousEntryId: 0n, groupVersion: version }, 0, { only: members });
  };
}
