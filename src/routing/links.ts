// The nodes of the services that a gateway depends on (the seed's ClientMap): add, remove, get, choose. A young node is
// linked but not chosen; what can be chosen is kept in order, so that a choice costs no sorting.

import type { Connection } from "../transport/transport.ts";
import { limitTable } from "../base/limits/table.ts";
import { finalWeights, weightDefault } from "../registry/client/zone-balance.ts";
import type { LinkState } from "../link/link-state.ts";
import { PendingRequests } from "./pending-requests.ts";
import { HashSelector } from "./selectors/hash.ts";
import type { NodeView, SelectionKey, Selector } from "./selectors/selector.ts";

/** What is known of a node when it is linked. */
export interface NodeAttributes {
  readonly zone?: string;
  readonly weight?: number;
  /** False: it is young, which means that it cannot serve everybody yet. */
  readonly isAdult?: boolean;
  /** When the link began to stand, on the monotonic clock; 0, unless it is said. */
  readonly sinceMs?: number;
  /** Requests that may be unanswered on the link; the initial limit, unless it is said. */
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
  /** As the registry says. Changed by `Links.setWeight` only. */
  ownWeight: number;
  /** Its share beside the other nodes, by which it is chosen: its own weight, unless zones have weights. */
  weight: number;
  /** When it began to stand, on the monotonic clock. */
  readonly sinceMs: number;
  /** Connections, as the node said last (whoever hears it sets it), and those for which it was chosen here since. */
  load = 0;
  /** Changed by `Links.setState` only. */
  isAdult: boolean;
  /** A list of this link alone, shared by all connections that have no other. */
  readonly alone: readonly Link<Owner>[] = [this];

  constructor(service: string, id: string, connection: Connection, attributes: NodeAttributes = {}) {
    const { zone = "", weight = weightDefault, isAdult = true, sinceMs = 0 } = attributes;
    this.pending = new PendingRequests<Owner>(attributes.requestsMax ?? limitTable.requestsPerLink.initial);
    this.service = service;
    this.id = id;
    this.connection = connection;
    this.zone = zone;
    this.ownWeight = weight;
    this.weight = weight;
    this.sinceMs = sinceMs;
    this.isAdult = isAdult;
  }
}

/** The nodes of one service. */
interface Pool<Owner> {
  readonly selector: Selector;
  readonly nodes: Map<string, Link<Owner>>;
  /** The adults, ordered by the bytes of their ids. */
  choosable: readonly Link<Owner>[];
}

/** All links of a gateway. */
export class Links<Owner> {
  private readonly pools = new Map<string, Pool<Owner>>();
  private readonly zoneWeights: ReadonlyMap<string, number>;
  /** Changes with the nodes that can be chosen, so that a connection may keep its choice until then. */
  version = 0;

  /**
   * `services`: what this process depends on; other services are ignored. `selectorOf` is called once for each of them:
   * a selector that keeps turns cannot be shared. `zoneWeights`: what each zone's nodes weigh together; without it each
   * node has its own weight.
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

  /** True for a service that this process depends on, whether or not a node of it is linked. */
  knows(service: string): boolean {
    return this.pools.has(service);
  }

  /** Adds a link, in place of an older one of the same id. */
  add(link: Link<Owner>): void {
    const pool = this.pools.get(link.service);
    if (pool === undefined) return;
    const older = pool.nodes.get(link.id);
    pool.nodes.set(link.id, link);
    if (link.isAdult || older?.isAdult === true) this.order(pool);
  }

  /** Removes that link, and not a newer one of the same id. */
  remove(link: Link<Owner>): void {
    const pool = this.pools.get(link.service);
    if (pool?.nodes.get(link.id) !== link) return;
    pool.nodes.delete(link.id);
    if (link.isAdult) this.order(pool);
  }

  /** The node has said how it is: whether it may be chosen, and how much it has to do. */
  setState(link: Link<Owner>, { isAdult, load }: Pick<LinkState, "isAdult" | "load">): void {
    link.load = load;
    if (link.isAdult === isAdult) return;
    link.isAdult = isAdult;
    const pool = this.pools.get(link.service);
    if (pool?.nodes.get(link.id) === link) this.order(pool);
  }

  /** The registry says that the node weighs that much. */
  setWeight(link: Link<Owner>, weight: number): void {
    if (link.ownWeight === weight) return;
    link.ownWeight = weight;
    link.weight = weight;
    const pool = this.pools.get(link.service);
    if (link.isAdult && pool?.nodes.get(link.id) === link) this.order(pool);
  }

  /** The node that the service's selector chooses; undefined when no adult is linked. */
  choose(service: string, key: SelectionKey): Link<Owner> | undefined {
    const pool = this.pools.get(service);
    const link = pool?.selector.choose(pool.choosable, key);
    if (link !== undefined) link.load++;
    return link;
  }

  /** True when a connection that has chosen `link` for its service stays there, although nodes have come or gone. */
  keeps(link: Link<Owner>): boolean {
    const pool = this.pools.get(link.service);
    return pool !== undefined && pool.selector.isSticky && link.isAdult && pool.nodes.get(link.id) === link;
  }

  /** To be called when a selector's rules have changed: connections choose again. */
  forgetChoices(): void {
    this.version++;
  }

  /** Every link, young ones too. */
  *all(): Generator<Link<Owner>> {
    for (const { nodes } of this.pools.values()) yield* nodes.values();
  }

  /** Services without an adult node. */
  missing(): readonly string[] {
    return [...this.pools].filter(([, { choosable }]) => choosable.length === 0).map(([service]) => service);
  }

  private order(pool: Pool<Owner>): void {
    this.version++;
    pool.choosable = [...pool.nodes.values()]
      .filter(({ isAdult }) => isAdult)
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
    if (this.zoneWeights.size === 0) return;
    const weights = finalWeights(pool.choosable, ({ ownWeight }) => ownWeight, this.zoneWeights);
    for (const [at, link] of pool.choosable.entries()) link.weight = weights[at] ?? 0;
  }
}
