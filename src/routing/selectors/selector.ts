// A selector chooses the node of a service that takes a connection's packets. It chooses once for a connection and a
// service, and again when the available nodes change; between two choices all packets go to one node, which keeps their
// order. So a choice may be random.

/** A node of a service, as selectors see it. */
export interface NodeView {
  /** The service id. */
  readonly id: string;
  readonly zone: string;
  /** From 0 to the registry's `weightMax`; any other value counts as 1. */
  readonly weight: number;
  /** The number of its connections, as far as it is known. */
  readonly load: number;
}

/** The connection for which a node is chosen. */
export interface SelectionKey {
  readonly channelId: string;
  /** '' if it is unknown, like the account. */
  readonly app: string;
  readonly account: string;
}

/** Chooses among the nodes of one service. */
export interface Selector {
  /** True: connections keep their node when others come or go. False: each connection chooses again. */
  readonly isSticky: boolean;

  /**
   * One of `nodes`, which are ordered by the bytes of their ids and keep their order until one comes or goes. Undefined
   * only when there are none. Allocates nothing.
   */
  choose<Node extends NodeView>(nodes: readonly Node[], key: SelectionKey): Node | undefined;
}
