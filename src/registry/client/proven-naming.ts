// The naming service of a process with cluster keys: its registrations carry proofs, and it returns believed instances
// only (lookup/admission.ts). All look-ups of a process pass here.
//
// An entry of this process that somebody has replaced is registered again. Others ignore an entry without a right
// proof, and would no longer find this process; they would believe a copy of an older entry.

import type { ClusterKeys } from "../../auth/cluster-keys.ts";
import { proofKey, withProof } from "../../auth/instance-proof.ts";
import type { Admission } from "../lookup/admission.ts";
import { discoveryAppid, type Instance } from "../instance.ts";
import type { Cancel, Timers } from "../../base/timers.ts";
import type { Listed, Listing, Naming, Registered, Registration } from "./naming.ts";
import { sameInstances } from "./same-instances.ts";

/** The pause between two registrations of an entry that is replaced repeatedly, in milliseconds. */
export const restoreMs = 2_000;

/** Proofs that may still be listed while a registry refuses or is away. */
const proofsMax = 8;

interface Own {
  readonly service: string;
  readonly id: string;
  readonly registered: Registered;
  /** The proofs that a registry may list: the current one, after those that no node has replaced yet. */
  proofs: readonly string[];
  /** Set between a restoration and the moment of the next possible one. */
  cancel: Cancel | undefined;
  /** Whether the last list had a replaced entry. */
  isReplaced: boolean;
}

export class ProvenNaming implements Naming {
  private readonly naming: Naming;
  private readonly parts: {
    readonly env: string;
    readonly zone: string;
    /** At least one; registrations carry a proof by each current key. */
    readonly keys: Pick<ClusterKeys, "all" | "onChange">;
    readonly admission: Admission;
    /** Anybody may write to the registry. */
    readonly isRegistryOpen: boolean;
    readonly timers: Pick<Timers, "after">;
  };
  private readonly own = new Set<Own>();
  /** By service: reports the believed instances of the last list again. */
  private readonly notifyAgain = new Map<string, () => void>();
  readonly whoLists?: (service: string, id: string) => Promise<Listing>;

  /** Takes ownership of `naming`. */
  constructor(naming: Naming, parts: ProvenNaming["parts"]) {
    this.naming = naming;
    this.parts = parts;
    if (naming.whoLists !== undefined) this.whoLists = naming.whoLists.bind(naming);
    parts.keys.onChange(() => {
      for (const tell of [...this.notifyAgain.values()]) tell();
    });
  }

  async find(service: string): Promise<readonly Instance[]> {
    return this.parts.admission.admitted(service, await this.naming.find(service));
  }

  /**
   * Returns a node's current list. If writes require the cluster key, it includes instances that are not believed: they
   * may be members with other keys, for which a change of a store's owner must wait.
   */
  async findNow(service: string): Promise<readonly Instance[]> {
    const listed = await this.naming.findNow(service);
    return this.parts.isRegistryOpen ? this.parts.admission.admitted(service, listed) : listed;
  }

  async listAll(service: string): Promise<readonly Listed[]> {
    const { admission } = this.parts;
    const listed = await this.naming.listAll(service);
    // The registry's own nodes prove themselves to each other.
    if (service === discoveryAppid) return listed;
    return listed.map((one) => ({ ...one, isProven: admission.verdict(service, one.instance) === "proven" }));
  }

  subscribe(service: string, onChange: (instances: readonly Instance[]) => void): void {
    let last: readonly Instance[] | undefined;
    let told: readonly Instance[] | undefined;
    const tell = (): void => {
      if (last === undefined) return;
      const admitted = this.parts.admission.admitted(service, last);
      if (told !== undefined && sameInstances(told, admitted)) return;
      told = admitted;
      onChange(admitted);
    };
    this.naming.subscribe(service, (listed) => {
      last = listed;
      this.lookForOwn(service, listed);
      tell();
    });
    this.notifyAgain.set(service, tell);
  }

  unsubscribe(service: string): void {
    this.notifyAgain.delete(service);
    this.naming.unsubscribe(service);
  }

  async register(registration: Registration): Promise<Registered> {
    const { service, id, addrs } = registration;
    const { env, zone, keys } = this.parts;
    const proven = (metadata: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
      withProof({ env, zone, service, id, addrs, metadata }, keys.all);
    const metadata = proven(registration.metadata);
    const registered = await this.naming.register({ ...registration, metadata });
    const own: Own = { service, id, registered, proofs: [proofOf(metadata)], cancel: undefined, isReplaced: false };
    this.own.add(own);
    return {
      update: async ({ metadata: said, ...change }) => {
        if (said === undefined) return registered.update(change);
        const now = proven(said);
        const proof = proofOf(now);
        own.proofs = [...own.proofs.filter((other) => other !== proof), proof].slice(-proofsMax);
        await registered.update({ ...change, metadata: now });
        // Later proofs follow it.
        own.proofs = own.proofs.slice(Math.max(0, own.proofs.indexOf(proof)));
      },
      deregister: () => {
        own.cancel?.();
        this.own.delete(own);
        return registered.deregister();
      },
    };
  }

  get isAnswered(): boolean {
    return this.naming.isAnswered !== false;
  }

  get trouble(): string {
    return this.naming.trouble ?? "";
  }

  get leftOut(): readonly string[] {
    return this.parts.admission.leftOut;
  }

  close(): Promise<void> {
    for (const { cancel } of this.own) cancel?.();
    this.own.clear();
    this.notifyAgain.clear();
    return this.naming.close();
  }

  /** Registers entries of this process again that somebody has replaced. */
  private lookForOwn(service: string, listed: readonly Instance[]): void {
    const { admission } = this.parts;
    for (const own of this.own) {
      if (own.service !== service) continue;
      const entries = listed.filter(({ hostname }) => hostname === own.id);
      own.isReplaced =
        entries.length > 0 &&
        !entries.some(
          (entry) => admission.verdict(service, entry) === "proven" && own.proofs.includes(proofOf(entry.metadata)),
        );
      if (own.isReplaced) this.restore(own);
    }
  }

  private restore(own: Own): void {
    if (own.cancel !== undefined) return;
    // The registration logs a refusal.
    own.registered.update({}).catch(() => undefined);
    own.cancel = this.parts.timers.after(restoreMs, () => {
      own.cancel = undefined;
      // A list that was replaced and restored meanwhile is not reported again.
      if (own.isReplaced) this.restore(own);
    });
  }
}

function proofOf(metadata: ReadonlyMap<string, string>): string {
  return metadata.get(proofKey) ?? "";
}
