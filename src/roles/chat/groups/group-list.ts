// chat.group.list: the groups that an account is in.

import { groupsPageMax } from "../../../base/limits/fixed.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupListReqSchema, GroupListRespSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { pageOf } from "../conversation-name.ts";
import { summaryMessage } from "./group-messages.ts";

/** A summary beside its texts: an id, a name, an alias, numbers. */
const restBytes = 1024;
/** Most names are short, and avatars are links. */
const usualBytes = 256;

/** Answers with a page. */
export function groupList({ store, reads, limits }: ChatParts): Handler {
  const bytesOfEach = 2 * limits.values.groupTextBytes + restBytes;
  return async (context) => {
    const { after, limit: asked } = context.body(GroupListReqSchema);
    const limit = pageOf(asked, groupsPageMax);
    const read = async (): Promise<number> => {
      const { items, hasMore } = await store.groups.groups(context.app, context.account, after, limit);
      return context.respond(GroupListRespSchema, { groups: items.map(summaryMessage), hasMore });
    };
    await reads.run(context, limit * bytesOfEach, read, limit * usualBytes);
  };
}
