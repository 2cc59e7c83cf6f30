// login.signout: a gateway's word that a connection has ended. Nobody waits for an answer, so a removal that the
// session store does not take now is repeated until it does: the session would look alive for as long as its gateway
// is.
//
// Memory: an entry for each removal that waits, bounded; beyond it the oldest are forgotten.

import type { Timers } from "../../base/timers.ts";
import type { Handler } from "../../service/router.ts";
import { type Sessions, SessionsUnavailable } from "../../session/sessions.ts";

/** Between two tries, in milliseconds. */
const retryMs = 1_000;
const waitingMax = 100_000;

type Removal = Parameters<Sessions["remove"]>;

/** Removes the session of that channel and no newer one. */
export function signOut(sessions: Pick<Sessions, "remove">, { after }: Pick<Timers, "after">): Handler {
  let waiting: Removal[] = [];
  let isArmed = false;

  const remove = async (removal: Removal): Promise<void> => {
    try {
      await sessions.remove(...removal);
    } catch (error) {
      if (!(error instanceof SessionsUnavailable)) throw error;
      waiting.push(removal);
      if (waiting.length > waitingMax) waiting.shift();
      arm();
    }
  };
  const arm = (): void => {
    if (isArmed) return;
    isArmed = true;
    after(retryMs, () => {
      isArmed = false;
      const removals = waiting;
      waiting = [];
      // A bug in one of them is met again by nobody.
      for (const removal of removals) void remove(removal).catch(() => undefined);
    });
  };
  return (context) => {
    context.dismiss();
    return remove([context.app, context.account, context.channelId]);
  };
}
