// A process's membership in the registry: it claims its id, registers its services under it, announces its state, and
// leaves. One id belongs to one process: a second one is refused while the first one lives.

import type { ClusterKeys } from "../auth/cluster-keys.ts";
import { hasProof } from "../auth/instance-proof.ts";
import type { LinkIdentity } from "../auth/link-proof.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Naming, Registered } from "../registry/client/naming.ts";
import { Code } from "../registry/codes.ts";
import { pause } from "../registry/client/pause.ts";
import { RegistrationRefused } from "../registry/client/registration-loop.ts";
import { metadataOfGone } from "../registry/lookup/gone-gateways.ts";
import { type Instance, Status } from "../registry/instance.ts";
import type { Timers } from "../base/timers.ts";
import { areSameStores, metadataOfStores, type NodeStores, unknownStores } from "../link/node-stores.ts";
import { linkAddress } from "../routing/dependency.ts";
import type { Dial } from "../link/link-network.ts";
import { whoAnswers } from "../link/who.ts";

/** The interval between attempts to register what the registry refuses, in milliseconds. */
const refusedRetryMs = 15_000;

/** The metadata key of a process's monitor address; it is only displayed, so no proof covers it. */
export const monitorKey = "monitor";

/** The state of a process, as the registry lists it: `young` is not ready, `adult` is ready. */
type MemberState = "young" | "adult" | "leaving";

/** Another process holds this one's id. */
export class IdTaken extends Error {
  override readonly name = "IdTaken";
}

/** One service that a process offers. */
export interface Offer {
  readonly service: string;
  /** URLs for clients of this service. */
  readonly addrs: readonly string[];
  /** In addition to the metadata of every member. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** The metadata `keys`: the cluster keys of a process, equal for two processes with the same keys in any order. */
export function keysText(fingerprints: readonly string[]): string {
  return fingerprints.toSorted().join(",");
}

export class Membership {
  private readonly parts: {
    readonly naming: Naming;
    readonly identity: LinkIdentity;
    readonly keys: Pick<ClusterKeys, "all" | "fingerprints" | "onChange">;
    readonly random: Random;
    readonly timers: Pick<Timers, "after">;
    readonly dial: Dial;
    readonly log: Log;
    /** The `host:port` at which this process accepts links. */
    readonly link: string;
    readonly zone: string;
    /** As in MemberSettings. */
    readonly weight?: number | undefined;
    readonly version: string;
    readonly monitor?: string | undefined;
    /** The stores that it uses or has decided on, as far as they are known; absent if it announces none. */
    readonly stores?: () => NodeStores;
    /** The gateways that it has lost; absent if it has no links to gateways. */
    readonly gone?: () => readonly string[];
    /** Called if another process has taken the id: this one has to exit. */
    readonly lost: (sentence: string) => void;
  };
  private readonly registered: { readonly offer: Offer; readonly registration: Registered }[] = [];
  private state: MemberState = "young";
  private toldStores = unknownStores;
  private toldGone: readonly string[] = [];
  private offers = 0;
  /** Why the registry refuses this process, for an operator; '' while it does not. */
  private refusal = "";
  private readonly ended = new AbortController();

  constructor(parts: Membership["parts"]) {
    this.parts = parts;
    // A renewal carries no metadata: this announces the fingerprints and the proofs by the current keys.
    parts.keys.onChange(() => void this.setState(this.state));
  }

  /**
   * Asks whether another process lives under this id. Rejects with IdTaken; an unreachable registry stops no process.
   * Resolves with what is listed of each service, in their order.
   */
  async claim(services: readonly string[]): Promise<readonly (readonly Instance[])[]> {
    const lists: (readonly Instance[])[] = [];
    for (const service of services) {
      const listed = await this.find(service);
      const other = await this.holder(listed);
      if (other !== undefined) throw new IdTaken(other.sentence);
      lists.push(listed);
    }
    return lists;
  }

  /**
   * Registers services, and watches whether another process does so under the same id. Resolves once all are
   * registered, or this process leaves. Retries while the registry is unreachable or refuses. Rejects when the naming
   * client is closed.
   */
  async join(offers: readonly Offer[], state: MemberState): Promise<void> {
    const { naming, identity, timers, version } = this.parts;
    const { id } = identity;
    this.state = state;
    this.offers = offers.length;
    this.toldStores = this.parts.stores?.() ?? unknownStores;
    this.toldGone = this.parts.gone?.() ?? [];
    for (const offer of offers) {
      let metadata = this.metadata(offer);
      let registration: Registered | undefined;
      while (registration === undefined) {
        metadata = this.metadata(offer);
        const { service, addrs } = offer;
        try {
          registration = await naming.register({ service, id, addrs, version, status: Status.Up, metadata });
        } catch (error) {
          if (this.isEnded) return;
          if (!(error instanceof RegistrationRefused)) throw error;
          this.refused(error);
          await pause(timers.after, refusedRetryMs, this.ended.signal);
          if (this.isEnded) return;
        }
      }
      this.refusal = "";
      this.registered.push({ offer, registration });
      // Its state or its stores may have changed while the registry was unreachable.
      if (!Bun.deepEquals(metadata, this.metadata(offer))) await this.tell(offer, registration);
      naming.subscribe(offer.service, (instances) => void this.seen(instances));
    }
  }

  /** Sets the state in the registry, or as soon as the registry answers again. */
  async setState(state: MemberState): Promise<void> {
    this.state = state;
    await Promise.all(this.registered.map(({ offer, registration }) => this.tell(offer, registration)));
  }

  /** Updates the stores and the lost gateways in the registry if they have changed. */
  async tellChanges(): Promise<void> {
    const stores = this.parts.stores?.() ?? unknownStores;
    const gone = this.parts.gone?.() ?? [];
    if (this.registered.length === 0) return;
    if (areSameStores(stores, this.toldStores) && gone.join() === this.toldGone.join()) return;
    this.toldStores = stores;
    this.toldGone = gone;
    await this.setState(this.state);
  }

  /** The services under which it is registered. */
  get services(): readonly string[] {
    return this.registered.map(({ offer }) => offer.service);
  }

  /** Whether all offered services are registered. */
  get isListed(): boolean {
    return this.offers > 0 && this.registered.length === this.offers;
  }

  /** Why the registry does not list this process, for an operator; '' once all services are registered. */
  get trouble(): string {
    if (this.isListed) return "";
    if (this.refusal !== "") return this.refusal;
    return this.parts.naming.trouble || "no registry node has registered this process yet; check --discovery";
  }

  /** Remarks about the registry that do not prevent service: entries for `GET /health`. */
  get remarks(): Readonly<Record<string, string>> {
    const { trouble = "", leftOut = [] } = this.parts.naming;
    return {
      // Reported once: a process that is not listed has that as its trouble.
      ...(trouble === "" || !this.isListed ? {} : { registryOpen: trouble }),
      ...(leftOut.length === 0 ? {} : { leftOut: leftOut.join(",") }),
    };
  }

  /** Removes its entries from the registry. */
  async leave(): Promise<void> {
    this.ended.abort();
    await Promise.all(this.registered.map(({ registration }) => registration.deregister()));
  }

  private get isEnded(): boolean {
    return this.ended.signal.aborted;
  }

  private refused({ code, message }: RegistrationRefused): void {
    const remedy =
      code === Code.Unauthorized ? "it has other keys; compare its --cluster-key-file with this process's" : message;
    const before = this.refusal;
    this.refusal = `the registry refuses to register this process: ${remedy}`;
    if (this.refusal !== before)
      this.parts.log.error("the registry refuses this process; retrying", { reason: remedy });
  }

  private async tell(offer: Offer, registration: Registered): Promise<void> {
    try {
      await registration.update({ metadata: this.metadata(offer) });
    } catch (error) {
      const { log } = this.parts;
      if (!this.isEnded) log.warn("the registry refuses a state", { state: this.state, error: String(error) });
    }
  }

  private metadata({ metadata }: Offer): ReadonlyMap<string, string> {
    const { identity, link, zone, weight, version, monitor, keys, stores, gone } = this.parts;
    return new Map([
      ...metadata,
      ["id", identity.id],
      ["incarnation", identity.incarnation],
      ["state", this.state],
      ["zone", zone],
      ...(weight === undefined ? [] : [["weight", String(weight)] as const]),
      ["version", version],
      ["link", link],
      ...(monitor === undefined ? [] : [[monitorKey, monitor] as const]),
      ...(keys.fingerprints.length === 0 ? [] : [["keys", keysText(keys.fingerprints)] as const]),
      ...metadataOfStores(stores?.() ?? unknownStores),
      ...metadataOfGone(gone?.() ?? []),
    ]);
  }

  private async find(service: string): Promise<readonly Instance[]> {
    try {
      return await this.parts.naming.find(service);
    } catch (error) {
      this.parts.log.warn("no registry node answers; going on without", { error: String(error) });
      return [];
    }
  }

  /** Resolves with another live process with this id, in any zone. */
  private async holder(
    listed: readonly Instance[],
  ): Promise<{ readonly incarnation: string; readonly sentence: string } | undefined> {
    const { identity } = this.parts;
    for (const instance of this.foreign(listed)) {
      const address = linkAddress(instance);
      if (address === undefined) continue;
      const incarnation = await whoAnswers(address, identity.id, {
        ...this.parts,
        isProven: hasProof(instance.metadata),
      });
      if (incarnation === undefined || incarnation === identity.incarnation) continue;
      const found = `the id ${identity.id} belongs to another process, which answers at ${address}`;
      const sentence = `${found}; give this one another --id`;
      return { incarnation, sentence };
    }
    return undefined;
  }

  /** Resolves with the entries under this id that belong to other processes. */
  private foreign(listed: readonly Instance[]): Instance[] {
    const { id, incarnation } = this.parts.identity;
    return listed.filter(({ hostname, metadata }) => hostname === id && metadata.get("incarnation") !== incarnation);
  }

  /** Another process may have registered this id at the same moment. */
  private async seen(instances: readonly Instance[]): Promise<void> {
    if (this.isEnded || this.foreign(instances).length === 0) return;
    const other = await this.holder(instances);
    if (this.isEnded) return;
    const { id, incarnation } = this.parts.identity;
    // Of two that see each other, the greater one stays.
    if (other !== undefined && other.incarnation > incarnation) {
      this.parts.lost(other.sentence);
      return;
    }
    // The other one, which may have crashed meanwhile, is listed in place of this one, and sees only itself.
    const isListed = instances.some(
      ({ hostname, metadata }) => hostname === id && metadata.get("incarnation") === incarnation,
    );
    if (!isListed) await this.setState(this.state);
  }
}
