// chat.group.add: makes accounts members.

import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupAddReqSchema, GroupAddRespSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { changeMembers, namedAccounts } from "./members-change.ts";

/** Those that are members already are passed over; those that cannot be added are named in the answer. */
export function groupAdd(parts: ChatParts): Handler {
  const { store, limits } = parts;
  return async (context) => {
    const { group, accounts } = namedAccounts(context.body(GroupAddReqSchema));
    const { app, account: actor } = context;
    accounts.delete(actor);
    if (accounts.size === 0) throw new Refusal(Status.InvalidPacketBody, "accounts must name others");
    const request = { app, group, actor, accounts: [...accounts] };
    await changeMembers(parts, context, {
      request,
      isMember: true,
      ask: () => store.groups.add(request),
      sentences: { forbidden: "only the owner and the admins of a group add members" },
      answer: (last, { leftOut, unwilling }) => {
        if (leftOut.length > 0) limits.met("groupsPutPerAccount", { app, account: actor });
        const entryId = last?.entries.at(-1)?.entry.entryId ?? 0n;
        context.respond(GroupAddRespSchema, { entryId, leftOut: [...leftOut], unwilling: [...unwilling] });
      },
    });
  };
}
