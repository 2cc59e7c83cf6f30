// Finds out which of the accounts that a text mentions belong to its conversation: the server refuses a message that
// mentions another one. Of a group, members are read in pages, until those in the text are found.

import { isWorthRepeating, RequestRefused } from "../../sdk/client-errors.ts";
import type { GroupChange } from "../../sdk/community/community-types.ts";
import type { Community } from "../../sdk/community/community.ts";
import type { Messenger } from "../../sdk/messenger/messenger.ts";
import type { Partner } from "../../sdk/messenger/messenger-types.ts";
import { hasMention, mentionsIn } from "./mentions.ts";

/** Members of a group, as far as they were read. */
interface Known {
  readonly group: string;
  readonly members: Set<string>;
  /** Whether nobody else is a member. */
  isWhole: boolean;
}

export class MentionedMembers {
  private readonly community: Community;
  /** The group that was asked for last: also for messages without a connection. */
  private known: Known | undefined;

  constructor(messenger: Messenger, community: Community) {
    this.community = community;
    community.on("groupChanged", (change) => this.changed(change));
    // What happened meanwhile may never be told.
    messenger.on("online", () => {
      this.known = undefined;
    });
  }

  /** Returns the members that a text mentions; none if the members are unknown and cannot be asked for now. */
  async mentionsIn(text: string, partner: Partner): Promise<string[]> {
    if (!hasMention(text)) return [];
    if ("account" in partner) return mentionsIn(text, (account) => account === partner.account);
    const { group } = partner;
    const named = namesIn(text);
    let mayMentionAll = false;
    try {
      // Only the owner and the admins mention everybody.
      if (named.delete("*")) mayMentionAll = (await this.community.group(group).detail()).role !== "member";
      if (!mayMentionAll) await this.read(group, named);
    } catch (error) {
      // The message is sent nevertheless, and its own answer tells of what is wrong.
      if (!(error instanceof RequestRefused) && !isWorthRepeating(error)) throw error;
    }
    const { known } = this;
    const members: ReadonlySet<string> = known?.group === group ? known.members : new Set();
    return mentionsIn(text, (name) => (name === "*" ? mayMentionAll : members.has(name)));
  }

  /** Reads members of a group until these are found, or it has no more. */
  private async read(group: string, names: ReadonlySet<string>): Promise<void> {
    if (this.known?.group !== group) this.known = { group, members: new Set(), isWhole: false };
    const { known } = this;
    const isDone = (): boolean => known.isWhole || names.isSubsetOf(known.members);
    if (isDone()) return;
    for await (const { members } of this.community.group(group).members()) {
      for (const { account } of members) known.members.add(account);
      if (isDone()) return;
    }
    known.isWhole = true;
  }

  private changed({ group, kind, accounts, count }: GroupChange): void {
    const { known } = this;
    if (known?.group !== group) return;
    const isOut = kind === "left" || kind === "removed";
    if (kind !== "joined" && !isOut) return;
    // An entry does not name all of many.
    if (count > accounts.length) this.known = undefined;
    for (const account of accounts) {
      if (isOut) known.members.delete(account);
      else known.members.add(account);
    }
  }
}

/** All that a text may mention: `@bob.` may be `bob.`, or `bob`. */
function namesIn(text: string): Set<string> {
  const names = new Set<string>();
  mentionsIn(text, (name) => {
    names.add(name);
    return false;
  });
  return names;
}
