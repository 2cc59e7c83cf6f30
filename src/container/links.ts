// The nodes of the services that a gateway depends on (the seed's ClientMap): add, remove, get, choose.

import type { Connection } from "../transport/transport.ts";
import { linkInFlightMax } from "../base/limits.ts";
import { PendingRequests } from "./pending-requests.ts";
import { selectByHash } from "./selector.ts";

/** A live link to one node of a service, with its unanswered requests. */
export class Link<Owner> {
  readonly service: string;
  /** The node's service id. */
  readonly id: string;
  readonly connection: Connection;
  readonly pending = new PendingRequests<Owner>(linkInFlightMax);

  constructor(service: string, id: string, connection: Connection) {
    this.service = service;
    this.id = id;
    this.connection = connection;
  }
}

/** All links of a gateway. */
export class Links<Owner> {
  private readonly nodes = new Map<string, Map<string, Link<Owner>>>();
  private readonly ordered = new Map<string, readonly string[]>();
  /** Changes with every add and remove, so that a connection may keep its choice until then. */
  version = 0;

  /** `services`: what this process depends on; others do not exist for it. */
  constructor(services: readonly string[]) {
    for (const service of services) {
      this.nodes.set(service, new Map());
      this.ordered.set(service, []);
    }
  }

  /** True for a service that this process depends on, whether or not a node of it is linked. */
  knows(service: string): boolean {
    return this.nodes.has(service);
  }

  add(link: Link<Owner>): void {
    this.nodes.get(link.service)?.set(link.id, link);
    this.order(link.service);
  }

  /** Removes that link, and not a newer one of the same id. */
  remove(link: Link<Owner>): void {
    const nodes = this.nodes.get(link.service);
    if (nodes?.get(link.id) !== link) return;
    nodes.delete(link.id);
    this.order(link.service);
  }

  /** The node that serves `key` (a channelId); undefined when none is linked. */
  choose(service: string, key: string): Link<Owner> | undefined {
    const id = selectByHash(key, this.ordered.get(service) ?? []);
    return id === undefined ? undefined : this.nodes.get(service)?.get(id);
  }

  /** Every link. */
  *all(): Generator<Link<Owner>> {
    for (const nodes of this.nodes.values()) yield* nodes.values();
  }

  /** Services without a linked node. */
  missing(): readonly string[] {
    return [...this.nodes].filter(([, nodes]) => nodes.size === 0).map(([service]) => service);
  }

  private order(service: string): void {
    this.version++;
    const ids = [...(this.nodes.get(service)?.keys() ?? [])];
    this.ordered.set(
      service,
      ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
  }
}
