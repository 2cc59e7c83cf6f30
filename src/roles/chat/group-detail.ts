// chat.group.detail and chat.group.members: the same answer, for members only.

import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { GroupGetReqSchema, GroupGetRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

/** Of a group with some tens of thousands of members; few have as many. */
const detailBytes = 1024 * 1024;
/** Of one with some hundreds of members: clients ask for all of their groups at once. */
const usualBytes = 32 * 1024;

/** Answers with the group and its members in the order of joining. */
export function groupDetail({ store, reads }: ChatParts): Handler {
  return async (context) => {
    const { groupId } = context.body(GroupGetReqSchema);
    if (groupId === "") throw new Refusal(Status.InvalidPacketBody, "group_id must not be empty");
    await reads.run(
      context,
      detailBytes,
      async () => {
        const outcome = await store.groupDetail(context.app, groupId, context.account);
        if (outcome.result !== "found") {
          throw outcome.result === "notFound"
            ? new Refusal(Status.NotFound, "there is no such group")
            : new Refusal(Status.Forbidden, "you are not a member of this group");
        }
        const { members, ...group } = outcome.detail;
        return context.respond(GroupGetRespSchema, { ...group, members: [...members] });
      },
      usualBytes,
    );
  };
}
