// Roles in one process, each with environment of its own, over a registry and links in memory.

import { ClusterKeys } from "../../src/auth/cluster-keys.ts";
import { TokenVerifier } from "../../src/auth/token.ts";
import { sessionCensusMs } from "../../src/base/limits/fixed.ts";
import { silentLog } from "../../src/base/log.ts";
import { testLimits } from "./limits.ts";
import { newIncarnation, systemRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { type LinkNetwork, MemoryLinkNetwork } from "../../src/link/link-network.ts";
import { LinkListener } from "../../src/link/link-listener.ts";
import { LogicNode } from "../../src/node/logic-node.ts";
import { Membership } from "../../src/node/membership.ts";
import type { Selection } from "../../src/routing/selectors/selection.ts";
import type { Service } from "../../src/service/service.ts";
import type { NodeEnvironment } from "../../src/node/environment.ts";
import { Metrics, type ServiceMetrics } from "../../src/observe/metrics.ts";
import { startLoneRegistry } from "../../src/registry/node/alone.ts";
import { InProcessNaming } from "../../src/registry/client/in-process-naming.ts";
import { localRegistrar } from "../../src/registry/client/local-registrar.ts";
import { createLoginService } from "../../src/roles/login/commands.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import { GatewayRole } from "../../src/roles/gateway/gateway-role.ts";
import { Flusher } from "../../src/transport/flusher.ts";
import { ControlCommands } from "../../src/observe/control-commands.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { Server } from "../../src/transport/transport.ts";
import type { ManualTimers } from "./manual-timers.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { defaultSettings } from "../../scripts/harness/default-settings.ts";

const env = "test";

export class MemoryCluster {
  readonly wheel = new TimerWheel();
  readonly flusher = new Flusher();
  readonly network = new MemoryNetwork();
  readonly registry = startLoneRegistry({
    env,
    zone: "z1",
    version: "test",
    limits: testLimits(),
    log: silentLog,
  });
  readonly keys = new ClusterKeys([systemRandom.bytes(32)], env);
  /** Of all its processes. */
  limits = testLimits();
  /** What was said by those who lost their ids. */
  readonly lost: string[] = [];
  private readonly servers = new Map<string, Server>();
  private readonly namings: InProcessNaming[] = [];
  private readonly nodes: LogicNode[] = [];
  private readonly stops: (() => void)[] = [];
  private readonly time: ManualTimers | undefined;

  /** `time`: that of all its processes; the machine's unless it is given. */
  constructor(time?: ManualTimers) {
    this.time = time;
  }

  /** What these processes do for which time has to pass. */
  during<Result>(promise: Promise<Result>): Promise<Result> {
    return this.time?.during(promise) ?? promise;
  }

  /** NodeEnvironment for a process of that id and service. */
  around(id: string, service: string, keys: ClusterKeys = this.keys): NodeEnvironment {
    const { registry, network, wheel, flusher } = this;
    const registrar = localRegistrar(registry);
    const naming = new InProcessNaming({
      directory: registry,
      registrar,
      env,
      zone: "z1",
      region: "",
      log: silentLog,
    });
    this.namings.push(naming);
    const links = new MemoryLinkNetwork({ writeWaitMs: 10_000, wheel, flusher, limits: this.limits }, network, id);
    const watched: LinkNetwork = {
      listen: (acceptor, observer) => {
        const bound = links.listen(acceptor, observer);
        this.servers.set(id, bound.server);
        return bound;
      },
      dial: (observer) => links.dial(observer),
    };
    return {
      identity: { id, service, incarnation: newIncarnation(systemRandom) },
      naming,
      network: watched,
      keys,
      ...systemRuntime,
      ...(this.time === undefined ? {} : { clock: this.time, timers: this.time }),
      limits: this.limits,
      control: new ControlCommands({}, () => undefined),
      log: silentLog,
      zone: "z1",
      version: "test",
      lost: (sentence) => this.lost.push(sentence),
    };
  }

  /** Starts a node of a logic service, until `stop`. */
  async startNode(around: NodeEnvironment, service: Service, metrics: ServiceMetrics): Promise<LogicNode> {
    const node = new LogicNode(around, service, metrics);
    this.nodes.push(node);
    await node.start();
    return node;
  }

  /** A login service over these sessions, by the machine's time, until `stop`. */
  login(sessions: Sessions, metrics: ServiceMetrics): Service {
    const { service, stop } = createLoginService({
      ...systemRuntime,
      sessions,
      metrics,
      limits: testLimits(),
      log: silentLog,
    });
    this.stops.push(stop);
    return service;
  }

  /** A node of a logic service in the state that a test wants. */
  async node(
    id: string,
    name: string,
    service: Service,
    { zone = "z1", isReady = true }: { readonly zone?: string; readonly isReady?: boolean } = {},
  ): Promise<void> {
    const around = { ...this.around(id, name), zone };
    const observer = new Metrics().forService(id, name);
    const { advertised } = new LinkListener({ ...around, service, metrics: observer }).listen(around.network, observer);
    service.setReady(isReady);
    const membership = new Membership({ ...around, dial: around.network.dial(observer), link: advertised });
    await membership.join([{ service: name, addrs: [`tcp://${advertised}`], metadata: new Map() }], "adult");
  }

  /** A gateway for clients over TCP, with tokens of that key; its starter has to drain it. */
  gateway(
    around: NodeEnvironment,
    metrics: ServiceMetrics,
    tokenKey: Uint8Array,
    selection: Selection = { name: "hash" },
    censusMs = sessionCensusMs,
  ): GatewayRole {
    const { wheel, flusher } = this;
    return new GatewayRole(around, {
      verifier: new TokenVerifier([tokenKey]),
      wheel,
      flusher,
      metrics,
      ...defaultSettings("gateway"),
      censusMs,
      selection,
      ws: undefined,
      tcp: { host: "127.0.0.1", port: 0 },
      publicUrl: (kind, bound) => `${kind}://${bound}`,
    });
  }

  /** Ends a process's links and its listening as a crash does: the registry does not hear of it. */
  async kill(id: string): Promise<void> {
    await this.servers.get(id)?.close(closeAbnormal);
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) await this.during(node.drain(0));
    for (const stop of this.stops) stop();
    for (const naming of this.namings) await naming.close();
    this.registry.stop();
  }
}
