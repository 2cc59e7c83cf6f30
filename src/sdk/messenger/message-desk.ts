// Changes of messages, by this device and by others: shown, fetched where somebody shows them, and told of.

import { EntryResp } from "../../wire/gen/messages/entry-resp.ts";
import type { MessageInit, MessageType } from "../../wire/message-type.ts";
import type { Emitter } from "../emitter.ts";
import type { Environment } from "../environment.ts";
import type { Ask } from "../ask.ts";
import type { ConversationList } from "./conversation-list.ts";
import type { MessageChange, MessageChanges } from "./message-changes.ts";
import { type Found, MessageFetcher } from "./message-fetcher.ts";
import type { MessengerEvents, Partner } from "./messenger-types.ts";
import type { Timelines } from "./timelines.ts";

export type ChangeKind = MessengerEvents["messageChanged"]["kind"];

interface DeskOwner {
  readonly ask: Ask;
  /** Rejects with Disconnected, or if a request is refused for good. */
  readonly patientAsk: Ask;
  readonly environment: Environment;
  readonly notices: Emitter<MessengerEvents>;
  readonly conversations: ConversationList;
  readonly timelines: Timelines;
  /** Those that the server has not confirmed. */
  readonly changes: MessageChanges;
  /** This account does not see a message any more. */
  gone(ids: readonly bigint[]): void;
  account(): string;
  /** Records an entry of this device's; returns whether it is new. */
  stored(entryId: bigint): boolean;
}

export class MessageDesk {
  readonly fetcher: MessageFetcher;
  private readonly owner: DeskOwner;

  constructor(owner: DeskOwner) {
    this.owner = owner;
    this.fetcher = new MessageFetcher(owner.patientAsk, owner.environment, (id, found) => {
      if (found === undefined) return owner.gone([id]);
      for (const timeline of owner.timelines.all()) timeline.refreshed(found.message);
      owner.conversations.update(found.partner, (record) => record.refreshed(found.message));
    });
  }

  /** Somebody changed a message, on another device. */
  async changed(partner: Partner, kind: ChangeKind, actor: string, messageId: bigint): Promise<void> {
    const { conversations, notices } = this.owner;
    if (kind === "recalled") conversations.update(partner, (record) => record.recalled(messageId));
    const found = await this.refresh(messageId, kind);
    void notices.emit("messageChanged", { partner, kind, actor, messageId, message: found?.message });
  }

  /** Shows a change, has the server make it, and shows the message as it is then. */
  async change<Request>(
    kind: ChangeKind,
    messageId: bigint,
    change: MessageChange,
    command: string,
    type: MessageType<Request>,
    request: MessageInit<NoInfer<Request>>,
  ): Promise<void> {
    const { owner } = this;
    const remove = owner.changes.add(messageId, change);
    const takeAway = (): void => {
      remove();
      this.note(messageId);
    };
    this.note(messageId);
    let isNew = false;
    try {
      const { entryId } = await owner.ask(command, type, request, EntryResp);
      isNew = entryId > 0n && owner.stored(entryId);
    } catch (error) {
      takeAway();
      throw error;
    }
    void this.refresh(messageId, kind).then((found) => {
      takeAway();
      if (isNew && found !== undefined)
        void owner.notices.emit("messageChanged", { ...found, kind, actor: owner.account(), messageId });
    });
  }

  /** Fetches a message that has changed, if somebody shows it or wants to know. */
  private async refresh(id: bigint, kind: ChangeKind): Promise<Found | undefined> {
    for (const timeline of this.owner.timelines.all()) timeline.changed(id, kind === "recalled");
    return this.isWanted(id) ? this.fetcher.fetch(id) : undefined;
  }

  private isWanted(id: bigint): boolean {
    const { conversations, timelines, notices } = this.owner;
    if (notices.has("messageChanged") || conversations.shows(id)) return true;
    return [...timelines.all()].some((timeline) => timeline.has(id));
  }

  private note(id: bigint): void {
    this.owner.conversations.noteMessage(id);
    for (const timeline of this.owner.timelines.all()) if (timeline.has(id)) timeline.note(id);
  }
}
