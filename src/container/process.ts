// A service that is a process of its own: what surrounds it (registry, links over TCP), its monitor, and the order in
// which all of it ends.

import { registryToken } from "../auth/registry-token.ts";
import { clusterFingerprint } from "../auth/store-ownership.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log } from "../base/log.ts";
import { newIncarnation, systemRandom } from "../base/random.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { TcpLinkNetwork } from "./link/link-network.ts";
import type { Surroundings } from "./surroundings.ts";
import { Metrics, type ServiceMetrics } from "../observe/metrics.ts";
import { startMonitor } from "../observe/monitor.ts";
import type { Health } from "../observe/operator-answers.ts";
import { HttpNaming } from "../registry/client/http-naming.ts";
import { systemTimers } from "../registry/timers.ts";
import { advertisedAs, reachableHost, type SocketAddress } from "../transport/address.ts";
import { Flusher } from "../transport/flusher.ts";

/** What every service that is a process of its own is told. */
export interface MemberSettings {
  /** The service id; no two processes share one. */
  readonly id: string;
  /** Where it takes links of other services. */
  readonly listen: SocketAddress;
  /** Where others reach it; the host and port of `listen` where it says nothing. */
  readonly advertise: { readonly host: string; readonly port: number | undefined } | undefined;
  /** Nodes of the registry, `http://host:port`. */
  readonly discovery: readonly string[];
  readonly zone: string;
  readonly region: string;
  readonly env: string;
  /** What services prove to each other, and show to the registry: at least one key. The first one proves, all verify. */
  readonly clusterKeys: readonly Uint8Array[];
  readonly monitor: SocketAddress | undefined;
  readonly writeWaitMs: number;
  readonly version: string;
  readonly limits: Limits;
  readonly log: Log;
  /** It has to end, for a reason that only an operator can mend: another process has taken its id, or a setting is wrong. */
  readonly lost: (sentence: string) => void;
}

/** A started role. */
export interface RunningRole {
  /** Stops accepting, finishes what was begun, closes. Resolves within 10 s. Calling it twice returns the same promise. */
  drain(): Promise<void>;
  /** Whether it can do its job now. */
  health(): Health;
  /** Reads files again that may have changed; a sentence for the log. Undefined: there are none. */
  readonly reload?: () => string | undefined;
}

/** A service that is a process of its own. Its drain leaves the registry first. */
export interface RunningMember extends RunningRole {
  readonly id: string;
  readonly addresses: {
    /** Where it takes links. */
    readonly link: string;
    readonly ws: string | undefined;
    readonly tcp: string | undefined;
    readonly monitor: string | undefined;
  };
}

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
    const metrics = new Metrics(settings.log);
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
    const { limits, advertise } = settings;
    const names = advertise === undefined ? [] : [advertise.host];
    const monitor = settings.monitor && startMonitor(settings.monitor, { metrics, health, limits, names });
    const drain = async (): Promise<void> => {
      await role.drain();
      await closeAll();
      await monitor?.stop();
    };
    return {
      id: settings.id,
      addresses: { ...role.addresses, monitor: monitor?.address },
      health,
      drain: () => (draining ??= drain()),
      ...(role.reload === undefined ? {} : { reload: role.reload }),
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function surroundingsOf(settings: MemberSettings, service: string, wheel: TimerWheel, flusher: Flusher): Surroundings {
  const { id, clusterKeys, discovery, env, zone, region, limits, log, version, lost, writeWaitMs, listen, advertise } =
    settings;
  const naming = new HttpNaming({
    nodes: discovery,
    env,
    zone,
    region,
    hostname: id,
    tokens: clusterKeys.map(registryToken),
    random: systemRandom,
    log,
  });
  const network = new TcpLinkNetwork(
    { writeWaitMs, wheel, flusher, limits },
    listen,
    advertisedAs(advertise, reachableHost),
  );
  return {
    identity: { id, service, incarnation: newIncarnation(systemRandom) },
    naming,
    network,
    clusterKeys,
    fingerprints: clusterKeys.map((key) => clusterFingerprint(key, env)),
    timers: systemTimers,
    random: systemRandom,
    limits,
    log,
    zone,
    version,
    lost,
  };
}
