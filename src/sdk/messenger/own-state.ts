// The account's own state: what it has pinned, muted, hidden and cleared on any device, and hidden messages.

import { Command } from "../../wire/commands.ts";
import { AccountStateReq } from "../../wire/gen/messages/account-state-req.ts";
import { AccountStateResp } from "../../wire/gen/messages/account-state-resp.ts";
import type { Ask } from "./ask.ts";
import type { ConversationList } from "./conversation-list.ts";
import type { Partner } from "./messenger-types.ts";
import { partnerOf } from "./partner.ts";
import type { Timelines } from "./timelines.ts";

export class OwnState {
  private readonly ask: Ask;
  private readonly conversations: ConversationList;
  private readonly timelines: Timelines;
  /** Everything up to here is known. Pushes do not move it: one before them may have been lost. */
  private version = 0n;
  private running: Promise<void> | undefined;

  constructor(ask: Ask, conversations: ConversationList, timelines: Timelines) {
    this.ask = ask;
    this.conversations = conversations;
    this.timelines = timelines;
  }

  /**
   * Reads what has changed since the last time, for the timelines: the list has it when it is read next. Never rejects:
   * what could not be read, the next time reads.
   */
  read(): Promise<void> {
    this.running ??= this.pages()
      .catch(() => undefined)
      .finally(() => {
        this.running = undefined;
      });
    return this.running;
  }

  /** Another device changed something. */
  pushed(state: AccountStateResp): void {
    this.show(state);
    for (const setting of state.conversations) {
      const isNews = setting.pinned || setting.hiddenId === 0n;
      this.conversations.update(partnerOf(setting), (record) => record.setting(setting), isNews);
    }
    if (state.hiddenMessages.length > 0) this.conversations.readAgain();
  }

  /** This device hid messages. */
  hidden(ids: readonly bigint[]): void {
    for (const timeline of this.timelines.all()) timeline.remove(ids);
    this.conversations.readAgain();
  }

  /** This device cleared a conversation. */
  cleared(partner: Partner, upTo: bigint): void {
    for (const timeline of this.timelines.of(partner)) timeline.clear(upTo);
    this.conversations.readAgain();
  }

  private async pages(): Promise<void> {
    for (let hasMore = true; hasMore;) {
      const request = { sinceVersion: this.version };
      const state = await this.ask(Command.AccountState, AccountStateReq, request, AccountStateResp);
      this.show(state);
      hasMore = state.hasMore && state.version > this.version;
      this.version = state.version;
    }
  }

  private show({ conversations, hiddenMessages }: AccountStateResp): void {
    for (const setting of conversations)
      for (const timeline of this.timelines.of(partnerOf(setting))) timeline.clear(setting.clearedTo);
    for (const timeline of this.timelines.all()) timeline.remove(hiddenMessages);
  }
}
