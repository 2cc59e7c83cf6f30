// The login service as a process of its own.

import { LogicNode } from "../../node/logic-node.ts";
import { openSessions } from "../../node/engines.ts";
import { knownSessionsIdentity } from "../../node/known-identity.ts";
import { type RunningMember, startMember } from "../../node/member.ts";
import { sessionsDetail } from "../../session/sessions.ts";
import type { LoginSettings } from "../settings.ts";
import { createLoginService } from "./commands.ts";

/** Of the time that a drain may take, what is kept for leaving and closing. */
const closingMs = 3_000;

/** Starts it; rejects when an address or the sessions cannot be opened, and with IdTaken. */
export function startLogin(settings: LoginSettings): Promise<RunningMember> {
  return startMember(settings, "login", async ({ environment, serviceMetrics, undo }) => {
    const { claim, limits, log, lost: refused } = settings;
    const known = knownSessionsIdentity(environment.naming, settings.id);
    const sessions = await openSessions({ url: settings.sessions, known, claim, limits: limits.values, log, refused });
    undo(() => sessions.close());
    const { service, stop } = createLoginService({ ...environment, sessions, metrics: serviceMetrics });
    undo(stop);
    const node = new LogicNode(environment, service, serviceMetrics, [sessions], sessions);
    const link = await node.start();
    return {
      addresses: { link, ws: undefined, tcp: undefined },
      health: () => ({
        ready: node.isReady && sessions.isHealthy,
        detail: {
          role: "login",
          ...node.detail,
          ...sessionsDetail(sessions),
        },
      }),
      drain: () => node.drain(settings.limits.values.shutdownMs - closingMs),
    };
  });
}
