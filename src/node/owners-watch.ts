// Makes the stores of a logic node belong to the cluster's current keys. A store remembers the fingerprints of its
// owner's keys (auth/store-ownership.ts). When keys are added or removed, processes learn of it one by one, and a store
// must admit those that still have the old ones: so its owners change only once every member of the cluster has the
// same keys as this process. Then a removed key's fingerprint goes, too.
//
// Every member announces its fingerprints in the registry. A member that announces none (an older version), a registry
// that does not answer, and a registry node that does not list this process are reasons to wait. Two looks in a row
// have to agree, because a registry node that has just started may list some of the members only.

import type { ClusterKeys } from "../auth/cluster-keys.ts";
import type { LinkIdentity } from "../auth/link-proof.ts";
import type { Log } from "../base/log.ts";
import type { Naming } from "../registry/client/naming.ts";
import type { Instance } from "../registry/instance.ts";
import type { Cancel, Timers } from "../base/timers.ts";
import { gatewayServices } from "../registry/lookup/gateway-services.ts";
import { keysText } from "./membership.ts";

/** The interval of the checks, in milliseconds. */
export const ownersLookMs = 15_000;
const agreedLooksMin = 2;
/** After this many checks in a row that find other keys, a minute, the log names their members. */
const differingLooksToSay = 4;
const namedMax = 5;
/** The services of all members with the cluster's keys. */
const memberServices = [...gatewayServices, "login", "chat"] as const;

/** A store; without `setOwners` it records no owner. */
export interface OwnedStore {
  /** Replaces the owner's fingerprints; cheap if they are the same already. Claims use these alone afterwards. */
  setOwners?(fingerprints: readonly string[]): Promise<void>;
  /** This process has other keys: claims go by these fingerprints, too, until owners are set. */
  claimAs?(fingerprints: readonly string[]): void;
}

/** The members' keys in the registry. */
type Finding =
  | { readonly kind: "agreed" }
  /** The ids of members with other keys than this process. */
  | { readonly kind: "differing"; readonly ids: readonly string[] }
  /** The registry does not answer, or one of its nodes does not list this process. */
  | { readonly kind: "unknown" };

export class OwnersWatch {
  private readonly parts: {
    readonly naming: Naming;
    readonly timers: Pick<Timers, "after">;
    readonly log: Log;
    readonly identity: LinkIdentity;
    /** Without fingerprints: no cluster, and nothing is watched. */
    readonly keys: Pick<ClusterKeys, "fingerprints" | "onChange">;
    readonly stores: readonly OwnedStore[];
  };
  private agreedLooks = 0;
  private differingLooks = 0;
  /** The owners of the stores, as far as this process knows. */
  private isSet = false;
  private hasFailed = false;
  private isStopped = false;
  private cancel: Cancel | undefined;

  constructor(parts: OwnersWatch["parts"]) {
    this.parts = parts;
    parts.keys.onChange(() => this.changed());
  }

  start(): void {
    const { keys, stores } = this.parts;
    if (keys.fingerprints.length > 0 && stores.length > 0) this.plan();
  }

  stop(): void {
    this.isStopped = true;
    this.cancel?.();
  }

  private changed(): void {
    const { stores, keys } = this.parts;
    this.isSet = false;
    this.agreedLooks = 0;
    this.differingLooks = 0;
    for (const store of stores) store.claimAs?.(keys.fingerprints);
  }

  private plan(): void {
    if (this.isStopped) return;
    this.cancel = this.parts.timers.after(ownersLookMs, () => void this.look().finally(() => this.plan()));
  }

  private async look(): Promise<void> {
    const finding = await this.finding();
    if (this.isStopped) return;
    this.agreedLooks = finding.kind === "agreed" ? this.agreedLooks + 1 : 0;
    this.differingLooks = finding.kind === "differing" ? this.differingLooks + 1 : 0;
    if (finding.kind === "differing") {
      // Other members may set other owners meanwhile.
      this.isSet = false;
      if (this.differingLooks === differingLooksToSay) this.say(finding.ids);
    }
    if (!this.isSet && this.agreedLooks >= agreedLooksMin) await this.set();
  }

  private say(ids: readonly string[]): void {
    const more = ids.length > namedMax ? ` and ${ids.length - namedMax} more` : "";
    this.parts.log.info("the stores keep the keys of before: not every member of the cluster has this process's keys", {
      others: `${ids.slice(0, namedMax).join(" ")}${more}`,
    });
  }

  private async set(): Promise<void> {
    const { stores, keys, log } = this.parts;
    const { fingerprints } = keys;
    try {
      for (const store of stores) await store.setOwners?.(fingerprints);
      // They may have changed meanwhile.
      if (keys.fingerprints !== fingerprints) {
        this.changed();
        return;
      }
      this.isSet = true;
      this.hasFailed = false;
      log.info("every member of the cluster has the same keys; the stores belong to these, and to no others", {
        keys: fingerprints.length,
      });
    } catch (error) {
      if (!this.hasFailed && !this.isStopped)
        log.warn("the keys of a store's owner cannot be changed now; trying on", { error: String(error) });
      this.hasFailed = true;
    }
  }

  private async finding(): Promise<Finding> {
    const { naming, identity, keys } = this.parts;
    let listed: readonly Instance[];
    // Registry nodes that do not replicate each list a part of the members.
    const seen = await naming.whoLists?.(identity.service, identity.id);
    if (seen !== undefined && seen.lacking.length > 0) return { kind: "unknown" };
    try {
      listed = (await Promise.all(memberServices.map((service) => naming.findNow(service)))).flat();
    } catch {
      return { kind: "unknown" };
    }
    const isListed = listed.some(
      ({ appid, hostname, metadata }) =>
        appid === identity.service && hostname === identity.id && metadata.get("incarnation") === identity.incarnation,
    );
    const own = keysText(keys.fingerprints);
    const others = listed.filter(({ metadata }) => metadata.get("keys") !== own);
    if (others.length > 0) return { kind: "differing", ids: [...new Set(others.map(({ hostname }) => hostname))] };
    return { kind: isListed ? "agreed" : "unknown" };
  }
}
