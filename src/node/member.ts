// A member of the cluster: a service in its own process, with its registry client, its links over TCP and its monitor,
// and the order of their teardown.

import { ClusterKeys, reloadClusterKeys } from "../auth/cluster-keys.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log } from "../base/log.ts";
import { newIncarnation } from "../base/random.ts";
import { RareLog } from "../base/rare-log.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { TcpLinkNetwork } from "../link/link-network.ts";
import type { SettingsOf } from "../options/settings.ts";
import type { NodeEnvironment } from "./environment.ts";
import { type ControlCommands, controlCommands } from "../observe/control-commands.ts";
import { Metrics, type ServiceMetrics } from "../observe/metrics.ts";
import { type Monitor, startMonitor } from "../observe/monitor.ts";
import type { Health } from "../observe/operator-answers.ts";
import { Admission } from "../registry/lookup/admission.ts";
import { HttpNaming } from "../registry/client/http-naming.ts";
import type { Naming } from "../registry/client/naming.ts";
import { ProvenNaming } from "../registry/client/proven-naming.ts";
import { systemRuntime } from "../base/runtime.ts";
import { advertisedAs, OwnAddressUnknown, reachableHost, type SocketAddress } from "../transport/address.ts";
import { Flusher } from "../transport/flusher.ts";
import { CertificateWatch } from "../transport/tls/certificate-watch.ts";
import type { NodeTls } from "../transport/tls/node-tls.ts";

/** A peer without a valid certificate dials again and again: between two lines about such peers. */
const refusedQuietMs = 60_000;

/** The settings of every service with its own process: its options, and what is made of them. */
export interface MemberSettings extends Omit<SettingsOf<MemberRole>, "listen" | "weight"> {
  /** The address at which it accepts links of other services. */
  readonly listen: SocketAddress;
  /** The cluster keys, at least one: the first one proves, all verify. */
  readonly clusterKeys: readonly Uint8Array[];
  /** Reads all cluster keys again; throws if they are invalid. Undefined if they are not in a file. */
  readonly readClusterKeys?: (() => readonly Uint8Array[]) | undefined;
  /** Its certificate for connections between nodes; undefined: these are in plain text. */
  readonly nodeTls?: NodeTls | undefined;
  /** Its weight among the nodes of its service; undefined uses the default. */
  readonly weight?: number | undefined;
  readonly version: string;
  readonly limits: Limits;
  readonly log: Log;
  /** Called if the process has to exit until an operator acts: its id is taken, or a setting is wrong. */
  readonly lost: (sentence: string) => void;
}

/** The same, with what the options of one of them say. */
export type MemberSettingsOf<R extends MemberRole> = MemberSettings & Omit<SettingsOf<R>, keyof MemberSettings>;

/** A started role. */
export interface RunningRole {
  /** Stops accepting, finishes pending work and closes, within 10 s. A second call returns the same promise. */
  drain(): Promise<void>;
  /** Reports whether it can serve. */
  health(): Health;
  /** Reads its files again and returns a sentence for the log. Undefined if it has no files. */
  readonly reload?: () => string | undefined;
  /** The commands of operators. */
  readonly control: ControlCommands;
}

/** The services that can run in their own process. */
export type MemberRole = "gateway" | "login" | "chat";

/** A service in its own process. Its drain leaves the registry first. */
export interface RunningMember extends RunningRole {
  readonly id: string;
  readonly addresses: {
    /** The address at which it accepts links. */
    readonly link: string;
    readonly ws: string | undefined;
    readonly tcp: string | undefined;
    readonly monitor: string | undefined;
    /** The API for back ends. */
    readonly api?: string | undefined;
  };
}

/** The parts that a process gives its role. */
export interface MemberProcess {
  readonly environment: NodeEnvironment;
  readonly wheel: TimerWheel;
  readonly flusher: Flusher;
  readonly metrics: Metrics;
  /** The metrics of this service. */
  readonly serviceMetrics: ServiceMetrics;
  /** Adds a step to the teardown. The last step runs first; a step that throws does not stop the others. */
  readonly undo: (step: () => void | Promise<void>) => void;
}

/** A running role. */
export interface StartedRole {
  readonly addresses: Omit<RunningMember["addresses"], "monitor">;
  /** For `GET /health`. */
  readonly health: () => Health;
  readonly reload?: () => string | undefined;
  /** Stops the role; the parts below it are closed afterwards. */
  readonly drain: () => Promise<void>;
}

/**
 * Starts a role in its own process. Rejects, with nothing left running, if something cannot be opened, and with
 * OpenRegistry if a node of the registry accepts writes without a key and the settings do not allow that.
 */
export async function startMember(
  settings: MemberSettings,
  service: MemberRole,
  start: (around: MemberProcess) => Promise<StartedRole>,
): Promise<RunningMember> {
  const teardown = new AsyncDisposableStack();
  let monitor: Monitor | undefined;
  let started: StartedRole | undefined;
  // The monitor answers until everything else has stopped.
  teardown.defer(() => monitor?.stop());
  const undo = (step: () => void | Promise<void>): void => teardown.defer(step);
  try {
    const wheel = new TimerWheel();
    wheel.start();
    undo(() => wheel.stop());
    const flusher = new Flusher();
    const { limits, advertise } = settings;
    const metrics = new Metrics(settings.log, { limits, role: service });
    let draining: Promise<void> | undefined;
    const certificate =
      settings.nodeTls && new CertificateWatch({ source: settings.nodeTls, log: settings.log, ...systemRuntime });
    undo(() => certificate?.stop());
    // The monitor answers from the start: the process is alive, and not ready yet.
    const health = (): Health => {
      const { ready, detail } = started?.health() ?? { ready: false, detail: { role: service, starting: true } };
      return {
        ready: ready && draining === undefined,
        detail: {
          version: settings.version,
          id: settings.id,
          ...detail,
          ...(certificate === undefined || certificate.remark === "" ? {} : { nodeCertificate: certificate.remark }),
          draining: draining !== undefined,
        },
      };
    };
    const names = advertise === undefined ? [] : [advertise.host];
    monitor =
      settings.monitor && startMonitor(settings.monitor, { metrics, health, limits, names, tls: settings.nodeTls });
    const serviceMetrics = metrics.forService(settings.id, service);
    serviceMetrics.nodeCertificate = certificate && (() => certificate);
    const control = controlCommands({ ...settings, role: service }, (bug) => metrics.bugs.met("control", bug));
    const keys = new ClusterKeys(settings.clusterKeys, settings.env);
    const registry = registryOf(settings, keys);
    undo(() => registry.close());
    await registry.refuseOpenNodes();
    const environment = environmentOf(settings, service, { keys, wheel, flusher, control, registry });
    undo(() => environment.naming.close());
    const role = await start({
      wheel,
      flusher,
      metrics,
      serviceMetrics,
      undo,
      environment: { ...environment, monitor: monitor && monitorUrl(settings, monitor.address) },
    });
    started = role;
    const drain = (): Promise<void> => {
      undo(() => role.drain());
      return teardown.disposeAsync();
    };
    return {
      id: settings.id,
      addresses: { ...role.addresses, monitor: monitor?.address },
      health,
      drain: () => (draining ??= drain()),
      control,
      reload: () => {
        const { readClusterKeys, log } = settings;
        const sentences = [
          role.reload?.(),
          readClusterKeys && reloadClusterKeys(keys, readClusterKeys, log),
          certificate?.reload(),
        ];
        return sentences.filter((sentence) => sentence !== undefined).join("; ") || undefined;
      },
    };
  } catch (error) {
    // The caller is told why the start failed, even if the teardown fails, too.
    await teardown.disposeAsync().catch(() => undefined);
    throw error;
  }
}

/** Returns where others reach the monitor: `host:port`, `https://host:port`; undefined if that is unknown. */
function monitorUrl(settings: MemberSettings, bound: string): string | undefined {
  const address = advertisedMonitor(settings, bound);
  return address !== undefined && settings.nodeTls?.isRequired === true ? `https://${address}` : address;
}

function advertisedMonitor({ advertise }: MemberSettings, bound: string): string | undefined {
  const host = advertise && { host: advertise.host, port: undefined };
  // A monitor on loopback can only be reached from this machine.
  if (/^(127\.|localhost:|\[::1\])/.test(bound)) return bound;
  try {
    return advertisedAs(host, reachableHost)(bound);
  } catch (error) {
    if (error instanceof OwnAddressUnknown) return undefined;
    throw error;
  }
}

function registryOf(
  { id, insecure, discovery, env, zone, region, log, nodeTls }: MemberSettings,
  keys: ClusterKeys,
): HttpNaming {
  return new HttpNaming({
    nodes: discovery,
    env,
    zone,
    region,
    hostname: id,
    tokens: () => keys.tokens,
    requiresKey: !insecure,
    learnsNodes: !insecure,
    random: systemRuntime.random,
    log,
    tls: nodeTls,
  });
}

function environmentOf(
  settings: MemberSettings,
  service: string,
  around: {
    readonly keys: ClusterKeys;
    readonly wheel: TimerWheel;
    readonly flusher: Flusher;
    readonly control: ControlCommands;
    readonly registry: Naming;
  },
): NodeEnvironment {
  const { keys, wheel, flusher, control, registry } = around;
  const { id, insecure, env, zone, weight, limits, log, version, lost } = settings;
  const { writeWaitMs, listen, advertise } = settings;
  const admission = new Admission({ ...systemRuntime, env, keys, isRegistryOpen: insecure, log });
  const parts = { env, zone, keys, admission, isRegistryOpen: insecure, ...systemRuntime };
  const naming = new ProvenNaming(registry, parts);
  const network = new TcpLinkNetwork({
    transport: { writeWaitMs, wheel, flusher, limits },
    address: listen,
    advertise: advertisedAs(advertise, reachableHost),
    tls: settings.nodeTls,
    rareLog: new RareLog(log, systemRuntime.clock, refusedQuietMs),
  });
  return {
    identity: { id, service, incarnation: newIncarnation(systemRuntime.random) },
    naming,
    network,
    keys,
    ...systemRuntime,
    limits,
    control,
    log,
    zone,
    weight,
    version,
    lost,
  };
}
