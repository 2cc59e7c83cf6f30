// chat.group.role: makes a member an admin, or an admin a member.

import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupRole, GroupRoleReqSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkAccount } from "../conversation-name.ts";
import { commitChange } from "./group-change.ts";
import { groupOf } from "./group-refusals.ts";

/** The owner's role goes by chat.group.transfer. */
export function groupRole(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupRoleReqSchema);
    const group = groupOf(request);
    const { account } = request;
    checkAccount("account", account);
    const role = roleOf(request.role);
    const { app, account: actor } = context;
    await commitChange(parts, context, {
      name: { toGroup: true, dest: group },
      ask: () => parts.store.groups.change({ kind: "role", app, group, actor, account, role }),
      sentences: { forbidden: "only the owner of a group changes roles, and never its own" },
    });
  };
}

function roleOf(role: GroupRole): "member" | "admin" {
  if (role === GroupRole.GroupRoleMember) return "member";
  if (role === GroupRole.GroupRoleAdmin) return "admin";
  throw new Refusal(
    Status.InvalidPacketBody,
    "role must be that of a member or an admin; chat.group.transfer changes the owner",
  );
}
