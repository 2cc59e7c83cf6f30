// chat.group.mute: keeps a member from talking until a time, or ends that.

import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupMuteReqSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkAccount, checkNotNegative } from "../conversation-name.ts";
import { commitChange } from "./group-change.ts";
import { groupOf } from "./group-refusals.ts";

/** The year 10000, in seconds since 1970: later ones are milliseconds by mistake. */
const untilEnd = 253_402_300_800n;

/** The time is by the store's clock. */
export function groupMute(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupMuteReqSchema);
    const group = groupOf(request);
    const { account, until } = request;
    checkAccount("account", account);
    checkNotNegative("until", until);
    if (until >= untilEnd)
      throw new Refusal(Status.InvalidPacketBody, "until is in seconds since 1970, and before the year 10000");
    const { app, account: actor } = context;
    await commitChange(parts, context, {
      name: { toGroup: true, dest: group },
      ask: () => parts.store.groups.change({ kind: "mute", app, group, actor, account, until }),
      sentences: { forbidden: "only the owner of a group mutes admins, and only the owner and admins mute members" },
    });
  };
}
