// Chooses a node at random, each with the same probability.

import type { Random } from "../../base/random.ts";
import type { NodeView, Selector } from "./selector.ts";

/** Returns one of `nodes`; undefined if there are none. */
export function pickRandom<Node>(nodes: readonly Node[], random: Random): Node | undefined {
  return nodes[random.uint32() % nodes.length];
}

/** By chance. */
export class RandomSelector implements Selector {
  readonly isSticky = false;
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  choose<Node extends NodeView>(nodes: readonly Node[]): Node | undefined {
    return pickRandom(nodes, this.random);
  }
}
