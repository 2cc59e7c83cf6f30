// The chat service as a process of its own.

import { StoredKeyRing } from "../../api/keys/key-ring.ts";
import { listenApi } from "../../api/server.ts";
import { openStore } from "../../options/engines.ts";
import { openMedia } from "../../options/media.ts";
import { claimOf, startLogicMember } from "../../node/logic-member.ts";
import type { RunningMember } from "../../node/member.ts";
import type { ChatSettings } from "../settings.ts";
import { createChatService, storeDetail } from "./commands.ts";

/** Starts it; rejects when an address, the store or the sessions cannot be opened, and with IdTaken. */
export function startChat(settings: ChatSettings): Promise<RunningMember> {
  return startLogicMember(settings, "chat", async ({ environment, metrics, serviceMetrics, wheel, undo }, open) => {
    const { store: url, retentionDays, editWindowMs, recallWindowMs, presence, limits, log, lost: refused } = settings;
    const claim = claimOf(settings);
    const store = await openStore({ url, retentionDays, limits: limits.values, claim, log, refused });
    undo(() => store.close());
    const media = await openMedia(settings.media, settings);
    const sessions = await open();
    const latency = metrics.talkLatency;
    const { api: address, nodeTls } = settings;
    const service = createChatService({
      ...environment,
      store,
      sessions,
      metrics: serviceMetrics,
      latency,
      editWindowMs,
      recallWindowMs,
      presence,
      mediaPlace: media.place,
    });
    return {
      service,
      sessions,
      stores: [store],
      listen: () =>
        address &&
        listenApi(address, {
          api: { ...environment, chat: service, store, sessions, keys: new StoredKeyRing(store, environment.clock) },
          version: settings.version,
          bugs: metrics.bugs,
          wheel,
          tls: nodeTls?.http,
        }),
      health: () => ({ ready: store.isHealthy, detail: storeDetail(store) }),
    };
  });
}
