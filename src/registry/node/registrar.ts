// The four writes of clients and original nodes: their meaning, reasons to refuse them, and the nodes that receive
// them.

import { Code } from "../codes.ts";
import type { LimitName } from "../../base/limits/table.ts";
import type { TableRules } from "../table/table-rules.ts";
import type { Entry, EntryState } from "../table/entry.ts";
import { type HybridClock, isHybridVersion, versionAfter } from "../table/hybrid-clock.ts";
import { type Identity, type Instance, type InstanceStatus, Status } from "../instance.ts";
import { compact } from "../metadata.ts";
import type { Fault } from "../names.ts";
import type { Origin } from "../replication/outboxes.ts";
import type { Replication } from "../replication/replication.ts";
import type { Table } from "../table/table.ts";

type Metadata = Instance["metadata"];

/** The result of a write. */
export interface Outcome {
  readonly code: Code;
  /** What is wrong, for a person; undefined if the code is enough. */
  readonly message?: string;
  /** Set for a renewal and for a conflict. */
  readonly entry?: Entry;
}

/** The time that the original implementation may take to deliver a call: its longest time-out, plus a margin. */
const rebornMs = 60_000;
/** The best agreement of two machines' clocks, in nanoseconds. */
const agreementNs = 1_000_000n;

const done: Outcome = { code: Code.Ok };
const notFound: Outcome = { code: Code.NotFound };
const refused = (message: string): Outcome => ({ code: Code.BadRequest, message });

/** The author of a request. */
export interface Caller {
  /** Its address, for quotas; '' for callers without a quota (loopback, this process, another node). */
  readonly address: string;
  readonly origin: Origin;
  /** It presented the cluster's key. */
  readonly isTrusted: boolean;
}

export interface Register extends Identity {
  readonly region: string;
  readonly addrs: readonly string[];
  readonly version: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly status: InstanceStatus;
  /** As another node sent them; 0 means now. */
  readonly dirtyTimestamp: bigint;
  readonly regTimestamp: bigint;
}

export interface SetChange {
  readonly hostname: string;
  readonly status: InstanceStatus | undefined;
  readonly metadata: ReadonlyMap<string, string> | undefined;
}

interface SetRequest {
  readonly env: string;
  readonly appid: string;
  readonly zone: string;
  readonly changes: readonly SetChange[];
  /** 0 means now. */
  readonly setTimestamp: bigint;
}

interface RegistrarParts {
  readonly table: Table;
  readonly rules: TableRules;
  readonly versions: HybridClock;
  readonly replication: Replication;
  readonly nowMs: () => number;
  /** Called for an instance that this node checks and renews. */
  readonly onProbed: (entry: Entry) => void;
}

export class Registrar {
  private readonly parts: RegistrarParts;

  constructor(parts: RegistrarParts) {
    this.parts = parts;
  }

  /** Registers or replaces an instance. A version older than the known one changes nothing, without an error. */
  register(request: Register, caller: Caller): Outcome {
    const { dirtyTimestamp, regTimestamp } = request;
    const ahead =
      this.faultOfTime("dirty_timestamp", dirtyTimestamp) ?? this.faultOfTime("reg_timestamp", regTimestamp);
    if (ahead !== undefined) return ahead;
    const fault = this.parts.table.refusalOf(request);
    if (fault !== undefined) return { code: codeOf(fault), message: fault.sentence };
    const known = this.parts.table.get(request);
    const isOwn = known?.instance !== undefined && known.caller === caller.address;
    const { instancesPerAddress } = this.parts.rules.limits.values;
    if (!isOwn && caller.address !== "" && this.parts.table.callers.of(caller.address) >= instancesPerAddress) {
      this.parts.rules.limits.met("instancesPerAddress", { address: caller.address });
      return {
        code: Code.LimitExceeded,
        message: `${caller.address} has registered ${instancesPerAddress} instances; it may not register more`,
      };
    }
    const now = this.parts.versions.next();
    const isClient = caller.origin === "client";
    // A cancellation under way removes it at nodes that have received it already.
    const isRevived =
      !isClient && known !== undefined && known.instance === undefined && this.sinceMs(known) < rebornMs;
    const isOvertaken = !isClient && dirtyTimestamp > 0n && this.isOvertaken(known, dirtyTimestamp);
    const dirty =
      dirtyTimestamp === 0n || (!isClient && this.isReborn(known, dirtyTimestamp))
        ? this.later(now, known)
        : isOvertaken
          ? versionAfter(known?.dirty ?? dirtyTimestamp)
          : dirtyTimestamp;
    const instance: Instance = {
      ...request,
      metadata: compact(request.metadata),
      regTimestamp: request.regTimestamp > 0n ? request.regTimestamp : now,
      upTimestamp: known?.instance?.upTimestamp ?? now,
      dirtyTimestamp: dirty,
      latestTimestamp: now,
    };
    const isProbed = caller.isTrusted && request.metadata.has("health_url");
    // The sender has another version, or is going to receive the cancellation.
    const origin = isRevived || isOvertaken ? "client" : caller.origin;
    const entry = this.put(instance, { isProbed, hasRenewed: false, ageMs: 0 }, origin);
    if (entry === undefined) return done;
    entry.registeredAtMs = isClient ? this.parts.nowMs() : -Infinity;
    this.parts.table.attribute(entry, caller.address);
    if (entry.isProbed) this.parts.onProbed(entry);
    return done;
  }

  /**
   * Extends a lease. `dirtyTimestamp` is another node's version: if ours is older, that node registers the instance
   * here; if ours is newer, it takes ours.
   */
  renew(identity: Identity, dirtyTimestamp: bigint, origin: Origin): Outcome {
    const entry = this.parts.table.get(identity);
    if (entry?.instance === undefined) return notFound;
    this.parts.table.touch(entry, this.parts.nowMs());
    this.parts.replication.renewed(entry, origin);
    if (origin === "replica") {
      if (dirtyTimestamp > entry.dirty) return notFound;
      if (dirtyTimestamp < entry.dirty) return { code: Code.Conflict, entry };
    }
    return { code: Code.Ok, entry };
  }

  /**
   * Cancels an instance, and keeps a tombstone. `dirtyTimestamp` is another node's version of the cancellation, or 0.
   */
  cancel(identity: Identity, dirtyTimestamp: bigint, origin: Origin): Outcome {
    const ahead = this.faultOfTime("dirty_timestamp", dirtyTimestamp);
    if (ahead !== undefined) return ahead;
    const known = this.parts.table.get(identity);
    if (known?.instance === undefined) return notFound;
    if (origin !== "client" && dirtyTimestamp === 0n && this.parts.replication.isUntold(known)) {
      this.parts.replication.reassert(known);
      return done;
    }
    // An original node sends no version: it cancels what it sees, not what came later.
    const dirty =
      dirtyTimestamp > 0n
        ? dirtyTimestamp
        : origin === "client"
          ? this.later(this.parts.versions.next(), known)
          : versionAfter(known.dirty);
    const merge = this.parts.table.merge({
      identity: known.identity,
      dirty,
      instance: undefined,
      ageMs: 0,
      isProbed: false,
      hasRenewed: false,
    });
    if (merge === "newer") this.parts.replication.changed(known, origin);
    return done;
  }

  /** Changes status and metadata of several instances of a service in a zone: of all that are named, or of none. */
  set(request: SetRequest, origin: Origin): Outcome {
    const { env, appid, zone, setTimestamp } = request;
    const ahead = this.faultOfTime("set_timestamp", setTimestamp);
    if (ahead !== undefined) return ahead;
    const found: { entry: Entry; instance: Instance; status: InstanceStatus | undefined; metadata: Metadata }[] = [];
    for (const change of foldedByHost(request.changes)) {
      const entry = this.parts.table.get({ env, appid, zone, hostname: change.hostname });
      if (entry?.instance === undefined)
        return refused(`no ${appid} with hostname ${change.hostname} exists in zone ${zone}, env ${env}`);
      const { instance } = entry;
      const metadata =
        change.metadata === undefined ? instance.metadata : new Map([...instance.metadata, ...change.metadata]);
      const fault = this.parts.table.refusalOf({ ...instance, metadata });
      if (fault !== undefined) return { code: codeOf(fault), message: `${change.hostname}: ${fault.sentence}` };
      found.push({ entry, instance, status: change.status, metadata });
    }
    const now = setTimestamp > 0n ? setTimestamp : this.parts.versions.next();
    for (const { entry, instance, status, metadata } of found) {
      // Another node's set applies as of its time, as far as clocks agree; a client's applies now, whatever its time.
      const isOvertaken = origin !== "client" && this.isOvertaken(entry, now);
      const dirty = origin === "client" ? this.later(now, entry) : isOvertaken ? versionAfter(entry.dirty) : now;
      this.put(
        {
          ...instance,
          status: status ?? instance.status,
          metadata: compact(metadata),
          upTimestamp: status === Status.Up ? dirty : instance.upTimestamp,
          dirtyTimestamp: dirty,
          latestTimestamp: dirty,
        },
        {
          isProbed: entry.isProbed,
          hasRenewed: entry.hasRenewed,
          ageMs: Math.max(0, this.sinceMs(entry)),
        },
        isOvertaken ? "client" : origin,
      );
    }
    return done;
  }

  /**
   * Reports whether an original node registers an instance long after its cancellation. No call stays under way for
   * that long, so the instance is live again, and its version only shows that the node's clock is slow.
   */
  private isReborn(known: Entry | undefined, dirtyTimestamp: bigint): boolean {
    if (known === undefined || known.instance !== undefined) return false;
    return dirtyTimestamp <= known.dirty && this.sinceMs(known) > rebornMs;
  }

  /**
   * Reports whether a write at another node came after the known state although its version is not greater, because the
   * clock that made the version lags behind this node's versions. Clocks that agree to a millisecond do not tell
   * whether an instance was registered or cancelled first; one that was unknown when it was cancelled was registered
   * later.
   */
  private isOvertaken(known: Entry | undefined, dirtyTimestamp: bigint): boolean {
    if (known === undefined || dirtyTimestamp > known.dirty) return false;
    // One of our versions, which arrives late by way of an original node.
    if (isHybridVersion(dirtyTimestamp)) return false;
    const lagNs = this.parts.replication.lagNs(this.parts.versions.leadNow());
    const behindNs = known.dirty - dirtyTimestamp;
    if (known.instance !== undefined) return behindNs > 0n && behindNs < lagNs;
    // The cancelled state itself arrives late.
    if (dirtyTimestamp === known.buriedDirty) return false;
    return behindNs < lagNs || (dirtyTimestamp > known.buriedDirty && behindNs < agreementNs);
  }

  /** Returns the time since it was renewed or cancelled. */
  private sinceMs(entry: Entry): number {
    return this.parts.nowMs() - entry.touchedAtMs;
  }

  /** Returns a version that is at least `now` and above the known one, unless a wrong clock made that. */
  private later(now: bigint, known: Entry | undefined): bigint {
    if (known === undefined || known.dirty < now || this.parts.versions.isFromFuture(known.dirty)) return now;
    return versionAfter(known.dirty);
  }

  /** Refuses a timestamp that is too far ahead; returns undefined for others. */
  private faultOfTime(field: string, timestampNs: bigint): Outcome | undefined {
    if (!this.parts.versions.isTooFarAhead(timestampNs)) return undefined;
    this.parts.rules.limits.met("timestampAhead", { field });
    const minutes = this.parts.versions.aheadMsMax / 60_000;
    return refused(`${field} is more than ${minutes} minute${minutes === 1 ? "" : "s"} ahead of this node's clock`);
  }

  /** Merges a state; returns its entry if that changed something. */
  private put(
    instance: Instance,
    lease: Pick<EntryState, "isProbed" | "hasRenewed" | "ageMs">,
    origin: Origin,
  ): Entry | undefined {
    const { env, appid, zone, hostname } = instance;
    const identity: Identity = { env, appid, zone, hostname };
    const merge = this.parts.table.merge({ identity, dirty: instance.dirtyTimestamp, instance, ...lease });
    if (merge !== "newer" && merge !== "renewed") return undefined;
    const entry = this.parts.table.get(identity);
    if (entry === undefined) return undefined;
    if (merge === "newer") this.parts.replication.changed(entry, origin);
    else this.parts.replication.renewed(entry, origin);
    return entry;
  }
}

const fullness: ReadonlySet<LimitName> = new Set([
  "instances",
  "instancesReserved",
  "instancesBytes",
  "registryNodes",
] as const);

/** A full registry has its own code: another node, or a later attempt, may accept the request. */
function codeOf({ limit }: Fault): Code {
  return limit !== undefined && fullness.has(limit) ? Code.LimitExceeded : Code.BadRequest;
}

/** Merges the changes of each host: later ones win. */
function foldedByHost(changes: readonly SetChange[]): Iterable<SetChange> {
  const folded = new Map<string, SetChange>();
  for (const { hostname, status, metadata } of changes) {
    const before = folded.get(hostname);
    const all = [...(before?.metadata ?? []), ...(metadata ?? [])];
    folded.set(hostname, {
      hostname,
      status: status ?? before?.status,
      metadata: all.length === 0 ? undefined : new Map(all),
    });
  }
  return folded.values();
}
