// login.signout: a gateway reports that a connection has ended. There is no answer, so a removal that fails is repeated
// until it succeeds: otherwise the session would live as long as its gateway.
//
// Memory: an entry for each waiting removal, bounded; beyond that, the oldest are dropped.

import type { Timers } from "../../base/timers.ts";
import type { Handler } from "../../service/router.ts";
import { type Sessions, SessionsUnavailable } from "../../session/sessions.ts";

/** Between two tries, in milliseconds. */
const retryMs = 1_000;
const waitingMax = 100_000;

type Removal = Parameters<Sessions["remove"]>;

/** Removes the session of the channel, never a newer one. `bug` receives the errors of repetitions. */
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
        // The store is still away.
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
