// Refuses requests of connections whose session has ended (replaced, signed out), and looks up the sender's device and
// features. A back end has no session: its key has been checked, and it knows everything that the commands do.

import type { Location, Sessions } from "../../session/sessions.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import type { Context } from "../context.ts";
import { Refusal } from "../refusal.ts";
import { Feature } from "../../wire/features.ts";
import type { Middleware } from "../router.ts";

const backEnd: Location = Object.freeze({
  device: "",
  channelId: "",
  gateway: "",
  incarnation: "",
  features: [Feature.Conversations],
});

/** Passes requests of live sessions, and of back ends. Returns no promise if the engine answers from memory. */
export function requireSession(sessions: Sessions): Middleware {
  return (next) => (context) => {
    if (context.isBackEnd) {
      context.location = backEnd;
      return next(context);
    }
    const found = sessions.locate(context.app, [context.account]);
    if (found instanceof Promise) {
      return found.then((locations) => {
        admit(context, locations[0] ?? []);
        return next(context);
      });
    }
    admit(context, found[0] ?? []);
    return next(context);
  };
}

function admit(context: Context, locations: readonly Location[]): void {
  for (const location of locations) {
    if (location.channelId === context.channelId) {
      context.location = location;
      return;
    }
  }
  throw new Refusal(Status.SessionNotFound, "this connection is not signed in any more");
}
