// chat.group.requests: who asks to join a group.

import { joinRequestBytesMax, membersPageMax } from "../../../base/limits/fixed.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupRequestsReqSchema, GroupRequestsRespSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkAfter, pageOf } from "../conversation-name.ts";
import { nameBytesMax } from "../talk-body.ts";
import { foundPage } from "./group-asks.ts";
import { groupOf } from "./group-refusals.ts";

const requestBytes = nameBytesMax + joinRequestBytesMax + 32;

/** Answers the owner and the admins with a page. */
export function groupRequests({ store, reads, limits }: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupRequestsReqSchema);
    const group = groupOf(request);
    const { after } = request;
    checkAfter(after);
    const limit = pageOf(request.limit, membersPageMax);
    const { app, account: actor } = context;
    await reads.run(context, limit * requestBytes, async () => {
      const answer = await store.groups.requests({ app, group, actor }, after, limit);
      const { items, hasMore } = foundPage({ limits }, context, answer);
      return context.respond(GroupRequestsRespSchema, { requests: [...items], hasMore });
    });
  };
}
