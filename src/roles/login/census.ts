// login.census: a gateway reports the number and checksum of its sessions. If they differ from the store's, the answer
// lists the stored ones, and the gateway sends the missing ones again: Redis may have evicted keys.

import { linkFrameBytesMax } from "../../base/limits/fixed.ts";
import type { Dispatcher } from "../../service/dispatcher.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import type { Sessions } from "../../session/sessions.ts";
import { markOf, SessionTally } from "../../session/tally.ts";
import { decodeCensusQuestion, encodeMarks } from "../../wire/census.ts";
import { Command } from "../../wire/commands.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** More do not fit into a frame; then the gateway sends all sessions again. */
const marksMax = linkFrameBytesMax / 8;

/** Compares the sessions, unless the engine deletes only what it is told to delete. */
export function census(sessions: Sessions, dispatcher: Dispatcher): Handler {
  return async (context) => {
    const { gateway, incarnation } = context.link;
    const question = decodeCensusQuestion(context.packet.subarray(context.bodyStart));
    if (question === undefined) throw new Refusal(Status.InvalidPacketBody, "the body is not a census");
    context.dismiss();
    const held = await sessions.held?.({ gateway, incarnation });
    if (held === undefined) return;
    const tally = new SessionTally();
    for (const channelId of held) tally.add(channelId);
    if (tally.count === question.count && tally.sum === question.sum) return;
    if (held.size > marksMax) dispatcher.tell(gateway, Command.Resync);
    else dispatcher.tell(gateway, Command.Census, encodeMarks(Array.from(held, markOf)));
  };
}
