// The naming service of a process that has cluster keys: what it registers carries a proof, and what it is told are the
// instances that are believed (registry/admission.ts). Everything in a process that finds others goes through this one door.
//
// An entry of this process that somebody has replaced by one without a right proof is registered again: others leave that
// one out, and would not find this process any more.

import { withProof } from "../../auth/instance-proof.ts";
import type { Admission } from "../admission.ts";
import type { Instance } from "../instance.ts";
import type { Cancel, Timers } from "../timers.ts";
import type { Listing, Naming, Registered, Registration } from "./naming.ts";
import { sameInstances } from "./same-instances.ts";

/** Between two registrations of an entry that is replaced again and again, in milliseconds. */
export const restoreMs = 2_000;

interface Own {
  readonly registered: Registered;
  /** Runs from a restoration to the moment in which another one may follow. */
  cancel: Cancel | undefined;
  isDue: boolean;
}

export class ProvenNaming implements Naming {
  private readonly naming: Naming;
  private readonly parts: {
    readonly env: string;
    /** At least one; the registrations carry a proof by each. */
    readonly clusterKeys: readonly Uint8Array[];
    readonly admission: Admission;
    /** Anybody may write to the registry. */
    readonly isRegistryOpen: boolean;
    readonly timers: Pick<Timers, "after">;
  };
  /** By service and id. */
  private readonly own = new Map<string, Own>();
  readonly whoLists?: (service: string, id: string) => Promise<Listing>;

  /** Owns `naming`. */
  constructor(naming: Naming, parts: ProvenNaming["parts"]) {
    this.naming = naming;
    this.parts = parts;
    if (naming.whoLists !== undefined) this.whoLists = naming.whoLists.bind(naming);
  }

  async find(service: string): Promise<readonly Instance[]> {
    return this.parts.admission.admitted(service, await this.naming.find(service));
  }

  /**
   * As a node says it now. Where writes need the cluster key, what is not believed is there, too: it may be a member of the
   * cluster that has other keys, for which whoever changes the owner of a store has to wait.
   */
  async findNow(service: string): Promise<readonly Instance[]> {
    const listed = await this.naming.findNow(service);
    return this.parts.isRegistryOpen ? this.parts.admission.admitted(service, listed) : listed;
  }

  subscribe(service: string, onChange: (instances: readonly Instance[]) => void): void {
    let told: readonly Instance[] | undefined;
    this.naming.subscribe(service, (listed) => {
      this.lookForOwn(service, listed);
      const admitted = this.parts.admission.admitted(service, listed);
      if (told !== undefined && sameInstances(told, admitted)) return;
      told = admitted;
      onChange(admitted);
    });
  }

  unsubscribe(service: string): void {
    this.naming.unsubscribe(service);
  }

  async register(registration: Registration): Promise<Registered> {
    const { service, id, addrs } = registration;
    const { env, clusterKeys } = this.parts;
    const proven = (metadata: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
      withProof({ env, service, id, addrs, metadata }, clusterKeys);
    const registered = await this.naming.register({ ...registration, metadata: proven(registration.metadata) });
    const key = keyOf(service, id);
    const own: Own = { registered, cancel: undefined, isDue: false };
    this.own.set(key, own);
    return {
      update: ({ metadata, ...change }) =>
        registered.update(metadata === undefined ? change : { ...change, metadata: proven(metadata) }),
      deregister: () => {
        own.cancel?.();
        if (this.own.get(key) === own) this.own.delete(key);
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
    for (const { cancel } of this.own.values()) cancel?.();
    this.own.clear();
    return this.naming.close();
  }

  /** Registers again what this process has registered and somebody has replaced. */
  private lookForOwn(service: string, listed: readonly Instance[]): void {
    const { admission } = this.parts;
    const isProven = new Map<string, boolean>();
    for (const instance of listed) {
      const { hostname: id } = instance;
      if (!this.own.has(keyOf(service, id))) continue;
      isProven.set(id, isProven.get(id) === true || admission.verdict(service, instance) === "proven");
    }
    for (const [id, isSo] of isProven) {
      const own = this.own.get(keyOf(service, id));
      if (own !== undefined && !isSo) this.restore(own);
    }
  }

  private restore(own: Own): void {
    own.isDue = own.cancel !== undefined;
    if (own.isDue) return;
    // Why a registry refuses it is logged where it is registered; the next change of the list is the next reason to try.
    own.registered.update({}).catch(() => undefined);
    own.cancel = this.parts.timers.after(restoreMs, () => {
      own.cancel = undefined;
      if (own.isDue) this.restore(own);
    });
  }
}

function keyOf(service: string, id: string): string {
  return `${service}\n${id}`;
}
