// What a table takes in, whoever brings it: a client, another node, a comparison or a snapshot. Each of them passes this
// one gate, so that no rule holds at one door only.

import type { Limits } from "../base/limits/limits.ts";
import { discoveryAppid } from "./instance.ts";
import { type Bounded, type Fault, faultOfInstance, faultOfMetadata } from "./names.ts";

/** The services of this program's own roles, and the registry's nodes: the reserve is for them. */
const ownServices: ReadonlySet<string> = new Set(["wgateway", "tgateway", "login", "chat", discoveryAppid]);

/** What a table holds. */
export interface Held {
  /** Living instances. */
  readonly live: number;
  /** Those of them that are nodes of the registry. */
  readonly nodes: number;
}

export class TableRules {
  /** Whether this node asks instances how they are: only where writers have to show a key. */
  readonly takesProbes: boolean;
  readonly limits: Limits;

  constructor(limits: Limits, takesProbes: boolean) {
    this.limits = limits;
    this.takesProbes = takesProbes;
  }

  /** What is wrong with an instance itself; undefined: nothing. */
  faultOf(instance: Bounded): Fault | undefined {
    return this.noted(faultOfInstance(instance, this.limits.values), instance.appid);
  }

  /** What is wrong with metadata alone. */
  faultOfMetadata(appid: string, metadata: Bounded["metadata"]): Fault | undefined {
    return this.noted(faultOfMetadata(metadata, this.limits.values), appid);
  }

  /**
   * Why there is no room for one more instance of a service; undefined: there is. The reserve beyond `instances` is for
   * the cluster's own services: they are told by their names, which each node and each release sees in the same way.
   */
  fullnessFor(appid: string, { live, nodes }: Held): Fault | undefined {
    const { instances, instancesReserved, registryNodes } = this.limits.values;
    const isOwn = ownServices.has(appid);
    const most = isOwn ? instances + instancesReserved : instances;
    if (live >= most) {
      const sentence = `the registry holds ${live} instances; it takes no more`;
      return this.noted({ limit: isOwn ? "instancesReserved" : "instances", sentence }, appid);
    }
    // One more: this node itself.
    if (appid !== discoveryAppid || nodes <= registryNodes) return undefined;
    const sentence = `the registry lists ${nodes} nodes of its own; it takes no more`;
    return this.noted({ limit: "registryNodes", sentence }, appid);
  }

  private noted(fault: Fault | undefined, appid: string): Fault | undefined {
    if (fault?.limit !== undefined) this.limits.met(fault.limit, { appid });
    return fault;
  }
}
