// What a micro case is: a piece of the server's own code under a name, with input that never changes. It runs over and
// over in the bench, and once in the tests, so that none rots.

/** One measured piece of work. */
export interface Case {
  /** `topic/what`. Says how many things one run does, where it is more than one. */
  readonly name: string;
  /** Does the work once. What it gives back is only kept from being optimised away; a promise is waited for. */
  readonly run: () => unknown;
}

/** The cases about one thing, with what they need standing. */
export interface Topic {
  readonly cases: readonly Case[];
  /** Takes down what the cases needed. */
  readonly close?: () => Promise<void>;
}
