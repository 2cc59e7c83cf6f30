// Chooses the node of the registry to ask. A client's loops share the list, and each rotates on its own, so that a node
// which fails at one thing is still used for others. Order: nodes of the own zone, those of other zones, the configured
// seeds; within each, shuffled to spread clients. Pure.

import { assert } from "../../base/assert.ts";
import type { Random } from "../../base/random.ts";
import type { Instance } from "../instance.ts";
import { originIn, originOf, type Schemes } from "./node-origins.ts";

/** Nodes that are remembered. */
const nodesMax = 256;

/** The known nodes: the seeds, and those that the registry listed last. */
export class NodeList {
  private readonly zone: string;
  private readonly random: Random;
  /** The configured nodes, as origins. */
  readonly seeds: readonly string[];
  private readonly schemes: Schemes;
  private own: readonly string[] = [];
  private others: readonly string[] = [];

  /**
   * Seeds are `http://host:port` or `https://…`; `schemes` are those of nodes that it learns of. Throws an Error that
   * names an invalid seed, or if there are none.
   */
  constructor(seeds: readonly string[], zone: string, random: Random, schemes: Schemes) {
    this.schemes = schemes;
    this.zone = zone;
    this.random = random;
    const origins = seeds.map((seed) => {
      const origin = originOf(seed);
      if (origin === undefined)
        throw new Error(`not the address of a registry node (http://host:port or https://host:port): ${seed}`);
      return origin;
    });
    if (origins.length === 0) throw new Error("no registry node is given");
    this.seeds = shuffled(new Set(origins), random);
  }

  /** Replaces the learned nodes by the UP instances of the registry; keeps them if there are none. */
  learn(instances: readonly Instance[]): void {
    const own = new Set<string>();
    const others = new Set<string>();
    for (const { zone, addrs } of instances.slice(0, nodesMax)) {
      const origin = originIn(addrs, this.schemes);
      if (origin !== undefined) (zone === this.zone ? own : others).add(origin);
    }
    if (own.size + others.size === 0) return;
    this.own = shuffled(own, this.random);
    this.others = shuffled(others, this.random);
  }

  /** All nodes once, best first; never empty. */
  get all(): readonly string[] {
    return [...new Set([...this.own, ...this.others, ...this.seeds])];
  }

  /** The best known nodes: of the own zone, else of the others, else the seeds; never empty. */
  get best(): readonly string[] {
    return [this.own, this.others].find((nodes) => nodes.length > 0) ?? this.seeds;
  }
}

/** One loop's position in the list. */
export class NodeRotation {
  private readonly nodes: NodeList;
  private chosen: string;
  /** Nodes that failed since the last success. */
  private readonly failed = new Set<string>();

  constructor(nodes: NodeList) {
    this.nodes = nodes;
    this.chosen = this.firstOf(nodes.all);
  }

  /** The node to ask. Changes after a failure, by `rotate`, and when the registry no longer lists it. */
  get current(): string {
    const all = this.nodes.all;
    if (!all.includes(this.chosen)) this.chosen = this.firstOf(all);
    return this.chosen;
  }

  /** Moves on from a failed node to the best one that has not failed; when all have, starts over. */
  fail(): void {
    const { current } = this;
    this.failed.add(current);
    const all = this.nodes.all;
    if (all.every((node) => this.failed.has(node))) {
      this.failed.clear();
      if (all.length > 1) this.failed.add(current);
    }
    this.chosen = this.firstOf(all);
  }

  succeed(): void {
    this.failed.clear();
  }

  /** Moves to another of the best nodes, so that a node that returned gets its share again. */
  rotate(): void {
    const best = this.nodes.best;
    this.chosen = best[(best.indexOf(this.current) + 1) % best.length] ?? this.chosen;
  }

  private firstOf(all: readonly string[]): string {
    const first = all.find((node) => !this.failed.has(node)) ?? all[0];
    assert(first !== undefined, "a list of nodes is never empty");
    return first;
  }
}

function shuffled(nodes: ReadonlySet<string>, random: Random): string[] {
  return [...nodes]
    .map((node) => ({ node, rank: random.uint32() }))
    .toSorted((one, other) => one.rank - other.rank)
    .map(({ node }) => node);
}
