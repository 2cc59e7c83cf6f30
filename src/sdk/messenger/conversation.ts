// One conversation, as an application uses it.

import { Command } from "../../wire/commands.ts";
import { AccountStateChange } from "../../wire/gen/messages/account-state-change.ts";
import { ConversationSetReq } from "../../wire/gen/messages/conversation-set-req.ts";
import type { ConversationList } from "./conversation-list.ts";
import type { Settings } from "./conversation-record.ts";
import { historyPages, readHistory } from "./history.ts";
import type {
  ChatMessage,
  ConversationState,
  Draft,
  HistoryOptions,
  HistoryPage,
  Partner,
  Timeline,
} from "./messenger-types.ts";
import type { Outbox } from "./outbox.ts";
import type { OwnState } from "./own-state.ts";
import { namesOf } from "./partner.ts";
import type { ReadMarks } from "./read-marks.ts";
import type { TimelineOwner } from "./timeline.ts";
import type { Timelines } from "./timelines.ts";

export interface ConversationOwner extends TimelineOwner {
  readonly conversations: ConversationList;
  readonly timelines: Timelines;
  readonly ownState: OwnState;
  readonly marks: ReadMarks;
  readonly outbox: Outbox;
}

/** Keeps nothing of its own: two of the same partner are alike. */
export class Conversation {
  readonly partner: Partner;
  private readonly owner: ConversationOwner;

  constructor(owner: ConversationOwner, partner: Partner) {
    this.owner = owner;
    this.partner = partner;
  }

  /** What the list knows of it; undefined if it is not loaded. */
  get state(): ConversationState | undefined {
    return this.owner.conversations.get(this.partner);
  }

  /** Pages, as `HistoryOptions` says; ends after the last one. */
  history(options: HistoryOptions = {}): AsyncIterableIterator<HistoryPage> {
    return historyPages(this.owner.ask, namesOf(this.partner), options);
  }

  /** Opens a live view with the newest page (`limit` messages, default 50). Several may be open. */
  timeline({ limit = 50 }: { readonly limit?: number } = {}): Promise<Timeline> {
    return this.owner.timelines.start(this.owner, this.partner, limit);
  }

  /** Puts a message into the outbox and returns it immediately; it is sent in order, and again until it is stored. */
  send(draft: Draft): ChatMessage {
    return this.owner.outbox.add(this.partner, draft);
  }

  /**
   * Marks as read up to a message, by default the last one. The list shows it at once. Without a connection it is
   * remembered until the next sign-in.
   */
  async markRead(upTo?: bigint): Promise<void> {
    const id = upTo ?? this.state?.lastMessage?.id ?? (await this.lastId());
    if (id > 0n) await this.owner.marks.mark(this.partner, id);
  }

  pin(isPinned = true): Promise<void> {
    return this.set({ pinned: isPinned }, { isPinned });
  }

  mute(isMuted = true): Promise<void> {
    return this.set({ muted: isMuted }, { isMuted });
  }

  /** Gone from the list until its next message. */
  hide(isHidden = true): Promise<void> {
    return this.set({ hidden: isHidden }, { isHidden });
  }

  /** Nothing up to a message, by default the last one, is shown to this account any more. */
  async clear(upTo?: bigint): Promise<void> {
    const id = upTo ?? (await this.lastId());
    if (id > 0n) await this.owner.ownState.clear(this.partner, id);
  }

  /** Asks for the last message, which the list may not have. */
  private async lastId(): Promise<bigint> {
    const { messages } = await readHistory(this.owner.ask, { ...namesOf(this.partner), limit: 1 });
    return messages[0]?.id ?? 0n;
  }

  private async set(change: Pick<ConversationSetReq, "pinned" | "muted" | "hidden">, shown: Settings): Promise<void> {
    const { ask, conversations } = this.owner;
    const takeAway = conversations.set(this.partner, shown);
    try {
      const request = { ...namesOf(this.partner), ...change };
      const { version } = await ask(Command.ConversationSet, ConversationSetReq, request, AccountStateChange);
      conversations.update(
        this.partner,
        (record) => record.confirmed(shown, version),
        shown.isPinned === true || shown.isHidden === false,
      );
    } finally {
      takeAway();
    }
  }
}
