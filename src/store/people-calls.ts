// The part of a PeopleStore that the engines share: calls that write become jobs. Reading is up to the engine.

import type { PeopleCall } from "./change-jobs.ts";
import type { SettingOutcome } from "./conversations.ts";
import type { BlockChange, BlockOutcome, ConsentChange, PeopleStore, ProfileChange } from "./people.ts";

/** Commits a call. `characters`: of its texts. */
export type WritePeople = (call: PeopleCall, characters: number) => Promise<BlockOutcome>;

/** An engine's class adds the calls that read, and `markSeen`, which takes no lock of messages. */
export abstract class PeopleCalls implements Pick<PeopleStore, "block" | "setConsent" | "setProfile"> {
  private readonly write: WritePeople;

  constructor(write: WritePeople) {
    this.write = write;
  }

  block(change: BlockChange): Promise<BlockOutcome> {
    return this.write({ call: "block", ...change }, 0);
  }

  setConsent(change: ConsentChange): Promise<SettingOutcome> {
    return this.write({ call: "consent", ...change }, 0);
  }

  setProfile(change: ProfileChange): Promise<SettingOutcome> {
    const { name = "", avatar = "", extra = "" } = change;
    return this.write({ call: "profile", ...change }, name.length + avatar.length + extra.length);
  }
}
