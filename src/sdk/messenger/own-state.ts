// The account's own state: what it has pinned, muted, hidden and cleared on any device, and hidden messages.

import { Command } from "../../wire/commands.ts";
import { AccountStateReq } from "../../wire/gen/messages/account-state-req.ts";
import { AccountStateResp } from "../../wire/gen/messages/account-state-resp.ts";
import type { Ask } from "./ask.ts";

export class OwnState {
  private readonly ask: Ask;
  private readonly changed: (state: AccountStateResp) => void;
  /** Everything up to here is known. Pushes do not move it: one before them may have been lost. */
  private version = 0n;
  private running: Promise<void> | undefined;

  constructor(ask: Ask, changed: (state: AccountStateResp) => void) {
    this.ask = ask;
    this.changed = changed;
  }

  /** Reads what has changed since the last time. Rejects as requests do; then the next time reads it. */
  read(): Promise<void> {
    this.running ??= this.pages().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async pages(): Promise<void> {
    for (let hasMore = true; hasMore;) {
      const request = { sinceVersion: this.version };
      const state = await this.ask(Command.AccountState, AccountStateReq, request, AccountStateResp);
      this.changed(state);
      hasMore = state.hasMore && state.version > this.version;
      this.version = state.version;
    }
  }
}
