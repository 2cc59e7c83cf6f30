// What is known of a listed conversation: what the list said, and what has happened since.

import type { Conversation } from "../../wire/gen/messages/conversation.ts";
import type { ConversationSetting } from "../../wire/gen/messages/conversation-setting.ts";
import { blank, messageNow } from "./chat-message.ts";
import type { ChatMessage, ConversationState } from "./messenger-types.ts";
import { keyOf, partnerOf } from "./partner.ts";

export type Settings = Partial<Pick<ConversationState, "isPinned" | "isMuted" | "isHidden">>;

/** The bound on unread messages that are known one by one; the server counts no more either. */
const unreadMax = 1_000;

export class ConversationRecord {
  state: ConversationState;
  /** The list has counted everything up to this message. */
  private readonly listedId: bigint;
  /** Unread messages since then, and whether each mentions this account. */
  private readonly unread = new Map<bigint, boolean>();
  private version = 0n;
  private hiddenId = 0n;
  /** Whether `unread` is what the server would count. */
  private isCounted = true;

  constructor(listed: Conversation) {
    const { account, group, lastMessage: last, atLeast: isAtLeast, pinned: isPinned, ...rest } = listed;
    const { muted: isMuted, hidden: isHidden, ...counts } = rest;
    const partner = partnerOf({ account, group });
    const lastMessage = last && messageNow(last);
    this.listedId = counts.activityId;
    this.state = { ...counts, key: keyOf(partner), partner, lastMessage, isAtLeast, isPinned, isMuted, isHidden };
  }

  /** A message was stored. */
  arrived(message: ChatMessage, isMine: boolean, isMention: boolean): void {
    const { id } = message;
    if (id <= this.listedId || this.unread.has(id)) return;
    const { activityId, lastMessage, readId, unread, unreadMentions } = this.state;
    if (id > (lastMessage?.id ?? 0n)) this.set({ lastMessage: message });
    this.set({ activityId: id > activityId ? id : activityId });
    if (id > this.hiddenId) this.set({ isHidden: false });
    if (isMine || id <= readId) return;
    if (unread >= unreadMax) return this.set({ isAtLeast: true });
    this.unread.set(id, isMention);
    this.set({ unread: unread + 1, unreadMentions: unreadMentions + (isMention ? 1 : 0) });
  }

  /** Read up to a message. Returns whether the count is known; otherwise the list must be read again. */
  read(upTo: bigint): boolean {
    if (upTo > this.state.readId) {
      this.set({ readId: upTo });
      this.isCounted = this.dropUnread(upTo);
    }
    return this.isCounted;
  }

  peerRead(upTo: bigint): void {
    if (upTo > this.state.peerReadId) this.set({ peerReadId: upTo });
  }

  /** A message was recalled: it counts as unread, and mentions nobody. Returns whether the counts are known. */
  recalled(id: bigint): boolean {
    const { lastMessage, readId, unreadMentions } = this.state;
    if (lastMessage?.id === id && !lastMessage.isRecalled) this.set({ lastMessage: blank(lastMessage) });
    if (this.unread.has(id)) {
      if (this.unread.get(id) === true) this.set({ unreadMentions: unreadMentions - 1 });
      this.unread.set(id, false);
      return true;
    }
    return unreadMentions === 0 || id <= readId || id > this.listedId;
  }

  /** A message, as it is now. Returns whether the counts are known. */
  refreshed(message: ChatMessage): boolean {
    if (this.state.lastMessage?.id === message.id) this.set({ lastMessage: message });
    return !message.isRecalled || this.recalled(message.id);
  }

  /** Another device changed the settings. Returns whether everything is known then. */
  setting({ version, pinned, muted, hiddenId, clearedTo }: ConversationSetting): boolean {
    if (version < this.version) return true;
    const isKnown = pinned === this.state.isPinned;
    this.version = version;
    this.hide(hiddenId);
    this.set({ isPinned: pinned, isMuted: muted });
    const { lastMessage, readId } = this.state;
    const isCounted = clearedTo <= readId || this.dropUnread(clearedTo);
    return isCounted && isKnown && clearedTo < (lastMessage?.id ?? 0n);
  }

  /** What this device has set, once the server has it in this version. */
  confirmed(change: Settings, version: bigint): void {
    if (version < this.version) return;
    this.version = version;
    this.set(change);
    if (change.isHidden === undefined) return;
    this.hide(change.isHidden ? version : 0n);
  }

  private hide(upTo: bigint): void {
    this.hiddenId = upTo;
    this.set({ isHidden: upTo >= this.state.activityId });
  }

  private dropUnread(upTo: bigint): boolean {
    const { activityId, unread, isAtLeast } = this.state;
    const isListed = unread > this.unread.size && upTo < this.listedId;
    for (const id of this.unread.keys()) if (id <= upTo) this.unread.delete(id);
    if (upTo < activityId && (isListed || isAtLeast)) return false;
    const mentions = [...this.unread.values()].filter(Boolean).length;
    this.set({ unread: this.unread.size, unreadMentions: mentions, isAtLeast: false });
    return true;
  }

  private set(change: Partial<ConversationState>): void {
    this.state = { ...this.state, ...change };
  }
}
