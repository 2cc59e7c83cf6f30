// Which instances a table accepts. The same rules apply to every source: a client, another node, a comparison, a
// snapshot.

import { leaseMs, tombstoneMs } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { EntryState } from "./entry.ts";
import { discoveryAppid } from "../instance.ts";
import { type Bounded, type Fault, faultOfInstance } from "../names.ts";

/** The services of this program's own roles, and the registry's nodes: the reserve is for them. */
const ownServices: ReadonlySet<string> = new Set(["wgateway", "tgateway", "login", "chat", discoveryAppid]);

/** A new state is refused this long before the end of its lease: the node that sent it is about to forget it, too. */
const leaseMarginMs = 5_000;
/** What each reserved instance may weigh. */
const reservedBytes = 4 * 1024;

/** What a table holds. */
export interface Held {
  /** Living instances. */
  readonly live: number;
  /** Those of them that are nodes of the registry. */
  readonly nodes: number;
  /** What they weigh (`weightOfInstance`). */
  readonly bytes: number;
}

export class TableRules {
  /** Whether this node asks instances how they are: only where writers have to show a key. */
  readonly takesProbes: boolean;
  readonly limits: Limits;

  constructor(limits: Limits, takesProbes: boolean) {
    this.limits = limits;
    this.takesProbes = takesProbes;
  }

  /** What is wrong with an instance itself; undefined if nothing is. */
  faultOf(instance: Bounded): Fault | undefined {
    return this.noted(faultOfInstance(instance, this.limits.values), instance.appid);
  }

  /**
   * Why the table has no room for an instance, a new one or one that grows by `growth` bytes; undefined if it has. The
   * reserve is for the cluster's own services. Their names tell them apart, which every node and release reads alike.
   */
  fullnessFor(appid: string, { live, nodes, bytes }: Held, isNew: boolean, growth: number): Fault | undefined {
    const { instances, instancesReserved, instancesBytes, registryNodes } = this.limits.values;
    const reserved = ownServices.has(appid) ? instancesReserved : 0;
    if (growth > 0 && bytes + growth > instancesBytes + reserved * reservedBytes) {
      const sentence = `the instances of the registry have ${bytes} bytes; it takes no more`;
      return this.noted({ limit: "instancesBytes", sentence }, appid);
    }
    if (!isNew) return undefined;
    if (live >= instances + reserved) {
      const sentence = `the registry holds ${live} instances; it takes no more`;
      return this.noted({ limit: reserved > 0 ? "instancesReserved" : "instances", sentence }, appid);
    }
    // One more: this node itself.
    if (appid !== discoveryAppid || nodes <= registryNodes) return undefined;
    const sentence = `the registry lists ${nodes} nodes of its own; it takes no more`;
    return this.noted({ limit: "registryNodes", sentence }, appid);
  }

  /**
   * True for a state that is not at the end of its time. `isRestoring` also accepts the end of a lease, for a node that
   * has just started and could not listen before.
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
