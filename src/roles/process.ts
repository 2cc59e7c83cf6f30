// A service that is a process of its own: what surrounds it (registry, links over TCP), its monitor, and the order in
// which all of it ends.

import { networkInterfaces } from "node:os";
import { registryToken } from "../auth/registry-token.ts";
import { newIncarnation, systemRandom } from "../base/random.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { TcpLinkNetwork } from "../container/link/link-network.ts";
import type { Surroundings } from "../container/surroundings.ts";
import { Metrics, type ServiceMetrics } from "../observe/metrics.ts";
import { startMonitor } from "../observe/monitor.ts";
import type { Health } from "../observe/operator-answers.ts";
import { HttpNaming } from "../registry/client/http-naming.ts";
import { systemTimers } from "../registry/timers.ts";
import { advertisedAs } from "../transport/address.ts";
import { Flusher } from "../transport/flusher.ts";
import type { MemberSettings, RunningMember } from "./settings.ts";

/** What a role finds in its process. */
export interface RoleProcess {
  readonly surroundings: Surroundings;
  readonly wheel: TimerWheel;
  readonly flusher: Flusher;
  readonly metrics: Metrics;
  /** Those of this service. */
  readonly serviceMetrics: ServiceMetrics;
  /** Will be undone when the process ends, the last one first. */
  readonly undo: (step: () => void | Promise<void>) => void;
}

/** What a role has become. */
export interface StartedRole {
  readonly addresses: Omit<RunningMember["addresses"], "monitor">;
  /** For `GET /health`. */
  readonly health: () => Health;
  readonly reload?: () => string | undefined;
  /** Ends the role itself; what it was built on is closed afterwards. */
  readonly drain: () => Promise<void>;
}

/** Starts a role in a process of its own; rejects, with nothing left running, when something cannot be opened. */
export async function startProcess(
  settings: MemberSettings,
  service: string,
  start: (around: RoleProcess) => Promise<StartedRole>,
): Promise<RunningMember> {
  const steps: (() => void | Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const step of steps.toReversed()) await step();
    steps.length = 0;
  };
  const undo = (step: () => void | Promise<void>): void => void steps.push(step);
  try {
    const wheel = new TimerWheel();
    wheel.start();
    undo(() => wheel.stop());
    const flusher = new Flusher();
    const metrics = new Metrics();
    const serviceMetrics = metrics.forService(settings.id, service);
    const surroundings = surroundingsOf(settings, service, wheel, flusher);
    undo(() => surroundings.naming.close());
    const role = await start({ surroundings, wheel, flusher, metrics, serviceMetrics, undo });
    let draining: Promise<void> | undefined;
    const health = (): Health => {
      const { ready, detail } = role.health();
      return {
        ready: ready && draining === undefined,
        detail: { version: settings.version, id: settings.id, ...detail, draining: draining !== undefined },
      };
    };
    const monitor = settings.monitor && startMonitor(settings.monitor, { metrics, health });
    const drain = async (): Promise<void> => {
      await role.drain();
      await closeAll();
      await monitor?.stop();
    };
    return {
      id: settings.id,
      addresses: { ...role.addresses, monitor: monitor?.address },
      drain: () => (draining ??= drain()),
      ...(role.reload === undefined ? {} : { reload: role.reload }),
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function surroundingsOf(settings: MemberSettings, service: string, wheel: TimerWheel, flusher: Flusher): Surroundings {
  const { id, clusterKey, discovery, env, zone, region, log, version, lost, writeWaitMs, listen, advertise } = settings;
  const naming = new HttpNaming({
    nodes: discovery,
    env,
    zone,
    region,
    hostname: id,
    token: registryToken(clusterKey),
    random: systemRandom,
    log,
  });
  const network = new TcpLinkNetwork({ writeWaitMs, wheel, flusher }, listen, advertisedAs(advertise, reachableHost));
  return {
    identity: { id, service, incarnation: newIncarnation(systemRandom) },
    naming,
    network,
    clusterKey,
    timers: systemTimers,
    random: systemRandom,
    log,
    zone,
    version,
    lost,
  };
}

/** The host by which others reach what is bound to `host`: of everywhere, an address of this machine. */
export function reachableHost(host: string): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = addresses.filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0);
  return (outer.find(({ family }) => family === "IPv4") ?? outer[0])?.address ?? "127.0.0.1";
}
