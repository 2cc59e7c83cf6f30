// Finds out which of the accounts that a text mentions belong to its conversation: the server refuses a message that
// mentions another one.

import { isWorthRepeating, RequestRefused } from "../../sdk/client-errors.ts";
import type { Messenger } from "../../sdk/messenger/messenger.ts";
import type { Partner } from "../../sdk/messenger/messenger-types.ts";
import { hasMention, mentionsIn } from "./mentions.ts";

type IsMember = (account: string) => boolean;

export class MentionedMembers {
  private readonly messenger: Messenger;
  /** The group that was asked for last, for messages without a connection. */
  private known: { readonly group: string; readonly isMember: IsMember } | undefined;

  constructor(messenger: Messenger) {
    this.messenger = messenger;
  }

  /** Returns the members that a text mentions; none if the members are unknown and cannot be asked for now. */
  async mentionsIn(text: string, partner: Partner): Promise<string[]> {
    if (!hasMention(text)) return [];
    if ("account" in partner) return mentionsIn(text, (account) => account === partner.account);
    const isMember = await this.membersOf(partner.group);
    return isMember === undefined ? [] : mentionsIn(text, isMember);
  }

  private async membersOf(group: string): Promise<IsMember | undefined> {
    try {
      const { owner, members } = await this.messenger.group(group);
      const accounts = new Set(members.map(({ account }) => account));
      // Only the owner mentions everybody.
      const isMember: IsMember = (account) =>
        account === "*" ? owner === this.messenger.account : accounts.has(account);
      this.known = { group, isMember };
    } catch (error) {
      // The message is sent nevertheless, and its own answer tells of what is wrong.
      if (!(error instanceof RequestRefused) && !isWorthRepeating(error)) throw error;
    }
    return this.known?.group === group ? this.known.isMember : undefined;
  }
}
