// The chat service as a process of its own.

import { nodesIn } from "../../api/cluster-nodes.ts";
import { keyCommands } from "../../api/keys/key-commands.ts";
import { KeyDesk } from "../../api/keys/key-desk.ts";
import { StoredKeyRing } from "../../api/keys/key-ring.ts";
import { listenApi } from "../../api/server.ts";
import { TokenIssuer } from "../../auth/token-issuer.ts";
import { TokenKeyFiles } from "../../auth/token-key-files.ts";
import { statsOf } from "../../observe/stats.ts";
import { openStore } from "../../options/engines.ts";
import { openMedia } from "../../options/media.ts";
import { claimOf, startLogicMember } from "../../node/logic-member.ts";
import type { RunningMember } from "../../node/member.ts";
import type { ChatSettings } from "../settings.ts";
import { createChatService, storeDetail } from "./commands.ts";

/** Starts it; rejects when an address, the store or the sessions cannot be opened, and with IdTaken. */
export function startChat(settings: ChatSettings): Promise<RunningMember> {
  return startLogicMember(settings, "chat", async ({ environment, metrics, serviceMetrics, wheel, undo }, open) => {
    const {
      store: url,
      storeAsync: isAsync,
      retentionDays,
      editWindowMs,
      recallWindowMs,
      presence,
      limits,
      log,
      lost: refused,
    } = settings;
    const claim = claimOf(settings);
    const store = await openStore({ url, isAsync, retentionDays, limits: limits.values, claim, log, refused });
    undo(() => store.close());
    const media = await openMedia(settings.media, settings);
    const sessions = await open();
    const latency = metrics.talkLatency;
    const { api: address, nodeTls, tokenKeys: source } = settings;
    const { random, clock, timers } = environment;
    const tokenKeys = source && new TokenKeyFiles({ source, timers, log });
    undo(() => tokenKeys?.stop());
    const ring = new StoredKeyRing(store, clock);
    const desk = new KeyDesk({ keys: store.backEnd.keys, random, log, ring });
    environment.control.add(keyCommands(desk));
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
      hookAllow: settings.hookAllow,
      hookProxy: settings.hookProxy,
      hookTimeoutMs: settings.hookTimeoutMs,
    });
    return {
      service,
      sessions,
      stores: [store],
      reload: () => tokenKeys?.reload(),
      listen: () =>
        address &&
        listenApi(address, {
          api: {
            ...environment,
            chat: service,
            store,
            sessions,
            keys: ring,
            desk,
            node: {
              id: environment.identity.id,
              role: "chat",
              nodes: () => nodesIn(environment.naming),
              stats: statsOf(metrics),
              leave: settings.leave,
              tokens: tokenKeys && new TokenIssuer(() => tokenKeys.keys),
            },
          },
          version: settings.version,
          metrics,
          wheel,
          tls: nodeTls?.http,
        }),
      health: () => ({ ready: store.isHealthy, detail: storeDetail(store) }),
    };
  });
}
