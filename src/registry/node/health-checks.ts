// Health checks for instances that cannot renew themselves and set `health_url` in their metadata: the node that
// accepted the registration requests that URL, renews the instance, and sets a failing one to WAITING. If that node is
// gone, another one takes over.
//
// A registry without a key checks none: a health_url makes this node send a request, and without a key anybody could
// cause it. The table then refuses such instances from any source (`TableRules.takesProbes`).

import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { NodeTrust } from "../client/node-request.ts";
import { certificateFailure } from "../../transport/tls/peer-verification.ts";
import type { Entry } from "../table/entry.ts";
import { type Instance, type InstanceStatus, Status } from "../instance.ts";
import { type Probe, ProbeTurns } from "./probe-turns.ts";
import type { RegistryNode } from "./registry-node.ts";
import { type Cancel, every, type Timers } from "../../base/timers.ts";

/** The interval of an instance's checks. */
const probeMs = 10_000;
/** Later answers count as failures. */
const probeMsMax = 3_000;
/** After failing for this long, an instance is set to WAITING. */
const failedMs = 20_000;
/** An instance that nobody has renewed for this long, plus a random time, has lost the node that checked it. */
const orphanMs = 45_000;
const orphanSpreadMs = 20_000;
/** The interval of searches for such instances. */
const sweepMs = 5_000;
/** Instances that one node checks. */
const probedMax = 10_000;
/** The metadata key that marks instances which health checks, not a person, set to WAITING. */
const healthKey = "health";

export class HealthChecks {
  private readonly parts: {
    node: RegistryNode;
    clock: Clock;
    timers: Timers;
    random: Random;
    probe: Probe;
    log: Log;
  };
  private readonly turns: ProbeTurns;
  private readonly probed = new Map<string, { cancel: Cancel; failingSinceMs: number | undefined }>();
  private readonly cancelSweep: Cancel;
  private isStopped = false;

  constructor(parts: HealthChecks["parts"]) {
    this.parts = parts;
    this.turns = new ProbeTurns(parts);
    parts.node.onProbed = (entry) => this.take(entry);
    this.cancelSweep = every(parts.timers, sweepMs, () => this.sweep());
  }

  get size(): number {
    return this.probed.size;
  }

  stop(): void {
    this.isStopped = true;
    this.cancelSweep();
    for (const { cancel } of this.probed.values()) cancel();
    this.probed.clear();
    this.turns.stop();
    this.parts.node.onProbed = undefined;
  }

  private take(entry: Entry): void {
    if (this.isStopped || this.probed.has(entry.key) || this.probed.size >= probedMax) return;
    // The first check comes soon, and later ones are spread.
    const delayMs = (this.parts.random.uint32() / 2 ** 32) * 1_000;
    this.probed.set(entry.key, { cancel: this.plan(entry, delayMs), failingSinceMs: undefined });
  }

  private plan(entry: Entry, delayMs: number): Cancel {
    return this.parts.timers.after(delayMs, () => void this.ask(entry));
  }

  private async ask(entry: Entry): Promise<void> {
    const url = healthUrlOf(entry);
    const isWell = url === undefined ? false : await this.turns.ask(url);
    const check = this.probed.get(entry.key);
    if (this.isStopped || check === undefined) return;
    const nowMs = this.parts.clock.monotonicMs();
    if (isWell === true) check.failingSinceMs = undefined;
    else if (isWell === false) check.failingSinceMs ??= nowMs;
    const failingMs = check.failingSinceMs === undefined ? 0 : nowMs - check.failingSinceMs;
    // Gone, or registered again without health checks.
    if (!entry.isHeld || entry.instance === undefined || url === undefined) {
      this.probed.delete(entry.key);
      return;
    }
    if (failingMs > this.parts.node.rules.limits.values.protectedLease) {
      this.giveUp(entry, entry.instance);
      return;
    }
    this.parts.node.registrar.renew(entry.identity, 0n, "client");
    const isDown = entry.instance.status === Status.Waiting && entry.instance.metadata.get(healthKey) === "failing";
    if (isWell === true && isDown) this.set(entry, Status.Up, "passing");
    else if (failingMs >= failedMs && entry.instance.status === Status.Up) this.set(entry, Status.Waiting, "failing");
    check.cancel = this.plan(entry, probeMs);
  }

  /**
   * Cancels an instance that has been dead for too long: left alone, this node or another one would take it over again.
   */
  private giveUp(entry: Entry, { status }: Instance): void {
    this.probed.delete(entry.key);
    // Another node may have set it to UP because it can reach it, and may be checking it, too.
    if (status !== Status.Waiting) return;
    this.parts.log.info("an instance has failed its health checks for too long and is cancelled", {
      ...entry.identity,
    });
    this.parts.node.registrar.cancel(entry.identity, 0n, "client");
  }

  private set(entry: Entry, status: InstanceStatus, health: string): void {
    const { env, appid, zone, hostname } = entry.identity;
    this.parts.log.info(`an instance's health checks are ${health}`, { env, appid, zone, hostname });
    const changes = [{ hostname, status, metadata: new Map([[healthKey, health]]) }];
    this.parts.node.registrar.set({ env, appid, zone, changes, setTimestamp: 0n }, "client");
  }

  /** Takes over instances that nobody renews. If two nodes do so at once, both check it and renew it. */
  private sweep(): void {
    const nowMs = this.parts.clock.monotonicMs();
    for (const entry of this.parts.node.table.all()) {
      if (!entry.isProbed || entry.instance === undefined || this.probed.has(entry.key)) continue;
      const patienceMs = orphanMs + (this.parts.random.uint32() / 2 ** 32) * orphanSpreadMs;
      if (nowMs - entry.touchedAtMs > patienceMs) this.take(entry);
    }
  }
}

/** Returns the health URL if it is on an address of the instance itself: the registry sends no requests elsewhere. */
function healthUrlOf({ instance }: Entry): URL | undefined {
  const url = URL.parse(instance?.metadata.get("health_url") ?? "");
  if (instance === undefined || url === null || !/^https?:$/.test(url.protocol)) return undefined;
  const isOwn = instance.addrs.some((address) => {
    const own = URL.parse(address);
    return own !== null && own.hostname !== "" && own.hostname.toLowerCase() === url.hostname.toLowerCase();
  });
  return isOwn ? url : undefined;
}

/**
 * Requests a URL without following redirects. A server of an https:// URL is verified by the authorities of `tls`, or
 * by those of the system: instances are processes of the cluster, or others.
 */
export async function probeOverHttp(url: string, tls?: NodeTrust): Promise<boolean> {
  const signal = AbortSignal.timeout(probeMsMax);
  try {
    return await answersWell(url, signal, tls?.dialler?.ca);
  } catch (error) {
    if (tls?.dialler === undefined || certificateFailure(error) === undefined) return false;
  }
  return answersWell(url, signal, undefined).catch(() => false);
}

/** Rejects as `fetch` does: any failure is the instance's. */
async function answersWell(url: string, signal: AbortSignal, ca: string | undefined): Promise<boolean> {
  const tls = { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
  const response = await fetch(url, { redirect: "manual", decompress: false, signal, tls });
  await response.body?.cancel();
  return response.ok;
}
