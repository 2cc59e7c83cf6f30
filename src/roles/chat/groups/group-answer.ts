// chat.group.answer: accepts or refuses who asks to join a group.

import { create, toBinary } from "@bufbuild/protobuf";
import type { Handler } from "../../../service/router.ts";
import { Command } from "../../../wire/commands.ts";
import { GroupAnswerNotifySchema, GroupAnswerReqSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkAccount } from "../conversation-name.ts";
import { pushToAccounts } from "../conversation-pushes.ts";
import { commitChange } from "./group-change.ts";
import { groupOf } from "./group-refusals.ts";

/** Tells the account, and if it joins, the members. */
export function groupAnswer(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupAnswerReqSchema);
    const group = groupOf(request);
    const { account, accept: isAccepted } = request;
    checkAccount("account", account);
    const { app, account: actor } = context;
    const stored = await commitChange(parts, context, {
      name: { toGroup: true, dest: group },
      members: isAccepted ? 1 : 0,
      ask: () => parts.store.groups.answer({ app, group, actor, account, isAccepted }),
      sentences: {
        forbidden: "only the owner and the admins of a group answer requests to join it",
        notFound: "there is no such group, or the account does not ask to join it any more",
      },
    });
    if (stored === undefined) return;
    pushToAccounts(parts, context, Command.GroupAnswer, [account], () =>
      toBinary(GroupAnswerNotifySchema, create(GroupAnswerNotifySchema, { group, accepted: isAccepted })),
    );
  };
}
