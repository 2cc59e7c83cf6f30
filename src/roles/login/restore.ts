// login.restore: a gateway sends a session again, because the sessions were lost. Whoever has signed in on the same
// device meanwhile is the newer one, and stays.

import { create, toBinary } from "@bufbuild/protobuf";
import type { Dispatcher } from "../../service/dispatcher.ts";
import type { Handler } from "../../service/router.ts";
import { featuresOf, type Sessions } from "../../session/sessions.ts";
import { Command } from "../../wire/commands.ts";
import { KickoutNotifySchema, SessionSchema } from "../../wire/gen/pkt_pb.ts";

const noBody = new Uint8Array(0);

/**
 * Puts the session unless its device has another one. Nobody waits for an answer; but what was said while the session
 * was lost was pushed to nobody, so the client is told to look for it.
 */
export function restore(sessions: Sessions, dispatcher: Dispatcher): Handler {
  return async (context) => {
    const { app, account, channelId, link } = context;
    const { gateway, incarnation } = link;
    const { device, features } = context.body(SessionSchema);
    context.dismiss();
    const location = { device, channelId, gateway, incarnation, ...featuresOf(features) };
    const outcome = await sessions.restore(app, account, location);
    if (outcome === "present") return;
    if (outcome === "restored") {
      dispatcher.push({ command: Command.Sync, channelId: "", sequence: 0, dest: "" }, noBody, [[location]], "");
      return;
    }
    const notify = toBinary(KickoutNotifySchema, create(KickoutNotifySchema, { channelId }));
    dispatcher.push({ command: Command.SignIn, channelId, sequence: 0, dest: account }, notify, [[location]], "");
  };
}
