// The account's own state: what it has pinned, muted, hidden and cleared on any device, and hidden messages.

import { Command } from "../../wire/commands.ts";
import { AccountStateChange } from "../../wire/gen/messages/account-state-change.ts";
import { AccountStateReq } from "../../wire/gen/messages/account-state-req.ts";
import { AccountStateResp } from "../../wire/gen/messages/account-state-resp.ts";
import { ConversationClearReq } from "../../wire/gen/messages/conversation-clear-req.ts";
import { MessageHideReq } from "../../wire/gen/messages/message-hide-req.ts";
import { dropOldest } from "../bounded.ts";
import type { Ask } from "../ask.ts";
import type { ConversationList } from "./conversation-list.ts";
import { hidden, type MessageChanges } from "./message-changes.ts";
import type { Partner } from "./messenger-types.ts";
import { keyOf, namesOf, partnerOf } from "./partner.ts";
import type { Timelines } from "./timelines.ts";

/** The bounds on hidden messages and on cleared conversations that are remembered: beyond them, the latest are. */
const goneMax = 10_000;

interface StateOwner {
  readonly ask: Ask;
  /** Rejects with Disconnected, or if a request is refused for good. */
  readonly patientAsk: Ask;
  readonly conversations: ConversationList;
  readonly timelines: Timelines;
  readonly changes: MessageChanges;
}

export class OwnState {
  private readonly owner: StateOwner;
  /** Everything up to here is known. Pushes do not move it: one before them may have been lost. */
  private version = 0n;
  private running: Promise<void> | undefined;
  /** Messages that are not shown, also if they come after they were hidden or cleared. */
  private readonly hidden = new Set<bigint>();
  private readonly cleared = new Map<string, bigint>();

  constructor(owner: StateOwner) {
    this.owner = owner;
  }

  /** Whether a message was hidden or cleared, on any device. */
  isGone(partner: Partner, id: bigint): boolean {
    return this.hidden.has(id) || id <= (this.cleared.get(keyOf(partner)) ?? 0n);
  }

  /** Reads what has changed since the last time. Never rejects: what could not be read, the next sign-in reads. */
  read(): Promise<void> {
    return (this.running ??= this.pages()
      .catch(() => undefined)
      .finally(() => {
        this.running = undefined;
      }));
  }

  /** Another device changed something. */
  pushed(state: AccountStateResp): void {
    const { conversations } = this.owner;
    this.show(state);
    for (const setting of state.conversations) {
      const isNews = setting.pinned || setting.hiddenId === 0n;
      conversations.update(partnerOf(setting), (record) => record.setting(setting), isNews);
    }
    if (state.hiddenMessages.length > 0) conversations.readAgain();
  }

  /** Hides messages; the server takes at most 200. */
  hide(messageIds: readonly bigint[]): Promise<void> {
    return this.vanish(messageIds, undefined, async () => {
      await this.owner.ask(Command.MessageHide, MessageHideReq, { messageIds }, AccountStateChange);
      this.gone(messageIds);
    });
  }

  /** Clears a conversation up to a message. */
  clear(partner: Partner, upTo: bigint): Promise<void> {
    const { ask, conversations, timelines } = this.owner;
    const ids = timelines.of(partner).flatMap((timeline) => timeline.upTo(upTo));
    const last = conversations.get(partner)?.lastMessage?.id ?? 0n;
    const takeAway = last <= upTo ? conversations.set(partner, { isHidden: true }) : undefined;
    return this.vanish(ids, takeAway, async () => {
      const request = { ...namesOf(partner), upTo };
      await ask(Command.ConversationClear, ConversationClearReq, request, AccountStateChange);
      this.clearedTo(partner, upTo);
    });
  }

  /** These messages are gone: hidden, or this account does not see them any more. */
  gone(ids: readonly bigint[]): void {
    for (const id of ids) {
      this.hidden.add(id);
      dropOldest(this.hidden, goneMax);
    }
    this.note(ids);
  }

  /** Shows messages no more; again if the request rejects. The list shows them until it has been read again. */
  private async vanish(
    ids: readonly bigint[],
    takeAlso: (() => void) | undefined,
    request: () => Promise<void>,
  ): Promise<void> {
    const { changes, conversations } = this.owner;
    const takeAways = ids.map((id) => changes.add(id, hidden));
    const note = (): void => {
      for (const id of ids) conversations.noteMessage(id);
      this.note(ids);
    };
    const takeAway = (): void => {
      for (const take of takeAways) take();
      takeAlso?.();
      note();
    };
    note();
    try {
      await request();
    } catch (error) {
      takeAway();
      throw error;
    }
    conversations.readAgain(takeAway);
  }

  /** These messages are shown no more, or again. Of many, a timeline looks at all that it has. */
  private note(ids: readonly bigint[]): void {
    for (const timeline of this.owner.timelines.all()) timeline.note(ids.length > 1 ? 0n : ids[0]);
  }

  private clearedTo(partner: Partner, upTo: bigint): void {
    const key = keyOf(partner);
    if (upTo <= (this.cleared.get(key) ?? 0n)) return;
    this.cleared.set(key, upTo);
    dropOldest(this.cleared, goneMax);
    for (const timeline of this.owner.timelines.of(partner)) timeline.prune(upTo);
  }

  private async pages(): Promise<void> {
    for (let hasMore = true; hasMore;) {
      const request = { sinceVersion: this.version };
      const state = await this.owner.patientAsk(Command.AccountState, AccountStateReq, request, AccountStateResp);
      this.show(state);
      hasMore = state.hasMore && state.version !== this.version;
      this.version = state.version;
    }
  }

  private show({ conversations, hiddenMessages }: AccountStateResp): void {
    for (const setting of conversations) this.clearedTo(partnerOf(setting), setting.clearedTo);
    if (hiddenMessages.length > 0) this.gone(hiddenMessages);
  }
}
