// Profiles of accounts, fetched as they are shown.

import type { Profile } from "./community-types.ts";

/** The last 2,000 that were shown are kept. One that is shown again after 10 minutes is asked for again. */
export abstract class Profiles {
  /**
   * What is known now; undefined if nothing is. Asks the server for what is not known or old, together with others of
   * the same turn: the event `profilesChanged` tells.
   */
  abstract of(account: string): Profile | undefined;

  /** Profiles of any number of accounts, those that are kept and those that are not. Rejects as requests do. */
  abstract load(accounts: Iterable<string>): Promise<ReadonlyMap<string, Profile>>;
}
