// Refuses requests of connections whose session is gone (replaced, signed out), and finds the device and the features
// of the sender.

import type { Location, Sessions } from "../../session/sessions.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import type { Context } from "../context.ts";
import { Refusal } from "../refusal.ts";
import type { Middleware } from "../router.ts";

/** Lets only live sessions pass. An engine in memory answers without a promise, and so does this. */
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
