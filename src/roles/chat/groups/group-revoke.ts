// chat.group.revoke: ends an invitation.

import type { Handler } from "../../../service/router.ts";
import { GroupRevokeReqSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { askChange } from "./group-asks.ts";
import { groupOf } from "./group-refusals.ts";

/** Revoking again is Success, and so is a code that never was. */
export function groupRevoke(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupRevokeReqSchema);
    const group = groupOf(request);
    const { app, account: actor } = context;
    await askChange(parts, context, () => parts.store.groups.revokeInvitation({ app, group, actor }, request.code));
    context.respondEmpty();
  };
}
