// login.restore: a gateway sends a session again after a loss. A newer session of the same device has priority.

import { create, toBinary } from "@bufbuild/protobuf";
import type { Dispatcher } from "../../service/dispatcher.ts";
import type { Handler } from "../../service/router.ts";
import { featuresOf, type Sessions } from "../../session/sessions.ts";
import { Command } from "../../wire/commands.ts";
import { KickoutNotifySchema, SessionSchema } from "../../wire/gen/pkt_pb.ts";

const noBody = new Uint8Array(0);

/**
 * Stores the session unless its device has another one. There is no answer; but pushes were lost together with the
 * session, so a restored client receives chat.sync.
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
