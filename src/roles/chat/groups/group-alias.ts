// chat.group.alias: one's own name in a group.

import type { Handler } from "../../../service/router.ts";
import { GroupAliasReqSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkDisplayName } from "../text-bounds.ts";
import { commitChange } from "./group-change.ts";
import { groupOf } from "./group-refusals.ts";

/** Empty: none. */
export function groupAlias(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupAliasReqSchema);
    const group = groupOf(request);
    const { alias } = request;
    checkDisplayName("alias", alias);
    const { app, account: actor } = context;
    await commitChange(parts, context, {
      name: { toGroup: true, dest: group },
      ask: () => parts.store.groups.change({ kind: "alias", app, group, actor, alias }),
      sentences: { forbidden: "only members have a name in a group" },
    });
  };
}
