// Gateway, login and chat as separate services of one process, which find each other in a registry and talk over links
// as they do in processes of their own; only that both are in memory here. Sessions are in memory, too.

import { keyCommands } from "../../api/keys/key-commands.ts";
import { KeyDesk } from "../../api/keys/key-desk.ts";
import { keepLocalKey } from "../../api/keys/local-key.ts";
import { StoredKeyRing } from "../../api/keys/key-ring.ts";
import { listenApi } from "../../api/server.ts";
import { ClusterKeys } from "../../auth/cluster-keys.ts";
import { TokenIssuer } from "../../auth/token-issuer.ts";
import { silentLog } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import { newIncarnation } from "../../base/random.ts";
import { systemRuntime } from "../../base/runtime.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import { MemoryLinkNetwork } from "../../link/link-network.ts";
import { gatewayService } from "../../link/link-listener.ts";
import { LogicNode } from "../../node/logic-node.ts";
import type { NodeEnvironment } from "../../node/environment.ts";
import { controlCommands } from "../../observe/control-commands.ts";
import { Metrics } from "../../observe/metrics.ts";
import { type Monitor, startMonitor } from "../../observe/monitor.ts";
import type { Health } from "../../observe/operator-answers.ts";
import { statsOf } from "../../observe/stats.ts";
import { options } from "../../options/options.ts";
import { startLoneRegistry } from "../../registry/node/alone.ts";
import { mediaOriginsOf, openMedia } from "../../options/media.ts";
import { InProcessNaming } from "../../registry/client/in-process-naming.ts";
import { localRegistrar } from "../../registry/client/local-registrar.ts";
import type { Naming } from "../../registry/client/naming.ts";
import { Site } from "../../site/site.ts";
import { TestAccounts } from "../../site/test-accounts.ts";
import { MemorySessions } from "../../session/memory-sessions.ts";
import type { Store } from "../../store/store.ts";
import { Flusher } from "../../transport/flusher.ts";
import { MemoryNetwork } from "../../transport/memory.ts";
import { joinedPages } from "../../transport/page-requests.ts";
import { CertificateWatch } from "../../transport/tls/certificate-watch.ts";
import type { NodeView } from "../../api/controls.ts";
import { createChatService, storeDetail } from "../chat/commands.ts";
import { GatewayRole } from "../gateway/gateway-role.ts";
import { tokenVerifierOf } from "../gateway/token-keys.ts";
import { createLoginService } from "../login/commands.ts";
import type { RunningStandalone, StandaloneSettings } from "../settings.ts";

/** Of the time that a drain may take, what is kept for closing connections and the store. */
const closingMs = 2_000;
/** And what answers of the API may take of it, before clients are told to leave. */
const apiAnswerMsMax = 3_000;
/** Nobody outside sees it. */
const env = "standalone";
const clusterKeyBytes = 32;

/**
 * Starts it all around the store, which is its own now, and whose opening may take its time; rejects, with nothing left
 * open, when the store cannot be opened or a listener fails.
 */
export async function assemble(settings: StandaloneSettings, opening: Promise<Store>): Promise<RunningStandalone> {
  const { id, limits, log, zone, version } = settings;
  const teardown = new AsyncDisposableStack();
  let monitor: Monitor | undefined;
  // The monitor answers until everything else has stopped.
  teardown.defer(() => monitor?.stop());
  teardown.defer(async () => {
    // A store that cannot be opened has reported why.
    const [opened] = await Promise.allSettled([opening]);
    if (opened.status === "fulfilled") await opened.value.close();
  });
  try {
    const wheel = new TimerWheel();
    wheel.start();
    teardown.defer(() => wheel.stop());
    const flusher = new Flusher();
    const metrics = new Metrics(log, { limits, role: "standalone" });
    const control = controlCommands({ id, version, limits, role: "standalone" }, (bug) =>
      metrics.bugs.met("control", bug),
    );
    let draining: Promise<void> | undefined;
    const running: { store?: Store; gateway?: GatewayRole; isStarted: boolean } = { isStarted: false };
    const health = (): Health => {
      const { store, gateway, isStarted } = running;
      if (store === undefined) return { ready: false, detail: { version, role: "standalone", starting: true } };
      const missing = gateway?.missingServices() ?? [];
      return {
        ready: isStarted && draining === undefined && store.isHealthy && missing.length === 0,
        detail: {
          version,
          role: "standalone",
          ...(isStarted ? {} : { starting: true }),
          connections: gateway?.connections ?? 0,
          ...storeDetail(store),
          missing: missing.join(","),
          draining: draining !== undefined,
        },
      };
    };
    monitor =
      settings.monitor &&
      startMonitor(settings.monitor, { metrics, health, limits: settings.limits, tls: settings.nodeTls });
    const certificate = settings.nodeTls && new CertificateWatch({ source: settings.nodeTls, log, ...systemRuntime });
    teardown.defer(() => certificate?.stop());
    const media = await openMedia(settings.media, settings);
    const sessions = new MemorySessions(limits.values);
    teardown.defer(() => sessions.close());

    const registry = startLoneRegistry({ env, zone, version, limits, log: silentLog });
    teardown.defer(() => registry.stop());
    const network = new MemoryNetwork();
    const keys = new ClusterKeys([systemRuntime.random.bytes(clusterKeyBytes)]);
    const transport = { writeWaitMs: settings.writeWaitMs, wheel, flusher, limits };
    const naming = (): Naming => {
      const registrar = localRegistrar(registry);
      const client = new InProcessNaming({ directory: registry, registrar, env, zone, region: "", log });
      teardown.defer(() => client.close());
      return client;
    };
    const around = (service: string): NodeEnvironment => ({
      identity: { id: `${id}-${service}`, service, incarnation: newIncarnation(systemRuntime.random) },
      naming: naming(),
      network: new MemoryLinkNetwork(transport, network, `${id}-${service}`),
      keys,
      ...systemRuntime,
      limits,
      control,
      log,
      zone,
      version,
      lost: () => undefined,
    });

    const started = async (node: LogicNode): Promise<void> => {
      await node.start();
      teardown.defer(() => node.drain(0));
    };
    const loginMetrics = metrics.forService(`${id}-login`, "login");
    const { service, stop } = createLoginService({ ...systemRuntime, sessions, metrics: loginMetrics, limits, log });
    teardown.defer(stop);
    const login = new LogicNode(around("login"), service, loginMetrics);
    await started(login);
    // All above needs no store, and starts while its threads open the files.
    const store = await opening;
    running.store = store;
    const localKey =
      settings.localKey === undefined
        ? undefined
        : keepLocalKey({
            keys: store.backEnd.keys,
            text: settings.localKey,
            timers: systemRuntime.timers,
            log,
            bugMet: (bug) => metrics.bugs.met("request", bug),
          });
    teardown.defer(() => localKey?.stop());
    const chatMetrics = metrics.forService(`${id}-chat`, "chat");
    const chatService = createChatService({
      store,
      sessions,
      metrics: chatMetrics,
      latency: metrics.talkLatency,
      ...systemRuntime,
      editWindowMs: settings.editWindowMs,
      recallWindowMs: settings.recallWindowMs,
      presence: settings.presence,
      mediaPlace: media.place,
      hookAllow: settings.hookAllow,
      hookProxy: settings.hookProxy,
      hookTimeoutMs: settings.hookTimeoutMs,
      version,
      limits,
      control,
      log,
    });
    await started(new LogicNode(around("chat"), chatService, chatMetrics));

    const tokens = new TokenIssuer(() => running.gateway?.presentTokenKeys ?? settings.tokenKeys);
    const site =
      settings.web && settings.ws !== undefined
        ? new Site({
            mediaOrigins: mediaOriginsOf(settings.media, settings.mediaUrl),
            rareLog: new RareLog(log, systemRuntime.clock),
            accounts:
              settings.linkSecret === undefined
                ? undefined
                : new TestAccounts({
                    ...systemRuntime,
                    secret: settings.linkSecret,
                    tokens,
                    isSecure: settings.tls !== undefined,
                    rareLog: new RareLog(log, systemRuntime.clock),
                  }),
          })
        : undefined;
    const gatewayMetrics = metrics.forService(`${id}-gateway`, gatewayService);
    gatewayMetrics.nodeCertificate = certificate && (() => certificate);
    const gateway = new GatewayRole(around(gatewayService), {
      ...settings,
      verifier: tokenVerifierOf(settings, systemRuntime.clock),
      wheel,
      flusher,
      metrics: gatewayMetrics,
      selection: { name: "hash" },
      reusePort: false,
      pages: joinedPages([site, media.pages]),
      publicUrl: (scheme, bound) => `${scheme}://${bound}`,
      tags: new Map(),
    });
    running.gateway = gateway;
    // What is left of the time of a drain; a start that fails waits for nothing.
    let drainEndMs = 0;
    const leftMs = (): number => Math.max(0, drainEndMs - systemRuntime.clock.monotonicMs());
    teardown.defer(() => gateway.drain(leftMs(), 0));
    const { ws, tcp } = await gateway.start();
    const local = localKey && { id: localKey.id, defaultApp: settings.defaultApp ?? options.app.fallback };
    const ring = new StoredKeyRing(store, systemRuntime.clock, local);
    const desk = new KeyDesk({ keys: store.backEnd.keys, random: systemRuntime.random, log, ring });
    control.add(keyCommands(desk));
    // The store has written it while the rest started.
    await localKey?.tried;
    const api =
      settings.api &&
      listenApi(settings.api, {
        api: {
          ...systemRuntime,
          chat: chatService,
          store,
          sessions,
          keys: ring,
          desk,
          node: {
            id,
            role: "standalone",
            nodes: () => Promise.resolve([nodeView({ id, version, zone, address: ws ?? tcp ?? "" }, health())]),
            stats: statsOf(metrics),
            leave: settings.leave,
            tokens,
          },
          limits,
          log,
        },
        version,
        otherConnections: () => gateway.connections,
        pages: media.page === undefined ? [] : [media.page],
        metrics,
        wheel,
        tls: settings.tls?.context,
      });
    teardown.defer(() => api?.stop(Math.min(leftMs(), apiAnswerMsMax)));
    running.isStarted = true;

    const drain = async (): Promise<void> => {
      log.info("draining", { connections: gateway.connections });
      drainEndMs = systemRuntime.clock.monotonicMs() + limits.values.shutdownMs - closingMs;
      await teardown.disposeAsync();
    };
    return {
      addresses: { ws, tcp, monitor: monitor?.address, api: api?.address },
      health,
      control,
      reload: () =>
        [gateway.reload(), certificate?.reload()].filter((sentence) => sentence !== undefined).join("; ") || undefined,
      drain: () => (draining ??= drain()),
    };
  } catch (error) {
    await teardown.disposeAsync().catch(() => undefined);
    throw error;
  }
}

function nodeView(
  node: Pick<NodeView, "id" | "version" | "zone" | "address">,
  { ready, detail: { connections, draining } }: Health,
): NodeView {
  const isLeaving = draining === true;
  const state = ready ? "ready" : isLeaving ? "leaving" : "unready";
  return { ...node, role: "standalone", ready, draining: isLeaving, state, connections: Number(connections ?? 0) };
}
