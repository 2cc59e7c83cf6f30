// The naming service for roles: find, subscribe, register. Implemented over HTTP and on a registry in the same process.

import type { Instance, InstanceStatus } from "../instance.ts";

/** An instance's own data; env, zone and region are the client's. */
export interface Registration {
  /** The service's name (`appid`). */
  readonly service: string;
  /** The service id (`hostname`). */
  readonly id: string;
  readonly addrs: readonly string[];
  readonly version: string;
  readonly status: InstanceStatus;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A registration that is kept alive until it is ended. */
export interface Registered {
  /**
   * Registers again with a new status or new metadata. Resolves when a node has accepted it or a later update. Rejects
   * with the registry's sentence if it is refused (the former registration remains, and the update is repeated at the
   * next renewal), and after `deregister`.
   */
  update(change: { readonly status?: InstanceStatus; readonly metadata?: ReadonlyMap<string, string> }): Promise<void>;
  /** Cancels the registration and stops renewing. Never rejects: a lease at a registry that is away expires. */
  deregister(): Promise<void>;
}

/** What the nodes that answer list of one instance. */
export interface Listing {
  /** URLs of the nodes that list it, and of those that do not. */
  readonly listing: readonly string[];
  readonly lacking: readonly string[];
}

/** An instance as an operator looks at it. */
export interface Listed {
  readonly instance: Instance;
  /** Its renewals have stopped, and the node evicts nothing at present. */
  readonly isStale: boolean;
  /** Its entry carries a proof by a key of the cluster, or none is asked for. */
  readonly isProven: boolean;
}

/** No node of the registry answers. */
export class RegistryAway extends Error {
  override readonly name = "RegistryAway";
}

export interface Naming {
  /**
   * Returns the UP instances of a service; none if the registry does not know it. Rejects if no node answers and
   * nothing is known from before, and after `close`. If the registry has a scheduler for this client's zone, the
   * `weight` in their metadata is the final one.
   */
  find(service: string): Promise<readonly Instance[]>;
  /** Like `find`, but always from a node. Rejects with RegistryAway if no node answers, and after `close`. */
  findNow(service: string): Promise<readonly Instance[]>;
  /** Returns all instances of a service, of any status and believed or not, from a node; rejects as `findNow`. */
  listAll(service: string): Promise<readonly Listed[]>;
  /**
   * Calls back with the UP instances of a service once they are known, and after every change. Throws if the service is
   * subscribed already. While all nodes are away, the last list remains and nothing is called; neither for a service
   * that never existed (`find` returns none). Never calls from inside `subscribe`, or after `unsubscribe` or `close`.
   * Lists that differ in timestamps only are not repeated.
   */
  subscribe(service: string, onChange: (instances: readonly Instance[]) => void): void;
  unsubscribe(service: string): void;
  /**
   * Registers, renews every 30 s, and registers again if the registry has forgotten. Resolves when a node has accepted;
   * while none can be reached, it retries with back-off. Rejects with the registry's sentence if it refuses, after
   * `close`, and while this client has the same service and id registered.
   */
  register(registration: Registration): Promise<Registered>;
  /**
   * Asks each node that this client was given, not those that it has learned of, whether it lists an instance as UP.
   * Nodes that do not answer or are starting are in neither list. Never rejects. Absent if there is only one node.
   */
  whoLists?(service: string, id: string): Promise<Listing>;
  /** False while no node answers; absent if that cannot happen. */
  readonly isAnswered?: boolean;
  /** Why nodes of the registry are ignored, for an operator; '' or absent if none is. */
  readonly trouble?: string;
  /** The ids of some instances that are listed but not believed; absent if all are believed. */
  readonly leftOut?: readonly string[];
  /** Deregisters everything, and ends all subscriptions and requests. */
  close(): Promise<void>;
}
