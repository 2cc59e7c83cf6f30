// chat.group.create: the sender becomes the owner and a member, whatever the request says.

import { create, toBinary } from "@bufbuild/protobuf";
import { validName } from "../../auth/names.ts";
import { groupCreateMembersMax, groupTextBytesMax } from "../../base/limits/fixed.ts";
import { newGroupId } from "../../base/random.ts";
import { Refusal } from "../../container/refusal.ts";
import type { Handler } from "../../container/router.ts";
import { GroupCreateNotifySchema, GroupCreateReqSchema, GroupCreateRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { ListDelivery } from "./list-delivery.ts";

/** Creates a group and tells its online members. */
export function groupCreate(parts: ChatParts): Handler {
  const { store, fanOut, allowance, random } = parts;
  return async (context) => {
    const request = context.body(GroupCreateReqSchema);
    const { app, account: owner } = context;
    const { name, avatar, introduction, closed } = request;
    if (name === "") throw new Refusal(Status.InvalidPacketBody, "a group needs a name");
    for (const text of [name, avatar, introduction]) {
      if (Buffer.byteLength(text) > groupTextBytesMax) {
        throw new Refusal(
          Status.PayloadTooLarge,
          `a group's name, avatar and introduction have at most ${groupTextBytesMax} bytes each`,
        );
      }
    }
    if (request.members.length > groupCreateMembersMax) {
      throw new Refusal(
        Status.PayloadTooLarge,
        `at most ${groupCreateMembersMax} members in one request; the others can join`,
      );
    }
    const others = new Set(request.members);
    others.delete(owner);
    for (const member of others) {
      if (!validName(member)) throw new Refusal(Status.InvalidPacketBody, "members must be names of accounts");
    }
    const members = [...others];
    allowance.admit(app, owner);
    const id = newGroupId(random);
    const outcome = await store.createGroup({ app, id, name, avatar, introduction, owner, members, closed });
    if (outcome.result === "full") throw new Refusal(Status.Forbidden, "a member is in too many groups already");
    context.respond(GroupCreateRespSchema, { groupId: id });
    const everybody = [owner, ...members];
    const body = toBinary(
      GroupCreateNotifySchema,
      create(GroupCreateNotifySchema, { groupId: id, members: everybody }),
    );
    const head = { ...headOf(context), dest: id };
    const told = { app, sender: owner, head, body, accounts: everybody };
    fanOut.add(fanOut.prepare(new ListDelivery(parts, told)));
  };
}

const headOf = (context: { command: string; channelId: string; sequence: number }) => ({
  command: context.command,
  channelId: context.channelId,
  sequence: context.sequence,
});
