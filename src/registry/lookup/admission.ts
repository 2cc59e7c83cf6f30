// Decides which listed instances of a cluster are believed: those with a proof by one of its keys
// (auth/instance-proof.ts). Everything that looks instances up for the cluster or its clients passes here: gateways,
// logic nodes, lookup.
//
// A wrong proof is never believed. An instance without a proof may belong to the release before proofs. If the registry
// requires the cluster key for writes, such instances are believed, unless one with the same id has a proof, until all
// listed instances have had one for `settledMs`: then the upgrade is over, and a stranger with the registry's token
// gains nothing. If the registry accepts writes from anybody, an instance without a proof is never believed.
//
// Keeps a few names of ignored instances per service, and verdicts for the life of their instances.

import type { Clock } from "../../base/clock.ts";
import type { ClusterKeys } from "../../auth/cluster-keys.ts";
import { judgeProof, type ProofVerdict } from "../../auth/instance-proof.ts";
import type { Log } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import type { Directory } from "../directory.ts";
import type { Instance } from "../instance.ts";

/** How long all listed instances must have had a proof before one is required: an hour. */
export const settledMs = 3_600_000;
/** Names of ignored instances per service. */
const namedMax = 5;
/** The pause between log lines about ignored instances: strangers may register others again and again. */
const logPauseMs = 60_000;

export class Admission {
  private readonly parts: {
    readonly env: string;
    /** At least one. */
    readonly keys: Pick<ClusterKeys, "all">;
    /** Anybody may write to the registry, so a proof is required from the start. */
    readonly isRegistryOpen: boolean;
    readonly log: Log;
    readonly clock: Pick<Clock, "monotonicMs">;
  };
  private verdicts = new WeakMap<Instance, ProofVerdict>();
  /** The keys that `verdicts` were made with. */
  private judgedBy: readonly Uint8Array[];
  /** Services with listed instances without a proof. */
  private readonly unproven = new Set<string>();
  private unprovenAtMs: number;
  private isRequired: boolean;
  private readonly left = new Map<string, readonly string[]>();
  private readonly rareLog: RareLog;

  constructor(parts: Admission["parts"]) {
    this.parts = parts;
    this.rareLog = new RareLog(parts.log, parts.clock, logPauseMs);
    this.isRequired = parts.isRegistryOpen;
    this.judgedBy = parts.keys.all;
    this.unprovenAtMs = this.nowMs;
  }

  /** Returns the believed ones among a service's listed instances, in their order. */
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

  /** Returns a view of a directory with believed instances only. */
  of(directory: Pick<Directory, "instances">): Pick<Directory, "instances"> {
    return {
      instances: (env, appid, mask) => [...this.admitted(appid, directory.instances(env, appid, mask))],
    };
  }

  /** Judges an instance's proof, whether or not one is required yet. */
  verdict(service: string, instance: Instance): ProofVerdict {
    const { env, keys } = this.parts;
    if (this.judgedBy !== keys.all) {
      this.judgedBy = keys.all;
      this.verdicts = new WeakMap();
    }
    return this.verdicts.getOrInsertComputed(instance, ({ zone, hostname: id, addrs, metadata }) =>
      judgeProof({ env, zone, service, id, addrs, metadata }, keys.all),
    );
  }

  /** The ids of some instances that are listed but not believed. */
  get leftOut(): readonly string[] {
    return [...new Set([...this.left.values()].flat())];
  }

  /** Requires a proof from now on if all listed instances have had one for long enough. */
  private settle(): void {
    if (this.isRequired) return;
    if (this.unproven.size > 0) this.unprovenAtMs = this.nowMs;
    if (this.nowMs - this.unprovenAtMs < settledMs) return;
    this.isRequired = true;
    this.parts.log.info("all listed instances have had a proof for an hour; those without one are ignored from now on");
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
    return this.parts.clock.monotonicMs();
  }
}
