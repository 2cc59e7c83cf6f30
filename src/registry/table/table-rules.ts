// The rules for instances in a table, for every source: a client, another node, a comparison, a snapshot.

import { leaseMs, tombstoneMs } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { EntryState } from "./entry.ts";
import { discoveryAppid } from "../instance.ts";
import { type Bounded, type Fault, faultOfInstance } from "../names.ts";

/** The services of this program and the registry's nodes, which may use the reserve. */
const ownServices: ReadonlySet<string> = new Set(["wgateway", "tgateway", "login", "chat", discoveryAppid]);

/** A new state is refused this long before the end of its lease: its sender is about to forget it, too. */
const leaseMarginMs = 5_000;
/** Bytes per reserved instance. */
const reservedBytes = 4 * 1024;

/** The contents of a table. */
interface Held {
  /** Live instances. */
  readonly live: number;
  /** The live nodes of the registry among them. */
  readonly nodes: number;
  /** Their memory (`weightOfInstance`). */
  readonly bytes: number;
}

export class TableRules {
  /** Whether this node checks the health of instances: only if writers must present a key. */
  readonly takesProbes: boolean;
  readonly limits: Limits;

  constructor(limits: Limits, takesProbes: boolean) {
    this.limits = limits;
    this.takesProbes = takesProbes;
  }

  /** Returns what is wrong with an instance itself, or undefined. */
  faultOf(instance: Bounded): Fault | undefined {
    return this.noted(faultOfInstance(instance, this.limits.values), instance.appid);
  }

  /**
   * Returns why the table has no room for a new instance, or for one that grows by `growth` bytes; undefined if it has.
   * The reserve is for the cluster's own services, recognised by name, which every node and release reads alike.
   */
  fullnessFor(appid: string, { live, nodes, bytes }: Held, isNew: boolean, growth: number): Fault | undefined {
    const { instances, instancesReserved, instancesBytes, registryNodes } = this.limits.values;
    const reserved = ownServices.has(appid) ? instancesReserved : 0;
    if (growth > 0 && bytes + growth > instancesBytes + reserved * reservedBytes) {
      const sentence = `the registry's instances have ${bytes} bytes; it is full`;
      return this.noted({ limit: "instancesBytes", sentence }, appid);
    }
    if (!isNew) return undefined;
    if (live >= instances + reserved) {
      const sentence = `the registry holds ${live} instances; it is full`;
      return this.noted({ limit: reserved > 0 ? "instancesReserved" : "instances", sentence }, appid);
    }
    // One more for this node itself.
    if (appid !== discoveryAppid || nodes <= registryNodes) return undefined;
    const sentence = `the registry lists ${nodes} nodes of its own; it accepts no more`;
    return this.noted({ limit: "registryNodes", sentence }, appid);
  }

  /**
   * Reports whether a state is recent enough. `isRestoring` also accepts a state near the end of its lease, for a node
   * that has just started and could not listen before.
   */
  isTimely({ instance, ageMs }: EntryState, isRestoring: boolean): boolean {
    if (instance === undefined) return ageMs < tombstoneMs;
    return ageMs < (isRestoring ? this.limits.values.protectedLease : leaseMs - leaseMarginMs);
  }

  private noted(fault: Fault | undefined, appid: string): Fault | undefined {
    if (fault?.limit !== undefined) this.limits.met(fault.limit, { appid });
    return fault;
  }
}
