// Refuses requests of connections whose session has ended (replaced, signed out), and looks up the sender's device and
// features.

import type { Location, Sessions } from "../../session/sessions.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import type { Context } from "../context.ts";
import { Refusal } from "../refusal.ts";
import type { Middleware } from "../router.ts";

/** Passes requests of live sessions only. Returns no promise if the engine answers from memory. */
export function requireSession(sessions: Sessions): Middleware {
  return (next) => (context) => {
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
