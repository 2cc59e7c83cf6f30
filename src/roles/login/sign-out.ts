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

/** Removes the session of that channel and no newer one. `bug` takes what a repetition throws. */
export function signOut(
  sessions: Pick<Sessions, "remove">,
  { after }: Pick<Timers, "after">,
  bug: (error: unknown) => void,
): Handler {
  let waiting: Removal[] = [];
  let isArmed = false;

  const arm = (): void => {
    if (isArmed) return;
    isArmed = true;
    after(retryMs, () => void repeat());
  };
  const keep = (removals: readonly Removal[]): void => {
    waiting = [...removals, ...waiting].slice(-waitingMax);
    arm();
  };
  const repeat = async (): Promise<void> => {
    isArmed = false;
    const removals = waiting;
    waiting = [];
    for (const [index, removal] of removals.entries()) {
      try {
        await sessions.remove(...removal);
      } catch (error) {
        // The others would only wait for the same store.
        if (error instanceof SessionsUnavailable) return keep(removals.slice(index));
        bug(error);
      }
    }
  };
  return async (context) => {
    context.dismiss();
    const removal: Removal = [context.app, context.account, context.channelId];
    try {
      await sessions.remove(...removal);
    } catch (error) {
      if (!(error instanceof SessionsUnavailable)) throw error;
      waiting.push(removal);
      if (waiting.length > waitingMax) waiting.shift();
      arm();
    }
  };
}
