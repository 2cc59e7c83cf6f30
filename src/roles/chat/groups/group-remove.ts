// chat.group.remove: ends the membership of accounts.

import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupRemoveReqSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { respondWith } from "./group-change.ts";
import { changeMembers, namedAccounts } from "./members-change.ts";

/** Those that are no members are passed over. */
export function groupRemove(parts: ChatParts): Handler {
  return async (context) => {
    const { group, accounts } = namedAccounts(context.body(GroupRemoveReqSchema));
    if (accounts.size === 0) throw new Refusal(Status.InvalidPacketBody, "accounts must not be empty");
    const { app, account: actor } = context;
    if (accounts.has(actor))
      throw new Refusal(Status.Forbidden, "nobody removes itself: leave the group with chat.group.quit");
    const request = { app, group, actor, accounts: [...accounts] };
    await changeMembers(parts, context, {
      request,
      isMember: false,
      ask: async () => ({ outcomes: await parts.store.groups.remove(request), leftOut: [], unwilling: [] }),
      sentences: {
        forbidden: "only the owner of a group removes admins, and only the owner and admins remove members",
      },
      answer: (last) => respondWith(context, last?.entries.at(-1)),
    });
  };
}
