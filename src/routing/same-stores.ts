// Checks that the nodes that a gateway links use the same stores: login and chat nodes the same session store, chat
// nodes the same message store. Nodes with different ones answer Success, and what one of them stores the others do not
// find; so a gateway links only those that agree, and reports the others.
//
// The first one decides, and stays the first while a node that agrees with it is linked. All gateways have to decide
// alike:
//
// - A gateway without a decision asks the registry: the decision of another gateway, else the store of the login node
//   (then of the chat node) that has been listed longest.
// - When no node of the decision is linked any more, nodes that were refused wait for `holdMs`, since its nodes may be
//   restarting or cut off from this gateway alone. Another node decides at once if no node is listed with the decided
//   store: all of them have moved.
// - A gateway whose decision differs from that of a gateway listed longer drops it once it has met a node with the
//   other's store.
//
// Pure: the caller passes what is met and listed, and the clock. Nodes that announce nothing are linked, and decide
// nothing.

import type { Clock } from "../base/clock.ts";
import { type StoreIdentity, shownText } from "../auth/store-ownership.ts";
import type { Log } from "../base/log.ts";
import type { Instance } from "../registry/instance.ts";
import { gatewayServices } from "../registry/lookup/gateway-services.ts";
import { type NodeStores, type StoreKind, storeKinds, storesOfMetadata } from "../link/node-stores.ts";

/** How long refused nodes wait for those of the decided store to come back. */
export const holdMs = 10_000;
/** A refusal's sentence, in UTF-8: it travels in a message of the handshake. */
export const sentenceBytesMax = 800;

/** A node of a logic service. */
export interface NodeName {
  readonly service: string;
  readonly id: string;
}

interface Decision {
  readonly store: StoreIdentity;
  /** The node that has that store, for people: `chat-1`. */
  readonly of: string;
  /** Nodes with another store wait for `holdMs`, even if no node with this store is listed. */
  readonly isFirm: boolean;
  /** When a node with that store was linked last, or when it was decided, on the monotonic clock. */
  sinceMs: number;
}

interface Refused extends NodeName {
  readonly kind: StoreKind;
  readonly store: StoreIdentity;
  readonly sentence: string;
}

/** An instance as the registry lists it. */
interface Listed {
  readonly id: string;
  readonly stores: NodeStores;
  readonly upTimestamp: bigint;
}

export class SameStores {
  private readonly parts: {
    /** The gateway's own id. */
    readonly id: string;
    readonly log: Log;
    readonly clock: Pick<Clock, "monotonicMs">;
    /** Called for a linked node whose link has to end because the decision has changed. */
    readonly ends: (node: NodeName, sentence: string) => void;
  };
  private readonly decisions: Record<StoreKind, Decision | undefined> = { sessions: undefined, messages: undefined };
  private readonly linked = new Map<string, NodeName & { stores: NodeStores }>();
  private readonly refused = new Map<string, Refused>();
  private readonly lists = new Map<string, readonly Listed[]>();

  constructor(parts: SameStores["parts"]) {
    this.parts = parts;
  }

  /**
   * Takes the stores that a node announces, in the handshake and later over its link. Returns why it may not be linked,
   * or undefined: then it counts as linked until `left`.
   */
  admits(node: NodeName, stores: NodeStores): string | undefined {
    const name = nameOf(node);
    const known = this.linked.get(name)?.stores;
    // An announcement holds as long as the link.
    const said: NodeStores = {
      sessions: stores.sessions ?? known?.sessions,
      messages: stores.messages ?? known?.messages,
    };
    this.linked.delete(name);
    const sentences = storeKinds.map((kind) => this.judge(kind, node, said[kind]));
    const sentence = sentences.find((text) => text !== undefined);
    if (sentence !== undefined) {
      this.released(known);
      return sentence;
    }
    this.linked.set(name, { service: node.service, id: node.id, stores: said });
    return undefined;
  }

  /** The link of an admitted node has ended. */
  left(node: NodeName): void {
    const name = nameOf(node);
    const link = this.linked.get(name);
    this.linked.delete(name);
    this.released(link?.stores);
    this.forgetUnlisted(node.service);
  }

  /** Takes the instances that the registry lists of a logic service or of gateways. */
  listed(service: string, instances: readonly Instance[]): void {
    this.lists.set(
      service,
      instances
        .filter(({ metadata }) => metadata.get("state") !== "leaving")
        .map(({ hostname, metadata, upTimestamp }) => ({
          id: hostname,
          stores: storesOfMetadata(metadata),
          upTimestamp,
        })),
    );
    this.forgetUnlisted(service);
    for (const kind of storeKinds) this.yieldTo(kind);
  }

  /** The decided stores; undefined for a kind that no linked node has. */
  get decided(): NodeStores {
    const of = (kind: StoreKind): StoreIdentity | undefined => {
      const decision = this.decisions[kind];
      return decision !== undefined && this.isInUse(kind, decision) ? decision.store : undefined;
    };
    return { sessions: of("sessions"), messages: of("messages") };
  }

  /** The number of nodes that are not linked because of their stores. */
  get mismatches(): number {
    return new Set([...this.refused.values()].map(nameOf)).size;
  }

  /** Names the nodes that are not linked because of their stores, for an operator; '' if all agree. */
  get trouble(): string {
    return [...this.refused.values()].map(({ sentence }) => sentence).join("; ");
  }

  private judge(kind: StoreKind, node: NodeName, store: StoreIdentity | undefined): string | undefined {
    const key = keyOf(kind, node);
    const decision = store && this.decide(kind, node, store);
    if (store === undefined || decision?.store.identity === store.identity) {
      if (decision !== undefined) decision.sinceMs = this.parts.clock.monotonicMs();
      if (this.refused.delete(key))
        this.parts.log.info("a node's store agrees with the others' again", { node: node.id, kind });
      return undefined;
    }
    const sentence = this.sentenceOf(kind, node, store, decision);
    const known = this.refused.get(key);
    this.refused.set(key, { service: node.service, id: node.id, kind, store, sentence });
    if (known === undefined)
      this.parts.log.error("a node uses another store and is not linked", { node: node.id, reason: sentence });
    return sentence;
  }

  /** Returns the decision after a node with that store has appeared. */
  private decide(kind: StoreKind, node: NodeName, store: StoreIdentity): Decision {
    const decision = this.decisions[kind] ?? this.set(kind, this.firstListed(kind) ?? { store, of: node.id });
    if (decision.store.identity === store.identity || this.waitsFor(kind, node, decision)) return decision;
    return this.set(kind, { store, of: node.id });
  }

  private set(kind: StoreKind, { store, of }: Pick<Decision, "store" | "of">, isFirm = false): Decision {
    const before = this.decisions[kind];
    if (before !== undefined)
      this.parts.log.warn("nodes with another store than before are linked from now on", {
        kind,
        before: before.store.place,
        now: store.place,
        node: of,
      });
    const decision = { store, of, isFirm, sinceMs: this.parts.clock.monotonicMs() };
    this.decisions[kind] = decision;
    // The next dial links them.
    for (const [key, node] of this.refused)
      if (node.kind === kind && node.store.identity === store.identity) this.refused.delete(key);
    return decision;
  }

  /** Reports whether a node with another store has to wait for nodes with the decided one. */
  private waitsFor(kind: StoreKind, node: NodeName, decision: Decision): boolean {
    if (this.isInUse(kind, decision)) return true;
    if (this.parts.clock.monotonicMs() - decision.sinceMs >= holdMs) return false;
    if (decision.isFirm || this.refused.has(keyOf(kind, node))) return true;
    // The listed store of a node that has announced another one since is out of date.
    return this.logicNodes().some(
      (other) =>
        other.stores[kind]?.identity === decision.store.identity &&
        nameOf(other) !== nameOf(node) &&
        !this.refused.has(keyOf(kind, other)),
    );
  }

  private isInUse(kind: StoreKind, { store }: Decision): boolean {
    for (const { stores } of this.linked.values()) if (stores[kind]?.identity === store.identity) return true;
    return false;
  }

  /** The link of a node with these stores has ended. */
  private released(stores: NodeStores | undefined): void {
    for (const kind of storeKinds) {
      const decision = this.decisions[kind];
      if (decision !== undefined && decision.store.identity === stores?.[kind]?.identity)
        decision.sinceMs = this.parts.clock.monotonicMs();
    }
  }

  /** Returns the store that every gateway without a decision chooses. */
  private firstListed(kind: StoreKind): Pick<Decision, "store" | "of"> | undefined {
    const nodes = this.logicNodes();
    for (const { stores } of this.otherGateways()) {
      const identity = stores[kind]?.identity;
      const node = nodes.find((candidate) => identity !== undefined && candidate.stores[kind]?.identity === identity);
      const store = node?.stores[kind];
      if (node !== undefined && store !== undefined) return { store, of: node.id };
    }
    for (const { id, stores } of nodes) {
      const store = stores[kind];
      if (store !== undefined) return { store, of: id };
    }
    return undefined;
  }

  /** Adopts the decision of a gateway that has been listed longer, once a node with its store was met. */
  private yieldTo(kind: StoreKind): void {
    const decision = this.decisions[kind];
    if (decision === undefined) return;
    const elder = this.otherGateways(true).find(({ stores }) => stores[kind] !== undefined)?.stores[kind];
    if (elder === undefined || elder.identity === decision.store.identity) return;
    const met = [...this.refused.values()].find((node) => node.kind === kind && node.store.identity === elder.identity);
    if (met === undefined) return;
    this.set(kind, { store: met.store, of: met.id }, true);
    for (const node of [...this.linked.values()]) {
      const sentence = this.admits(node, node.stores);
      if (sentence !== undefined) this.parts.ends(node, sentence);
    }
  }

  /** Login nodes, then chat nodes, each ordered by how long they have been listed, the longest first. */
  private logicNodes(): (NodeName & Listed)[] {
    return ["login", "chat"].flatMap((service) =>
      (this.lists.get(service) ?? []).map((node) => ({ ...node, service })).toSorted(longestFirst),
    );
  }

  /** The other gateways, the one listed longest first; `elderOnly`: only those listed longer than this one. */
  private otherGateways(elderOnly = false): Listed[] {
    const gateways = gatewayServices.flatMap((service) => this.lists.get(service) ?? []).toSorted(longestFirst);
    const own = gateways.find(({ id }) => id === this.parts.id);
    return gateways.filter(
      (gateway) => gateway.id !== this.parts.id && (!elderOnly || own === undefined || longestFirst(gateway, own) < 0),
    );
  }

  /** Forgets refused nodes that the registry no longer lists. */
  private forgetUnlisted(service: string): void {
    const list = this.lists.get(service);
    if (list === undefined) return;
    const ids = new Set(list.map(({ id }) => id));
    for (const [key, node] of this.refused) {
      if (node.service === service && !ids.has(node.id)) this.refused.delete(key);
    }
  }

  private sentenceOf(kind: StoreKind, node: NodeName, store: StoreIdentity, decision: Decision | undefined): string {
    const [what, who, option] =
      kind === "sessions"
        ? ["session store", "login and chat nodes", "--sessions"]
        : ["message store", "chat nodes", "--store"];
    const sentence =
      `${this.parts.id} does not link ${node.id}: its ${what} ${store.place} is not the ${what} ` +
      `${decision?.store.place} of ${decision?.of}; give all ${who} the same ${option}`;
    return shownText(sentence, sentenceBytesMax);
  }
}

function nameOf({ service, id }: NodeName): string {
  return `${service} ${id}`;
}

function keyOf(kind: StoreKind, node: NodeName): string {
  return `${kind} ${nameOf(node)}`;
}

function longestFirst(one: Listed, other: Listed): number {
  if (one.upTimestamp !== other.upTimestamp) return one.upTimestamp < other.upTimestamp ? -1 : 1;
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}
