// Refuses the commands of conversations to connections without the feature: for older clients nothing is new.

import { Feature, hasConversations } from "../../wire/features.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import { Refusal } from "../refusal.ts";
import type { Middleware } from "../router.ts";

/** Passes requests of connections with the feature `conversations`; follows `requireSession`, which looks it up. */
export function requireConversations(): Middleware {
  return (next) => (context) => {
    if (!hasConversations(context.location.features)) {
      const sentence = `${context.command} needs the feature "${Feature.Conversations}": name it at the sign-in`;
      throw new Refusal(Status.InvalidCommand, sentence);
    }
    return next(context);
  };
}
