// chat.talk.ack: moves the cursor of the sender's device forward.

import type { Handler } from "../../service/router.ts";
import { Refusal } from "../../service/refusal.ts";
import { MessageAckReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

/**
 * Answered when the cursor is committed; 0 moves nothing. An id that does not exist yet is refused: it would hide the
 * messages that come.
 */
export function talkAck({ store }: ChatParts): Handler {
  return async (context) => {
    const { messageId } = context.body(MessageAckReqSchema);
    if (messageId < 0n) throw new Refusal(Status.InvalidPacketBody, "messageId must not be negative");
    if (messageId === 0n) {
      context.respondEmpty();
      return;
    }
    const outcome = await store.acknowledge(context.app, context.account, context.location.device, messageId);
    if (outcome === "future") throw new Refusal(Status.InvalidPacketBody, "there is no message with that id yet");
    context.respondEmpty();
  };
}
