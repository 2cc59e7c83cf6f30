// Chooses one node after the other. The position belongs to one gateway and one service: a selector is not shared.

import type { Random } from "../../base/random.ts";
import type { NodeView, Selector } from "./selector.ts";

/** Starts at a random node, or gateways that start together would all begin with the same one. */
export class RoundRobinSelector implements Selector {
  readonly isSticky = false;
  private turn: number;

  constructor(random: Random) {
    this.turn = random.uint32();
  }

  choose<Node extends NodeView>(nodes: readonly Node[]): Node | undefined {
    if (nodes.length === 0) return undefined;
    const at = this.turn % nodes.length;
    this.turn = at + 1;
    return nodes[at];
  }
}
