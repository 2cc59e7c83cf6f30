// chat.group.detail and chat.group.members: the same answer, for members only.

import { membersPageMax } from "../../../base/limits/fixed.ts";
import type { Context } from "../../../service/context.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { hasConversations } from "../../../wire/features.ts";
import { type GroupGetReq, GroupGetReqSchema, GroupGetRespSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkAfter, pageOf } from "../conversation-name.ts";
import { talkRefusal } from "../talk-refusals.ts";
import { groupMessage, memberMessage } from "./group-messages.ts";

/** Of a group with some tens of thousands of members; few have as many. */
const detailBytes = 1024 * 1024;
/** Of one with some hundreds of members: clients ask for all of their groups at once. */
const usualBytes = 32 * 1024;
/** A member of a page: a name and an alias, and numbers. Most are ASCII. */
const memberBytes = 600;
const usualMemberBytes = 64;
/** A group beside its texts. */
const groupRestBytes = 1024;

type Parts = Pick<ChatParts, "store" | "reads" | "limits">;

/**
 * Answers with the group and its members in the order of joining. What is new with the feature `conversations` is
 * answered where the request asks for it: a page, or the group alone.
 */
export function groupDetail(parts: Parts): Handler {
  const { store, reads } = parts;
  return async (context) => {
    const request = context.body(GroupGetReqSchema);
    const { groupId } = request;
    if (groupId === "") throw new Refusal(Status.InvalidPacketBody, "group_id must not be empty");
    if (hasConversations(context.location.features) && isPaged(request)) {
      await answerPage(parts, context, request);
      return;
    }
    await reads.run(
      context,
      detailBytes,
      async () => {
        const outcome = await store.groupDetail(context.app, groupId, context.account);
        if (outcome.result !== "found") throw talkRefusal(outcome.result);
        const { members, ...group } = outcome.detail;
        return context.respond(GroupGetRespSchema, { ...group, members: [...members] });
      },
      usualBytes,
    );
  };
}

function isPaged({ after, limit, withoutMembers, adminsOnly }: GroupGetReq): boolean {
  return after !== "" || limit !== 0 || withoutMembers || adminsOnly;
}

async function answerPage({ store, reads, limits }: Parts, context: Context, request: GroupGetReq): Promise<void> {
  const { groupId: group, after, withoutMembers, adminsOnly: isAdminsOnly } = request;
  checkAfter(after);
  const asked = request.limit === 0 && isAdminsOnly ? membersPageMax : pageOf(request.limit, membersPageMax);
  const limit = withoutMembers ? 0 : asked;
  const { app, account: asker } = context;
  const read = async (): Promise<number> => {
    const found = await store.groups.members({ app, group, asker, after, limit, isAdminsOnly });
    if (found.result !== "found") throw talkRefusal(found.result);
    const { items, hasMore } = found;
    return context.respond(GroupGetRespSchema, {
      ...groupMessage(found.group),
      members: items.map(memberMessage),
      hasMore,
    });
  };
  const textBytes = 4 * limits.values.groupTextBytes + groupRestBytes;
  await reads.run(context, limit * memberBytes + textBytes, read, limit * usualMemberBytes + groupRestBytes);
}
