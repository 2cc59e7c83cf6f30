// login.signout: a gateway's word that a connection has ended. Nobody waits for an answer.

import type { Handler } from "../../service/router.ts";
import type { Sessions } from "../../session/sessions.ts";

/** Removes the session of that channel and no newer one. */
export function signOut(sessions: Sessions): Handler {
  return async (context) => {
    context.dismiss();
    await sessions.remove(context.app, context.account, context.channelId);
  };
}
