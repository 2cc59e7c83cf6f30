// login.signin: stores the session, whose token the gateway has verified, and ends the session that it replaces.

import { create, toBinary } from "@bufbuild/protobuf";
import type { Limits } from "../../base/limits/limits.ts";
import type { Dispatcher } from "../../service/dispatcher.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { featuresOf, type Sessions } from "../../session/sessions.ts";
import { Command } from "../../wire/commands.ts";
import { grantedFeatures } from "../../wire/features.ts";
import { KickoutNotifySchema, LoginRespSchema, SessionSchema, Status } from "../../wire/gen/pkt_pb.ts";

/**
 * Stores a session. The identity comes from the stamped header, the gateway from the link, the device from the body.
 */
export function signIn(sessions: Sessions, dispatcher: Dispatcher, limits: Limits): Handler {
  return async (context) => {
    const { app, account, channelId, link } = context;
    if (app === "" || account === "" || channelId === "") {
      throw new Refusal(Status.Unauthorized, "the sign-in carries no identity");
    }
    const { device, features: passed } = context.body(SessionSchema);
    const features = grantedFeatures(passed);
    const { gateway, incarnation } = link;
    const outcome = await sessions.put(app, account, {
      device,
      channelId,
      gateway,
      incarnation,
      ...featuresOf(passed),
    });
    if (outcome.result === "tooManyDevices") {
      limits.met("devicesPerAccount", { app, account });
      const most = limits.values.devicesPerAccount;
      throw new Refusal(
        Status.Forbidden,
        `this account is already signed in on ${most} device${most === 1 ? "" : "s"}, the limit: end the connection ` +
          "of one, or sign in with its device name; a device that has lost its network counts for some minutes more",
      );
    }
    context.respond(LoginRespSchema, { channelId, account, features: [...features] });
    const { replaced } = outcome;
    if (replaced === undefined || replaced.channelId === channelId) return;
    const notify = toBinary(KickoutNotifySchema, create(KickoutNotifySchema, { channelId: replaced.channelId }));
    const head = { command: Command.SignIn, channelId: replaced.channelId, sequence: 0, dest: account };
    dispatcher.push(head, notify, [[replaced]], "");
  };
}
