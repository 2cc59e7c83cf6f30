// What nodes of the registry say to each other: two questions, each with its answer. Plain values; how they travel is
// the business of `http/peer-network.ts`, of a simulation, or of nobody.

import type { EntryState } from "../table/entry.ts";
import type { Identity } from "../instance.ts";

/** What a node says of itself in every message. */
export interface NodeInfo {
  /** Made at each start of a node; '' for a node of the original implementation, which has none. */
  readonly incarnation: string;
  /** `host:port` where it can be reached; '' where it does not say. */
  readonly address: string;
  /** '' for a node of the original implementation, which does not say. */
  readonly zone: string;
  /** The reading of its hybrid clock. */
  readonly clock: bigint;
  /** It has only just started, and its table is not yet what it should be. */
  readonly isStarting: boolean;
}

/** "That instance was renewed": without its state, which the other one has. */
export interface Renewal {
  readonly identity: Identity;
  readonly dirty: bigint;
  readonly ageMs: number;
}

/** States and renewals that the receiver should have. */
export interface Replicate {
  readonly kind: "replicate";
  readonly node: NodeInfo;
  /** From another zone: the receiver passes it on in its own. */
  readonly isSpread: boolean;
  readonly states: readonly EntryState[];
  readonly renewals: readonly Renewal[];
}

/** The receiver says what its table has otherwise, from one bucket on. */
export interface Compare {
  readonly kind: "compare";
  readonly node: NodeInfo;
  /** The sender's digest as text; '' for an empty table: everything is otherwise. */
  readonly digest: string;
  readonly fromBucket: number;
}

export interface Replicated {
  readonly kind: "replicated";
  readonly node: NodeInfo;
  /** Renewals, by their index, of instances that the receiver does not have in that version. */
  readonly wanted: readonly number[];
  /** What the receiver has newer than the sender. */
  readonly newer: readonly EntryState[];
}

export interface Compared {
  readonly kind: "compared";
  readonly node: NodeInfo;
  /** The buckets that differ, of those before `nextBucket` … */
  readonly differing: readonly number[];
  /** … and all states that the receiver has in them. */
  readonly states: readonly EntryState[];
  /** Where to go on; undefined when that was all. */
  readonly nextBucket: number | undefined;
}

/** Why there is no answer. */
export interface PeerFailure {
  readonly kind: "failed";
  /** `unreachable`: it did not answer; `refused`: it does not accept us; `garbage`: it is not what we think. */
  readonly reason: "unreachable" | "refused" | "garbage";
  /** For the log. */
  readonly sentence: string;
}

/** Carries messages to other nodes. */
export interface PeerNetwork {
  /** Asks the node at `address` (`host:port`); calls back exactly once, within a few seconds, never in this turn. */
  replicate(address: string, message: Replicate, done: (reply: Replicated | PeerFailure) => void): void;
  compare(address: string, message: Compare, done: (reply: Compared | PeerFailure) => void): void;
  /**
   * How far the clocks of nodes of the original implementation are behind this node's versions, which are ahead of its
   * own clock by `leadNs`, in nanoseconds: the most of any; 0 while nothing shows that one is. Absent where there can
   * be none.
   */
  lagNs?(leadNs: bigint): bigint;
  /** How far the clock of a node of the original implementation is ahead of this machine's for sure, in nanoseconds. */
  aheadNs?(): bigint;
}

/** States and renewals in one message, so that a message stays well below the bound on bodies. */
export const statesPerMessage = 200;
export const renewalsPerMessage = 5_000;
