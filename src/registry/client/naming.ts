// The naming service as a role sees it: find, subscribe, register. Two implementations: over HTTP
// against discovery nodes, and straight into a registry in the same process.

import type { Instance, InstanceStatus } from "../instance.ts";

/** What an instance says of itself when it registers; env, zone and region are the client's own. */
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
   * Registers again with other status or metadata; resolves when a node has it (or something said later). Rejects when
   * the registry refuses it, with its sentence: what was registered before stays, and it is said again at the next
   * renewal; and after `deregister`.
   */
  update(change: { readonly status?: InstanceStatus; readonly metadata?: ReadonlyMap<string, string> }): Promise<void>;
  /** Takes it out of the registry and stops renewing. Never rejects: a registry that is away forgets by itself. */
  deregister(): Promise<void>;
}

/** What the nodes of a registry that answer say of one instance. */
export interface Listing {
  /** URLs of the nodes that list it, and of those that do not. */
  readonly listing: readonly string[];
  readonly lacking: readonly string[];
}

export interface Naming {
  /**
   * The UP instances of a service now; none when the registry does not know it. Rejects when no node answers and
   * nothing is known from before, and after `close`. Where the registry has a scheduler for this client's zone, the
   * `weight` in their metadata is the final one.
   */
  find(service: string): Promise<readonly Instance[]>;
  /**
   * As `find`, but as a node says it now: nothing from before stands in. Rejects when no node answers, and after
   * `close`.
   */
  findNow(service: string): Promise<readonly Instance[]>;
  /**
   * Calls back with the UP instances of a service: once they are known, and after every change. One subscription a
   * service, or it throws. When every node is away the last list stays; nothing is called. A service that never was
   * there is waited for: nothing is called either (`find` answers none). Never called from inside `subscribe`, nor
   * after `unsubscribe` or `close`; equal lists are not repeated, timestamps aside.
   */
  subscribe(service: string, onChange: (instances: readonly Instance[]) => void): void;
  unsubscribe(service: string): void;
  /**
   * Registers, renews every 30 s, and registers again when the registry has forgotten. Resolves once a node has taken
   * it; while none can be reached it keeps trying (with back-off) and `Registered` is not there yet. Rejects when the
   * registry refuses what is said (the message is its sentence), after `close`, and while this client has that
   * service and id registered.
   */
  register(registration: Registration): Promise<Registered>;
  /**
   * Asks each node that this client was given, and none that it has learned of, whether it lists an instance as UP.
   * Nodes that do not answer, or are not ready to, are in neither list. Never rejects. Absent where there is one node
   * only.
   */
  whoLists?(service: string, id: string): Promise<Listing>;
  /** False while no node answers; absent where that cannot be. */
  readonly isAnswered?: boolean;
  /** Why nodes of the registry are not used, for an operator; '' or absent while all of them are. */
  readonly trouble?: string;
  /** The ids of some instances that are listed and not believed; absent where everything is believed. */
  readonly leftOut?: readonly string[];
  /** Deregisters everything, ends every subscription and request. */
  close(): Promise<void>;
}
