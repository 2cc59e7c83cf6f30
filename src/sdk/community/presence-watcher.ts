// Who is online: what views watch, watched by one connection together.

import type { Presence, Watch } from "./community-types.ts";

/** At most 1,000 accounts together; what several watches have counts once. */
export abstract class PresenceWatcher {
  /**
   * Watches accounts until it is closed. Those of one turn go out together, and again after each sign-in.
   * @throws RangeError if more than 1,000 accounts were watched then
   */
  abstract watch(accounts: Iterable<string>): Watch;
  /** What is known of a watched account. */
  abstract of(account: string): Presence | undefined;
}
