// A selector chooses the node of a service that takes a connection's packets. It chooses once for a connection and a
// service, and again when the available nodes change; between two choices all packets go to one node, which keeps their
// order. So a choice may be random.

/** A node of a service, as selectors see it. */
export interface NodeView {
  /** The service id. */
  readonly id: string;
  readonly zone: string;
  /** From 0 to the registry's `weightMax`; whatever else counts as 1. */
  readonly weight: number;
  /** Connections that it serves, as far as is known. */
  readonly load: number;
}

/** For whom a node is chosen. */
export interface SelectionKey {
  readonly channelId: string;
  /** '' when it is not known, as the account. */
  readonly app: string;
  readonly account: string;
}

/** Chooses among the nodes of one service. */
export interface Selector {
  /** True: when nodes come or go, connections stay where they are if they can. False: each is chosen for again. */
  readonly isSticky: boolean;

  /**
   * One of `nodes`, which are ordered by the bytes of their ids and keep their order until one comes or goes. Undefined
   * only when there are none. Allocates nothing.
   */
  choose<Node extends NodeView>(nodes: readonly Node[], key: SelectionKey): Node | undefined;
}
