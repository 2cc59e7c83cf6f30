// The login service as a process of its own.

import { type LogicSettings, startLogicMember } from "../../node/logic-member.ts";
import type { RunningMember } from "../../node/member.ts";
import { createLoginService } from "./commands.ts";

/** Starts it; rejects when an address or the sessions cannot be opened, and with IdTaken. */
export function startLogin(settings: LogicSettings): Promise<RunningMember> {
  return startLogicMember(settings, "login", async ({ environment, serviceMetrics: metrics, undo }, open) => {
    const sessions = await open();
    const { service, stop } = createLoginService({ ...environment, sessions, metrics });
    undo(stop);
    return { service, sessions };
  });
}
