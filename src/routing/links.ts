// The linked nodes of the services that a gateway depends on, and the choice among them. A node that is not ready is
// linked but not chosen. The nodes to choose from are kept in order, so that a choice sorts nothing.

import type { Connection } from "../transport/transport.ts";
import { limitTable } from "../base/limits/table.ts";
import { finalWeights, weightDefault } from "../registry/client/zone-balance.ts";
import type { LinkState } from "../link/link-state.ts";
import { PendingRequests } from "./pending-requests.ts";
import { HashSelector } from "./selectors/hash.ts";
import type { NodeView, SelectionKey, Selector } from "./selectors/selector.ts";

/** The attributes of a node, known when it is linked. */
export interface NodeAttributes {
  readonly zone?: string;
  readonly weight?: number;
  /** False: not all gateways are linked to it, so it cannot reach all accounts yet. */
  readonly isReady?: boolean;
  /** When the link was established, on the monotonic clock; 0 by default. */
  readonly sinceMs?: number;
  /** The maximum number of unanswered requests on the link; the limit's initial value by default. */
  readonly requestsMax?: number;
}

/** A live link to one node of a service, with its unanswered requests. */
export class Link<Owner> implements NodeView {
  readonly service: string;
  /** The node's service id. */
  readonly id: string;
  readonly connection: Connection;
  readonly pending: PendingRequests<Owner>;
  readonly zone: string;
  /** Its weight in the registry. Only `Links.setWeight` changes it. */
  ownWeight: number;
  /** The weight by which it is chosen: its own weight, or its share of its zone's weight. */
  weight: number;
  /** When it was established, on the monotonic clock. */
  readonly sinceMs: number;
  /** The load that the node announced last (the receiver sets it), plus the times that it was chosen here since. */
  load = 0;
  /** Only `Links.setState` changes it. */
  isReady: boolean;
  /** A list of only this link, shared by all connections that have no other. */
  readonly alone: readonly Link<Owner>[] = [this];

  constructor(service: string, id: string, connection: Connection, attributes: NodeAttributes = {}) {
    const { zone = "", weight = weightDefault, isReady = true, sinceMs = 0 } = attributes;
    this.pending = new PendingRequests<Owner>(attributes.requestsMax ?? limitTable.requestsPerLink.initial);
    this.service = service;
    this.id = id;
    this.connection = connection;
    this.zone = zone;
    this.ownWeight = weight;
    this.weight = weight;
    this.sinceMs = sinceMs;
    this.isReady = isReady;
  }
}

/** The nodes of one service. */
interface Pool<Owner> {
  readonly selector: Selector;
  readonly nodes: Map<string, Link<Owner>>;
  /** The nodes that are ready, ordered by the bytes of their ids. */
  choosable: readonly Link<Owner>[];
}

/** All links of a gateway. */
export class Links<Owner> {
  private readonly pools = new Map<string, Pool<Owner>>();
  private readonly zoneWeights: ReadonlyMap<string, number>;
  /** Changes with the nodes to choose from: a connection keeps its choice until then. */
  version = 0;

  /**
   * `services`: those that this process depends on; others are ignored. `selectorOf` is called once for each service: a
   * selector with a state, such as round robin, cannot be shared. `zoneWeights`: the total weight of each zone's nodes;
   * without it each node has its own weight.
   */
  constructor(
    services: readonly string[],
    selectorOf: (service: string) => Selector = () => new HashSelector(),
    zoneWeights: ReadonlyMap<string, number> = new Map(),
  ) {
    this.zoneWeights = zoneWeights;
    for (const service of services)
      this.pools.set(service, { selector: selectorOf(service), nodes: new Map(), choosable: [] });
  }

  /** Reports whether this process depends on a service, also if no node of it is linked. */
  knows(service: string): boolean {
    return this.pools.has(service);
  }

  /** Adds a link; it replaces an older one with the same id. */
  add(link: Link<Owner>): void {
    const pool = this.pools.get(link.service);
    if (pool === undefined) return;
    const older = pool.nodes.get(link.id);
    pool.nodes.set(link.id, link);
    if (link.isReady || older?.isReady === true) this.order(pool);
  }

  /** Removes this link, but not a newer one with the same id. */
  remove(link: Link<Owner>): void {
    const pool = this.pools.get(link.service);
    if (pool?.nodes.get(link.id) !== link) return;
    pool.nodes.delete(link.id);
    if (link.isReady) this.order(pool);
  }

  /** Sets the state that the node has announced: whether it is ready, and its load. */
  setState(link: Link<Owner>, { isReady, load }: Pick<LinkState, "isReady" | "load">): void {
    link.load = load;
    if (link.isReady === isReady) return;
    link.isReady = isReady;
    const pool = this.pools.get(link.service);
    if (pool?.nodes.get(link.id) === link) this.order(pool);
  }

  /** Sets the weight that the registry lists. */
  setWeight(link: Link<Owner>, weight: number): void {
    if (link.ownWeight === weight) return;
    link.ownWeight = weight;
    link.weight = weight;
    const pool = this.pools.get(link.service);
    if (link.isReady && pool?.nodes.get(link.id) === link) this.order(pool);
  }

  /** Returns the node that the service's selector chooses; undefined if no ready node is linked. */
  choose(service: string, key: SelectionKey): Link<Owner> | undefined {
    const pool = this.pools.get(service);
    const link = pool?.selector.choose(pool.choosable, key);
    if (link !== undefined) link.load++;
    return link;
  }

  /** Reports whether a connection that has chosen `link` keeps it although other nodes have come or gone. */
  keeps(link: Link<Owner>): boolean {
    const pool = this.pools.get(link.service);
    return pool !== undefined && pool.selector.isSticky && link.isReady && pool.nodes.get(link.id) === link;
  }

  /** Call after a change of a selector's rules: connections choose again. */
  forgetChoices(): void {
    this.version++;
  }

  /** Every link, including nodes that are not ready. */
  *all(): Generator<Link<Owner>> {
    for (const { nodes } of this.pools.values()) yield* nodes.values();
  }

  /** Services without a ready node. */
  missing(): readonly string[] {
    return [...this.pools].filter(([, { choosable }]) => choosable.length === 0).map(([service]) => service);
  }

  private order(pool: Pool<Owner>): void {
    this.version++;
    pool.choosable = [...pool.nodes.values()]
      .filter(({ isReady }) => isReady)
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
    if (this.zoneWeights.size === 0) return;
    const weights = finalWeights(pool.choosable, ({ ownWeight }) => ownWeight, this.zoneWeights);
    for (const [at, link] of pool.choosable.entries()) link.weight = weights[at] ?? 0;
  }
}
