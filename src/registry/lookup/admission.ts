// Which listed instances of a cluster are believed: those that carry a proof by one of its keys
// (auth/instance-proof.ts). Whoever asks on behalf of the cluster or of its clients goes through here: gateways, logic
// nodes, lookup.
//
// A wrong proof is never believed. An instance without one may be of the release before proofs. Where the registry
// takes writes only with the cluster key, such instances are believed, unless one of the same id has a proof, until all
// that are listed have had one for `settledMs`: an upgrade is over then, and a stranger who has got hold of the
// registry's token gains nothing. Where the registry takes writes from anybody, an instance without a proof is never
// believed.
//
// Holds the names of those that were left out, a few for each service, and verdicts for as long as their instances
// live.

import type { ClusterKeys } from "../../auth/cluster-keys.ts";
import { judgeProof, type ProofVerdict } from "../../auth/instance-proof.ts";
import type { Log } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import type { Directory } from "../directory.ts";
import type { Instance } from "../instance.ts";

/** How long all that is listed must have had a proof before one is required, in milliseconds: an hour. */
export const settledMs = 3_600_000;
/** Of each service. */
const namedMax = 5;
/** Between two lines of the log about instances that are left out: strangers may register others again and again. */
const logPauseMs = 60_000;

export class Admission {
  private readonly parts: {
    readonly env: string;
    /** At least one. */
    readonly keys: Pick<ClusterKeys, "all">;
    /** Anybody may write to the registry: a proof is required from the first moment. */
    readonly isRegistryOpen: boolean;
    readonly log: Log;
    /** A monotonic clock. */
    readonly nowMs?: () => number;
  };
  private verdicts = new WeakMap<Instance, ProofVerdict>();
  /** By which the verdicts are. */
  private judgedBy: readonly Uint8Array[];
  /** Services of which instances without a proof are listed. */
  private readonly unproven = new Set<string>();
  private unprovenAtMs: number;
  private isRequired: boolean;
  private readonly left = new Map<string, readonly string[]>();
  private readonly rareLog: RareLog;

  constructor(parts: Admission["parts"]) {
    this.parts = parts;
    this.rareLog = new RareLog(parts.log, logPauseMs, () => this.nowMs);
    this.isRequired = parts.isRegistryOpen;
    this.judgedBy = parts.keys.all;
    this.unprovenAtMs = this.nowMs;
  }

  /** Returns those of a service's listed instances that are believed, in their order. */
  admitted(service: string, listed: readonly Instance[]): readonly Instance[] {
    this.settle();
    const proven = new Set<string>();
    let isUnprovenListed = false;
    for (const instance of listed) {
      const verdict = this.verdict(service, instance);
      if (verdict === "proven") proven.add(instance.hostname);
      if (verdict === "absent") isUnprovenListed = true;
    }
    const admitted: Instance[] = [];
    const left: string[] = [];
    for (const instance of listed) {
      const verdict = this.verdict(service, instance);
      const isFormer = verdict === "absent" && !this.isRequired && !proven.has(instance.hostname);
      if (verdict === "proven" || isFormer) admitted.push(instance);
      else if (left.length < namedMax) left.push(instance.hostname);
    }
    if (isUnprovenListed) this.unproven.add(service);
    else this.unproven.delete(service);
    if (isUnprovenListed) this.unprovenAtMs = this.nowMs;
    this.leave(service, left, listed);
    return admitted;
  }

  /** Returns a view of a directory that holds those that are believed. */
  of(directory: Pick<Directory, "instances">): Pick<Directory, "instances"> {
    return {
      instances: (env, appid, mask) => [...this.admitted(appid, directory.instances(env, appid, mask))],
    };
  }

  /** Says what an instance's proof is worth, whether or not one is required yet. */
  verdict(service: string, instance: Instance): ProofVerdict {
    const { env, keys } = this.parts;
    if (this.judgedBy !== keys.all) {
      this.judgedBy = keys.all;
      this.verdicts = new WeakMap();
    }
    let verdict = this.verdicts.get(instance);
    if (verdict === undefined) {
      const { zone, hostname: id, addrs, metadata } = instance;
      verdict = judgeProof({ env, zone, service, id, addrs, metadata }, keys.all);
      this.verdicts.set(instance, verdict);
    }
    return verdict;
  }

  /** The ids of some instances that are listed and not believed. */
  get leftOut(): readonly string[] {
    return [...new Set([...this.left.values()].flat())];
  }

  /** Requires a proof from now on if everything that is listed has had one for long enough. */
  private settle(): void {
    if (this.isRequired) return;
    if (this.unproven.size > 0) this.unprovenAtMs = this.nowMs;
    if (this.nowMs - this.unprovenAtMs < settledMs) return;
    this.isRequired = true;
    this.parts.log.info(
      "all listed instances have had a proof for an hour; those without one are left out from now on",
    );
  }

  private leave(service: string, left: readonly string[], listed: readonly Instance[]): void {
    const before = this.left.get(service) ?? [];
    if (left.length === 0) this.left.delete(service);
    else this.left.set(service, left);
    const added = left.filter((id) => !before.includes(id));
    if (added.length === 0) return;
    const addresses = listed.filter(({ hostname }) => added.includes(hostname)).map(({ addrs }) => addrs[0]);
    this.rareLog.error(
      "instances are ignored: they carry no proof by a key of this process, so they are foreign or have another " +
        "--cluster-key-file or --env",
      { service, ids: added.join(" "), addresses: addresses.slice(0, namedMax).join(" ") },
    );
  }

  private get nowMs(): number {
    return this.parts.nowMs?.() ?? performance.now();
  }
}
