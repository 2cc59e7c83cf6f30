// Instances that cannot renew themselves, and say so by `health_url` in their metadata: the node that took the
// registration asks them how they are, renews them, and sets one that fails to WAITING. When that node is gone, another
// one takes over.
//
// A registry without a key has none of it: a health_url is a request that this node makes, and there anybody could have
// it made. The table refuses such an instance then, from any source (`TableRules.takesProbes`).

import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { Entry } from "../table/entry.ts";
import { type Instance, type InstanceStatus, Status } from "../instance.ts";
import { type Probe, ProbeTurns } from "./probe-turns.ts";
import type { RegistryNode } from "./registry-node.ts";
import type { Cancel, Timers } from "../../base/timers.ts";

/** Between two questions to one instance. */
const probeMs = 10_000;
/** An answer that takes longer counts as none. */
const probeMsMax = 3_000;
/** An instance that has failed for this long turns WAITING. */
const failedMs = 20_000;
/**
 * An instance that nobody has renewed for this long has lost the node that asked it; some time at random comes on top.
 */
const orphanMs = 45_000;
const orphanSpreadMs = 20_000;
/** Between two looks for such instances. */
const sweepMs = 5_000;
/** Instances that one node asks. */
const probedMax = 10_000;
/** Where it is written that it was we who set an instance to WAITING, and not a person. */
const healthKey = "health";

export class HealthChecks {
  private readonly node: RegistryNode;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly random: Random;
  private readonly turns: ProbeTurns;
  private readonly log: Log;
  private readonly probed = new Map<string, { cancel: Cancel; failingSinceMs: number | undefined }>();
  private cancelSweep: Cancel | undefined;
  private isStopped = false;

  constructor(parts: { node: RegistryNode; clock: Clock; timers: Timers; random: Random; probe: Probe; log: Log }) {
    this.node = parts.node;
    this.clock = parts.clock;
    this.timers = parts.timers;
    this.random = parts.random;
    this.turns = new ProbeTurns(parts);
    this.log = parts.log;
    this.node.onProbed = (entry) => this.take(entry);
    this.planSweep();
  }

  /** Instances that this node asks. */
  get size(): number {
    return this.probed.size;
  }

  stop(): void {
    this.isStopped = true;
    this.cancelSweep?.();
    for (const { cancel } of this.probed.values()) cancel();
    this.probed.clear();
    this.turns.stop();
    this.node.onProbed = undefined;
  }

  private take(entry: Entry): void {
    if (this.isStopped || this.probed.has(entry.key) || this.probed.size >= probedMax) return;
    // The first question comes soon, the others at their own times: not all at once.
    const delayMs = (this.random.uint32() / 2 ** 32) * 1_000;
    this.probed.set(entry.key, { cancel: this.plan(entry, delayMs), failingSinceMs: undefined });
  }

  private plan(entry: Entry, delayMs: number): Cancel {
    return this.timers.after(delayMs, () => void this.ask(entry));
  }

  private async ask(entry: Entry): Promise<void> {
    const url = healthUrlOf(entry);
    const isWell = url === undefined ? false : await this.turns.ask(url);
    const check = this.probed.get(entry.key);
    if (this.isStopped || check === undefined) return;
    const nowMs = this.clock.monotonicMs();
    if (isWell === true) check.failingSinceMs = undefined;
    else if (isWell === false) check.failingSinceMs ??= nowMs;
    const failingMs = check.failingSinceMs === undefined ? 0 : nowMs - check.failingSinceMs;
    // Gone, or registered anew without health checks.
    if (!entry.isHeld || entry.instance === undefined || url === undefined) {
      this.probed.delete(entry.key);
      return;
    }
    if (failingMs > this.node.rules.limits.values.protectedLease) {
      this.giveUp(entry, entry.instance);
      return;
    }
    this.node.registrar.renew(entry.identity, 0n, "client");
    const isDown = entry.instance.status === Status.Waiting && entry.instance.metadata.get(healthKey) === "failing";
    if (isWell === true && isDown) this.set(entry, Status.Up, "passing");
    else if (failingMs >= failedMs && entry.instance.status === Status.Up) this.set(entry, Status.Waiting, "failing");
    check.cancel = this.plan(entry, probeMs);
  }

  /** Dead for so long that nobody waits for it: left to itself, this node or another one would take it over again. */
  private giveUp(entry: Entry, { status }: Instance): void {
    this.probed.delete(entry.key);
    // Somebody else has set it to UP: another node, which can reach it, may be asking it, too.
    if (status !== Status.Waiting) return;
    this.log.info("an instance has failed its health checks for too long, and is cancelled", { ...entry.identity });
    this.node.registrar.cancel(entry.identity, 0n, "client");
  }

  private set(entry: Entry, status: InstanceStatus, health: string): void {
    const { env, appid, zone, hostname } = entry.identity;
    this.log.info(`an instance's health checks are ${health}`, { env, appid, zone, hostname });
    const changes = [{ hostname, status, metadata: new Map([[healthKey, health]]) }];
    this.node.registrar.set({ env, appid, zone, changes, setTimestamp: 0n }, "client");
  }

  private planSweep(): void {
    this.cancelSweep = this.timers.after(sweepMs, () => {
      this.sweep();
      this.planSweep();
    });
  }

  /** Takes over what nobody renews. Two nodes may do so at once: then both ask, and it is renewed twice. */
  private sweep(): void {
    const nowMs = this.clock.monotonicMs();
    for (const entry of this.node.table.all()) {
      if (!entry.isProbed || entry.instance === undefined || this.probed.has(entry.key)) continue;
      const patienceMs = orphanMs + (this.random.uint32() / 2 ** 32) * orphanSpreadMs;
      if (nowMs - entry.touchedAtMs > patienceMs) this.take(entry);
    }
  }
}

/** The URL to ask, when it is one on an address of the instance itself: the registry asks nobody else in its name. */
function healthUrlOf({ instance }: Entry): URL | undefined {
  const url = URL.parse(instance?.metadata.get("health_url") ?? "");
  if (instance === undefined || url === null || !/^https?:$/.test(url.protocol)) return undefined;
  const isOwn = instance.addrs.some((address) => {
    const own = URL.parse(address);
    return own !== null && own.hostname !== "" && own.hostname.toLowerCase() === url.hostname.toLowerCase();
  });
  return isOwn ? url : undefined;
}

/** Asks over HTTP; follows nobody elsewhere. */
export async function probeOverHttp(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, {
      redirect: "manual",
      // Nothing of the body is read.
      decompress: false,
      signal: AbortSignal.timeout(probeMsMax),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Whatever went wrong went wrong with the instance.
    return false;
  }
}
