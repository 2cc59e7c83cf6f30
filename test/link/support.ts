// What the tests of links share: the keys of a cluster, and either end of a link.

import { testLimits } from "../support/limits.ts";
import { ClusterKeys } from "../../src/auth/cluster-keys.ts";
import type { LinkIdentity } from "../../src/auth/link-proof.ts";
import type { Limits } from "../../src/base/limits/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import { newIncarnation, systemRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import type { LinkHost } from "../../src/link/accepting-handshake.ts";
import { DiallingHandshake, type Met } from "../../src/link/dialling-handshake.ts";
import { gatewayService, LinkListener } from "../../src/link/link-listener.ts";
import { type Dial, TcpLinkNetwork } from "../../src/link/link-network.ts";
import { unknownStores } from "../../src/link/node-stores.ts";
import { Metrics, type ServiceMetrics } from "../../src/observe/metrics.ts";
import { Flusher } from "../../src/transport/flusher.ts";
import type { NodeTls } from "../../src/transport/tls/node-tls.ts";
import type { Acceptor, FrameHandler, Server } from "../../src/transport/transport.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { Recording } from "../transport/recording.ts";
import { WatchedTimers } from "./timers.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { systemClock } from "../../src/base/clock.ts";

/** The key of all that belong together here. */
export const clusterKey: Uint8Array = new TextEncoder().encode("the key of a cluster of tests");
export const wrongKey: Uint8Array = new TextEncoder().encode("the key of some other cluster");

/** A process that has just started. */
export function newIdentity(id: string, service: string = gatewayService): LinkIdentity {
  return { id, service, incarnation: newIncarnation(systemRandom) };
}

/** Of all handshakes of processes that are made here. */
export const handshakeTimers = new WatchedTimers();
const steps: (() => void | Promise<void>)[] = [];

/** A process that takes links, by default a chat node that refuses nobody: what a handshake asks of it. */
export function linkHost(linked: () => FrameHandler, refused: (kind: string) => void = () => undefined): LinkHost {
  return {
    identity: newIdentity("node", "chat"),
    clusterKeys: [clusterKey],
    ...systemRuntime,
    address: "127.0.0.1:1",
    state: () => ({ load: 0, isReady: true, stores: unknownStores }),
    holder: () => Promise.resolve(undefined),
    linked,
    declined: () => undefined,
    refused,
  };
}

/** Ends everything that was opened here; to be called after each test. */
export async function closeAll(): Promise<void> {
  for (const step of steps.splice(0).toReversed()) await step();
}

/** Has it undone by `closeAll`. */
export function afterwards(step: () => void | Promise<void>): void {
  steps.push(step);
}

/** One process's way to others, over TCP. Its wheel stands still until a test advances it. */
export class LinkEnd {
  readonly identity: LinkIdentity;
  /** Of no environment: nothing here keeps stores. */
  readonly keys: ClusterKeys;
  readonly clock = systemClock;
  readonly timers = handshakeTimers;
  readonly random = systemRandom;
  readonly metrics: ServiceMetrics;
  readonly wheel = new TimerWheel();
  readonly limits: Limits;
  readonly network: TcpLinkNetwork;
  readonly dial: Dial;
  private readonly numbers = new Metrics();

  constructor(
    identity: LinkIdentity,
    keys: readonly Uint8Array[] = [clusterKey],
    limits = testLimits(),
    tls?: NodeTls,
  ) {
    this.identity = identity;
    this.limits = limits;
    this.keys = new ClusterKeys(keys);
    this.metrics = this.numbers.forService(identity.id, identity.service);
    const transport = { writeWaitMs: 10_000, wheel: this.wheel, flusher: new Flusher(), limits: this.limits };
    const address = { host: "127.0.0.1", port: 0 };
    this.network = new TcpLinkNetwork({ transport, address, advertise: (bound) => bound, tls, rareLog: silentLog });
    this.dial = this.network.dial(this.metrics);
  }

  /** What a handshake needs to know of its side. */
  get side(): Pick<LinkEnd, "identity" | "keys" | "clock" | "timers" | "random" | "metrics" | "dial"> {
    const { identity, keys, clock, timers, random, metrics, dial } = this;
    return { identity, keys, clock, timers, random, metrics, dial };
  }

  /** Takes connections; returns the address. */
  listen(acceptor: Acceptor): { readonly address: string; readonly server: Server } {
    const { server, advertised } =
      acceptor instanceof LinkListener
        ? acceptor.listen(this.network, this.metrics)
        : this.network.listen(acceptor, this.metrics);
    afterwards(() => this.end(server));
    return { address: advertised, server };
  }

  /** Closes as a killed process does; who does not read the close frame is not waited for. */
  async end(server: Server): Promise<void> {
    const closed = server.close(closeAbnormal);
    for (let isOver = false; !isOver;) {
      this.wheel.advance(20_000);
      isOver = await Promise.race([closed.then(() => true), Bun.sleep(1).then(() => false)]);
    }
  }

  /** Bugs that ended one connection. */
  get bugs(): number {
    return this.numbers.bugs.count("connection");
  }

  /** How often peers broke the protocol in that way. */
  faults(kind: string): number {
    return this.metrics.faults.counts.get(kind)?.count ?? 0;
  }
}

/** Dials as a process of this release does. */
export async function dialAs(
  address: string,
  {
    id = "gate",
    keys = [clusterKey],
    listed = address,
    isProven = false,
  }: {
    readonly id?: string;
    readonly keys?: readonly Uint8Array[];
    /** Where the registry has the node. */
    readonly listed?: string;
    readonly isProven?: boolean;
  } = {},
): Promise<Met> {
  const end = new LinkEnd(newIdentity(id), keys);
  const handshakes: DiallingHandshake[] = [];
  const connection = await end.dial(address, (opened) => {
    const parts = { ...end.side, clusterKeys: keys, expectedId: "node", address: listed, isProven };
    const handshake = new DiallingHandshake(opened, parts, () => new Recording(opened));
    handshakes.push(handshake);
    return handshake;
  });
  afterwards(() => connection.close(closeAbnormal));
  const [handshake] = handshakes;
  if (handshake === undefined) throw new Error("dialled without a handler");
  return handshake.met;
}

/** `linked`, or why not. */
export const outcome = (met: Promise<unknown>): Promise<string> =>
  met.then(
    () => "linked",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
