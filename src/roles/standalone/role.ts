// Everything in one process: gateway, login and chat as separate services over the memory transport, through the very
// interfaces that they have as processes of their own. Messages in SQLite, sessions in memory.

import { TokenVerifier } from "../../auth/token.ts";
import { linkFrameBytesMax, linkUnsentBytesMax, shutdownMsMax } from "../../base/limits.ts";
import { newIncarnation, systemRandom } from "../../base/random.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import type { Service } from "../../container/service.ts";
import { Metrics } from "../../observe/metrics.ts";
import { startMonitor } from "../../observe/monitor.ts";
import { MemorySessions } from "../../session/memory-sessions.ts";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import { Flusher } from "../../transport/flusher.ts";
import { MemoryNetwork } from "../../transport/memory.ts";
import type { Server, TransportOptions } from "../../transport/transport.ts";
import { closeLeaving } from "../../wire/close-reason.ts";
import { createChatService } from "../chat/role.ts";
import { GatewayRole } from "../gateway/role.ts";
import { createLoginService } from "../login/role.ts";
import type { RunningStandalone, StandaloneSettings } from "../settings.ts";

/** Of the time that a drain may take, what is kept for closing connections and the store. */
const closingMs = 2_000;
/** Links in one process need no read wait: one that is silent has nothing to say. */
const forEverMs = 2 ** 31 - 1;

/** Starts it all; rejects, with nothing left running, when a listener or the store cannot be opened. */
export async function startStandalone(settings: StandaloneSettings): Promise<RunningStandalone> {
  const { id, log } = settings;
  const undo: (() => void | Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
    undo.length = 0;
  };
  try {
    const wheel = new TimerWheel();
    wheel.start();
    undo.push(() => wheel.stop());
    const flusher = new Flusher();
    const metrics = new Metrics();
    const network = new MemoryNetwork();
    const store = await openSqliteStore({ path: settings.storePath, retentionDays: settings.retentionDays, log });
    undo.push(() => store.close());
    const sessions = new MemorySessions();
    undo.push(() => sessions.close());

    const linkOptions = (observer: TransportOptions["observer"]): TransportOptions => ({
      frameBytesMax: linkFrameBytesMax,
      unsentBytesMax: linkUnsentBytesMax,
      closeWhenSlow: false,
      readWaitMs: forEverMs,
      writeWaitMs: settings.writeWaitMs,
      wheel,
      flusher,
      observer,
    });

    const gatewayId = `${id}-gateway`;
    const gatewayMetrics = metrics.forService(gatewayId, "gateway");
    const gateway = new GatewayRole({
      serviceId: gatewayId,
      verifier: new TokenVerifier(settings.secrets),
      wheel,
      flusher,
      metrics: gatewayMetrics,
      log,
      readWaitMs: settings.readWaitMs,
      writeWaitMs: settings.writeWaitMs,
      loginWaitMs: settings.loginWaitMs,
    });

    const loginMetrics = metrics.forService(`${id}-login`, "login");
    const chatMetrics = metrics.forService(`${id}-chat`, "chat");
    const login = createLoginService({ sessions, metrics: loginMetrics, log });
    const chat = createChatService({
      store,
      sessions,
      metrics: chatMetrics,
      latency: metrics.talkLatency,
      random: systemRandom,
      log,
    });
    const serve = (service: Service, nodeId: string, observer: TransportOptions["observer"]): Server => {
      const server = network.listen(nodeId, service, linkOptions(observer));
      undo.push(() => server.close(closeLeaving));
      return server;
    };
    serve(login, `${id}-login`, loginMetrics);
    serve(chat, `${id}-chat`, chatMetrics);

    const identity = `${gatewayId}/${newIncarnation(systemRandom)}`;
    for (const service of ["login", "chat"] as const) {
      const nodeId = `${id}-${service}`;
      await gateway.connect(service, nodeId, (handlerOf) =>
        network.dial(nodeId, identity, handlerOf, linkOptions(metrics.forService(nodeId, service))),
      );
    }

    const listen = (kind: "ws" | "tcp"): string | undefined => {
      const address = settings[kind];
      return address === undefined ? undefined : gateway.listen(kind, address);
    };
    undo.push(() => gateway.drain(0));
    const ws = listen("ws");
    const tcp = listen("tcp");

    let draining: Promise<void> | undefined;
    const monitor =
      settings.monitor === undefined
        ? undefined
        : startMonitor(settings.monitor, {
            metrics,
            health: () => {
              const missing = gateway.missingServices();
              return {
                ready: draining === undefined && store.isHealthy && missing.length === 0,
                detail: {
                  version: settings.version,
                  role: "standalone",
                  connections: gateway.connections,
                  store: store.isHealthy,
                  missing: missing.join(","),
                  draining: draining !== undefined,
                },
              };
            },
          });
    if (monitor !== undefined) undo.unshift(() => monitor.stop());

    const drain = async (): Promise<void> => {
      log.info("draining", { connections: gateway.connections });
      await gateway.drain(shutdownMsMax - closingMs);
      await closeAll();
    };
    return { addresses: { ws, tcp, monitor: monitor?.address }, drain: () => (draining ??= drain()) };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
