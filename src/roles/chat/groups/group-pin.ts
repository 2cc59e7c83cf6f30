// chat.group.pin and chat.group.unpin: keeps a message where everybody in a conversation finds it, or ends that.

import type { Handler } from "../../../service/router.ts";
import { GroupPinReqSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkMessageId, conversationOf } from "../conversation-name.ts";
import { talkRefusals } from "../talk-refusals.ts";
import { commitChange } from "./group-change.ts";

/** Also in direct conversations. `isOff`: of unpin. */
export function groupPin(parts: ChatParts, isOff: boolean): Handler {
  return async (context) => {
    const request = context.body(GroupPinReqSchema);
    const name = conversationOf(request);
    const { messageId } = request;
    checkMessageId(messageId);
    const { app, account: actor } = context;
    await commitChange(parts, context, {
      name,
      ask: () => parts.store.groups.pin({ app, actor, ...name, messageId, isOff }),
      sentences: {
        notFound: "there is no such message in this conversation, or it was recalled",
        forbidden: "only the owner and the admins of a group pin its messages",
        unwilling: talkRefusals.unwilling[1],
      },
    });
  };
}
