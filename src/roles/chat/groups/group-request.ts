// chat.group.request: asks to join a group that takes members by approval, or takes the request back.

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { joinRequestBytesMax } from "../../../base/limits/fixed.ts";
import type { Context } from "../../../service/context.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { Command } from "../../../wire/commands.ts";
import { GroupRequestNotifySchema, GroupRequestReqSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { pushToAccounts } from "../conversation-pushes.ts";
import { isLongerThan } from "../text-bounds.ts";
import { askChange } from "./group-asks.ts";
import { groupOf } from "./group-refusals.ts";

/** Tells the owner and the admins, unless the account has asked before: then only the text changes. */
export function groupRequest(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupRequestReqSchema);
    const group = groupOf(request);
    const { text, withdraw: withdrawn } = request;
    if (isLongerThan(text, joinRequestBytesMax))
      throw new Refusal(Status.PayloadTooLarge, `text has at most ${joinRequestBytesMax} bytes`);
    const { app, account } = context;
    const name = { app, group, actor: account };
    const groups = parts.store.groups;
    parts.allowance.admit(app, context.payer);
    if (withdrawn) {
      const done = await askChange(parts, context, () => groups.withdraw(name));
      context.respondEmpty();
      if (done !== undefined) tell(parts, context, done.admins, { group, request: { account }, withdrawn });
      return;
    }
    const done = await askChange(parts, context, () => groups.request({ ...name, text }));
    context.respondEmpty();
    if (done === undefined) return;
    tell(parts, context, done.admins, { group, request: { account, text, time: done.time } });
  };
}

function tell(
  parts: ChatParts,
  context: Context,
  admins: readonly string[],
  notify: MessageInitShape<typeof GroupRequestNotifySchema>,
): void {
  pushToAccounts(parts, context, Command.GroupRequest, admins, () =>
    toBinary(GroupRequestNotifySchema, create(GroupRequestNotifySchema, notify)),
  );
}
