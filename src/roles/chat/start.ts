// The chat service as a process of its own.

import { LogicNode } from "../../node/logic-node.ts";
import { openSessions, openStore } from "../../node/engines.ts";
import { knownSessionsIdentity } from "../../node/known-identity.ts";
import { type RunningMember, startMember } from "../../node/member.ts";
import { sessionsDetail } from "../../session/sessions.ts";
import type { ChatSettings } from "../settings.ts";
import { clockDetail, createChatService } from "./commands.ts";

/** Of the time that a drain may take, what is kept for leaving and closing. */
const closingMs = 3_000;

/** Starts it; rejects when an address, the store or the sessions cannot be opened, and with IdTaken. */
export function startChat(settings: ChatSettings): Promise<RunningMember> {
  return startMember(settings, "chat", async ({ environment, metrics, serviceMetrics, undo }) => {
    const { claim, retentionDays, log, lost: refused } = settings;
    const { limits } = environment;
    const store = await openStore({ url: settings.store, retentionDays, limits: limits.values, claim, log, refused });
    undo(() => store.close());
    const known = knownSessionsIdentity(environment.naming, settings.id);
    const sessions = await openSessions({
      url: settings.sessions,
      known,
      claim,
      limits: environment.limits.values,
      log,
      refused,
    });
    undo(() => sessions.close());
    const service = createChatService({
      ...environment,
      store,
      sessions,
      metrics: serviceMetrics,
      latency: metrics.talkLatency,
    });
    const node = new LogicNode(environment, service, serviceMetrics, [store, sessions], sessions);
    const link = await node.start();
    return {
      addresses: { link, ws: undefined, tcp: undefined },
      health: () => ({
        ready: node.isReady && store.isHealthy && sessions.isHealthy,
        detail: {
          role: "chat",
          ...node.detail,
          store: store.isHealthy,
          ...(store.trouble === "" ? {} : { storeTrouble: store.trouble }),
          ...clockDetail(store.clock),
          ...sessionsDetail(sessions),
        },
      }),
      drain: () => node.drain(settings.limits.values.shutdownMs - closingMs),
    };
  });
}
