// chat.group.transfer: makes a member the owner, and the owner an admin.

import type { Handler } from "../../../service/router.ts";
import { GroupTransferReqSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkAccount } from "../conversation-name.ts";
import { commitChange } from "./group-change.ts";
import { groupOf } from "./group-refusals.ts";

/** Repeating it is Success, and so is naming the owner. */
export function groupTransfer(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupTransferReqSchema);
    const group = groupOf(request);
    const { account } = request;
    checkAccount("account", account);
    const { app, account: actor } = context;
    await commitChange(parts, context, {
      name: { toGroup: true, dest: group },
      ask: () => parts.store.groups.change({ kind: "transfer", app, group, actor, account }),
      sentences: {
        forbidden: "only the owner of a group gives it to another",
        unwilling: "the account does not let you give it a group; send it an invitation instead",
      },
    });
  };
}
