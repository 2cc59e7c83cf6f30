// The network between the simulated nodes of a registry: it loses, doubles, reorders and delays messages while it is
// troubled, and parts of it may be cut off from each other.

import type { EntryState } from "../../src/registry/table/entry.ts";
import type { RegistryNode } from "../../src/registry/node/registry-node.ts";
import type { PeerFailure, PeerNetwork } from "../../src/registry/replication/peer-messages.ts";
import type { Random } from "../support/random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Ways to break replication on purpose: each must be caught. */
export type Sabotage = "no tombstones" | "ages are reset" | "last arrival wins";

const networkTimeoutMs = 5_000;

export class Node {
  readonly address: string;
  readonly zone: string;
  readonly skewMs: number;
  registry: RegistryNode | undefined;

  constructor(address: string, zone: string, skewMs: number) {
    this.address = address;
    this.zone = zone;
    this.skewMs = skewMs;
  }
}

export class RegistryNetwork {
  isTroubled = true;
  /** Pairs of addresses that cannot reach each other. */
  private readonly cuts = new Set<string>();
  private readonly time: VirtualTime;
  private readonly random: Random;
  private readonly nodes: readonly Node[];
  private readonly sabotage: Sabotage | undefined;

  /** The caller may add to the nodes later. */
  constructor(time: VirtualTime, random: Random, nodes: readonly Node[], sabotage: Sabotage | undefined) {
    this.time = time;
    this.random = random;
    this.nodes = nodes;
    this.sabotage = sabotage;
  }

  part(one: Node, other: Node): void {
    this.cuts.add(`${one.address} ${other.address}`);
  }

  /** Ends every cut. */
  join(): void {
    this.cuts.clear();
  }

  /** The network as this node sees it. */
  of(from: Node): PeerNetwork {
    const exchange = <Reply>(
      address: string,
      handle: (registry: RegistryNode) => Reply,
      done: (reply: Reply | PeerFailure) => void,
    ): void => {
      const sender = from.registry;
      let isOver = false;
      const end = (reply: Reply | PeerFailure): void => {
        if (isOver) return;
        isOver = true;
        if (from.registry === sender) done(reply);
      };
      const failed: PeerFailure = { kind: "failed", reason: "unreachable", sentence: "no answer" };
      this.time.after(networkTimeoutMs, () => end(failed));
      const arrive = (): void => {
        const receiver = this.nodes.find((node) => node.address === address)?.registry;
        if (receiver === undefined || this.isCut(from.address, address)) return;
        const reply = handle(receiver);
        if (this.isLost()) return;
        this.time.after(this.delayMs(), () => {
          if (!this.isCut(from.address, address)) end(reply);
        });
      };
      if (!this.isLost()) this.time.after(this.delayMs(), arrive);
      if (this.isTroubled && this.random.once(10)) this.time.after(this.delayMs() * 5, arrive);
    };
    return {
      replicate: (address, message, done) => {
        const states = message.states.flatMap((state) => this.sabotaged(state));
        exchange(address, (registry) => registry.replication.onReplicate({ ...message, states }), done);
      },
      compare: (address, message, done) => {
        exchange(
          address,
          (registry) => {
            const reply = registry.replication.onCompare(message);
            return { ...reply, states: reply.states.flatMap((state) => this.sabotaged(state)) };
          },
          done,
        );
      },
    };
  }

  private sabotaged(state: EntryState): EntryState[] {
    switch (this.sabotage) {
      case "no tombstones":
        return state.instance === undefined ? [] : [state];
      case "ages are reset":
        return [{ ...state, ageMs: 0 }];
      case "last arrival wins":
        return [{ ...state, dirty: BigInt(Math.round((1_800_000_000_000 + this.time.nowMs) * 1e6)) }];
      case undefined:
        return [state];
    }
  }

  private isLost(): boolean {
    return this.isTroubled && this.random.once(8);
  }

  private delayMs(): number {
    if (!this.isTroubled) return 1 + this.random.below(10);
    return this.random.once(20) ? this.random.below(4_000) : 1 + this.random.below(200);
  }

  private isCut(one: string, other: string): boolean {
    return this.cuts.has(`${one} ${other}`) || this.cuts.has(`${other} ${one}`);
  }
}
