// chat.message.readers: which members of a group have read a message.

import { readersDays, readersGroupMax, readersMax } from "../../base/limits/fixed.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import type { ReadersAnswer } from "../../store/conversations.ts";
import { MessageReadersReqSchema, MessageReadersRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkAfter, checkMessageId, pageOf } from "./conversation-name.ts";
import { nameBytesMax } from "./talk-body.ts";

/** Answers the message's author and the members of the group. */
export function messageReaders({ store, reads }: Pick<ChatParts, "store" | "reads">): Handler {
  return async (context) => {
    const { messageId, after, limit: asked } = context.body(MessageReadersReqSchema);
    checkMessageId(messageId);
    checkAfter(after);
    const limit = pageOf(asked, readersMax);
    const { app, account } = context;
    await reads.run(context, limit * nameBytesMax, async () => {
      const { count, accounts, hasMore } = answered(await store.readers({ app, account, messageId, after, limit }));
      return context.respond(MessageReadersRespSchema, { count, accounts: [...accounts], hasMore });
    });
  };
}

function answered(answer: ReadersAnswer): Extract<ReadersAnswer, { result: "found" }> {
  switch (answer.result) {
    case "found":
      return answer;
    case "notFound":
      throw new Refusal(Status.NotFound, "there is no such message in a group of yours");
    case "forbidden":
      throw new Refusal(Status.Forbidden, "only the author and the members of the group see who has read a message");
    case "tooLarge":
      throw new Refusal(Status.Forbidden, `readers are told in groups of up to ${readersGroupMax} members`);
    case "tooOld":
      throw new Refusal(Status.Forbidden, `readers are told for ${readersDays} days after a message was sent`);
  }
}
