// login.census: a gateway says how many sessions it holds, with a checksum. Where the store's differ, it is told which
// the store knows, and sends again what is missing: keys that a Redis has evicted, or that somebody deleted.

import { linkFrameBytesMax } from "../../base/limits/fixed.ts";
import type { Dispatcher } from "../../service/dispatcher.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import type { Sessions } from "../../session/sessions.ts";
import { markOf, SessionTally } from "../../session/tally.ts";
import { decodeCensusQuestion, encodeMarks } from "../../wire/census.ts";
import { Command } from "../../wire/commands.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** More do not fit into a frame beside its header: all sessions are sent again then. */
const marksMax = linkFrameBytesMax / 8;

/** Compares. Nobody waits for an answer; an engine that loses nothing by itself is not compared with. */
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
