// The live list of this account's groups.

import type { GroupState } from "./community-types.ts";

/** The groups of this account, in the order of joining. It is read when `ready` is first called, and current from then on. */
export abstract class GroupList implements Iterable<GroupState> {
  /** Another array after each change; empty until it was read. */
  abstract readonly items: readonly GroupState[];
  abstract [Symbol.iterator](): Iterator<GroupState>;
  /** Whether it was read. */
  abstract readonly isReady: boolean;
  /** Resolves when it has been read; waits for a connection. Rejects as requests do. */
  abstract ready(): Promise<void>;
  abstract get(id: string): GroupState | undefined;
}
