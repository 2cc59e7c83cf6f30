// The messages between nodes of the registry: two requests and their answers, as plain values.
// `http/peer-network.ts` or a simulation carries them.

import type { EntryState } from "../table/entry.ts";
import type { Identity } from "../instance.ts";

/** A node's description of itself, in every message. */
export interface NodeInfo {
  /** The id of one run of a node; '' for an original node, which has none. */
  readonly incarnation: string;
  /** `host:port` at which it can be reached; '' if unknown. */
  readonly address: string;
  /** '' for an original node, which does not send it. */
  readonly zone: string;
  /** The reading of its hybrid clock. */
  readonly clock: bigint;
  /** It has just started, and its table is not complete. */
  readonly isStarting: boolean;
}

/** A renewal without the state, which the receiver has. */
export interface Renewal {
  readonly identity: Identity;
  readonly dirty: bigint;
  readonly ageMs: number;
}

/** States and renewals for the receiver to merge. */
export interface Replicate {
  readonly kind: "replicate";
  readonly node: NodeInfo;
  /** From another zone: the receiver forwards it in its own. */
  readonly isSpread: boolean;
  readonly states: readonly EntryState[];
  readonly renewals: readonly Renewal[];
}

/** Asks for the differences of the receiver's table, from one bucket on. */
export interface Compare {
  readonly kind: "compare";
  readonly node: NodeInfo;
  /** The sender's digest as text; '' for an empty table, from which everything differs. */
  readonly digest: string;
  readonly fromBucket: number;
}

export interface Replicated {
  readonly kind: "replicated";
  readonly node: NodeInfo;
  /** Indexes of renewals of instances that the receiver does not have in that version. */
  readonly wanted: readonly number[];
  /** States that are newer at the receiver. */
  readonly newer: readonly EntryState[];
}

export interface Compared {
  readonly kind: "compared";
  readonly node: NodeInfo;
  /** The buckets that differ, of those before `nextBucket` … */
  readonly differing: readonly number[];
  /** … and all states that the receiver has in them. */
  readonly states: readonly EntryState[];
  /** Where the next part starts; undefined after the last one. */
  readonly nextBucket: number | undefined;
}

/** A request that failed. */
export interface PeerFailure {
  readonly kind: "failed";
  /** `unreachable`: it did not answer; `refused`: it refuses this node; `garbage`: its answer is malformed. */
  readonly reason: "unreachable" | "refused" | "garbage";
  /** For the log. */
  readonly sentence: string;
}

/** Carries messages to other nodes. */
export interface PeerNetwork {
  /** Sends a request to a node, `host:port`; calls back exactly once, within a few seconds, never in this turn. */
  replicate(address: string, message: Replicate, done: (reply: Replicated | PeerFailure) => void): void;
  compare(address: string, message: Compare, done: (reply: Compared | PeerFailure) => void): void;
  /**
   * Returns the largest lag, in nanoseconds, of an original node's clock behind this node's versions, which are ahead
   * of its own clock by `leadNs`; 0 if none is known. Absent if there are no such nodes.
   */
  lagNs?(leadNs: bigint): bigint;
  /** Returns how far an original node's clock is certainly ahead of this machine's, in nanoseconds. */
  aheadNs?(): bigint;
}

/** States and renewals per message, so that it stays well below the bound on bodies. */
export const statesPerMessage = 200;
export const renewalsPerMessage = 5_000;
