// What is known of a listed conversation: what the list said, and what has happened since.

import type { Conversation } from "../../wire/gen/messages/conversation.ts";
import type { ConversationSetting } from "../../wire/gen/messages/conversation-setting.ts";
import { blank, messageNow } from "./chat-message.ts";
import type { ChatMessage, ConversationState } from "./messenger-types.ts";
import { keyOf, partnerOf } from "./partner.ts";

/** The bound on unread messages that are known one by one; the server counts no more either. */
const unreadMax = 1_000;

export class ConversationRecord {
  private current: ConversationState;
  /** The list has counted everything up to this message. */
  private readonly listedId: bigint;
  /** Unread messages since then, and whether each mentions this account. */
  private readonly unread = new Map<bigint, boolean>();
  private version = 0n;
  private hiddenId = 0n;
  /** Whether `unread` is what the server would count. */
  private isCounted = true;

  constructor(listed: Conversation) {
    const { activityId, unread, atLeast: isAtLeast, unreadMentions, readId, peerReadId } = listed;
    const { pinned: isPinned, muted: isMuted, hidden: isHidden } = listed;
    const partner = partnerOf(listed);
    this.listedId = activityId;
    const lastMessage = listed.lastMessage && messageNow(listed.lastMessage);
    const counts = { activityId, lastMessage, unread, isAtLeast, unreadMentions, readId, peerReadId };
    this.current = { key: keyOf(partner), partner, ...counts, isPinned, isMuted, isHidden };
  }

  get state(): ConversationState {
    return this.current;
  }

  /** A message was stored. */
  arrived(message: ChatMessage, isMine: boolean, isMention: boolean): void {
    const { id } = message;
    if (id <= this.listedId || this.unread.has(id)) return;
    const { activityId, lastMessage, readId, unread, unreadMentions } = this.current;
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
    if (upTo <= this.current.readId) return this.isCounted;
    this.set({ readId: upTo });
    this.isCounted = this.dropUnread(upTo);
    return this.isCounted;
  }

  peerRead(upTo: bigint): void {
    if (upTo > this.current.peerReadId) this.set({ peerReadId: upTo });
  }

  /** A message was recalled: it counts as unread, and mentions nobody. Returns whether the counts are known. */
  recalled(id: bigint): boolean {
    const { lastMessage, readId, unreadMentions } = this.current;
    if (lastMessage?.id === id && !lastMessage.isRecalled) this.set({ lastMessage: blank(lastMessage) });
    if (this.unread.has(id)) {
      if (this.unread.get(id) === true) this.set({ unreadMentions: unreadMentions - 1 });
      this.unread.set(id, false);
      return true;
    }
    return unreadMentions === 0 || id <= readId || id > this.listedId;
  }

  /** The last message, as it is now. */
  refreshed(message: ChatMessage): void {
    if (this.current.lastMessage?.id === message.id) this.set({ lastMessage: message });
  }

  /** Another device changed the settings. Returns whether everything is known then. */
  setting({ version, pinned, muted, hiddenId, clearedTo }: ConversationSetting): boolean {
    if (version < this.version) return true;
    const isKnown = pinned === this.current.isPinned;
    this.version = version;
    this.hiddenId = hiddenId;
    const isHidden = hiddenId >= this.current.activityId;
    this.set({ isPinned: pinned, isMuted: muted, isHidden });
    const { lastMessage, readId } = this.current;
    if (lastMessage === undefined || clearedTo <= readId) return isKnown && clearedTo < (lastMessage?.id ?? 0n);
    return this.dropUnread(clearedTo) && isKnown && clearedTo < lastMessage.id;
  }

  /** What this device has set, once the server has it. */
  confirmed(change: Partial<ConversationState>): void {
    this.set(change);
    if (change.isHidden === true) this.hiddenId = this.current.activityId;
  }

  private dropUnread(upTo: bigint): boolean {
    const { activityId, unread, isAtLeast } = this.current;
    const isListed = unread > this.unread.size && upTo < this.listedId;
    for (const id of this.unread.keys()) if (id <= upTo) this.unread.delete(id);
    if (upTo < activityId && (isListed || isAtLeast)) return false;
    const mentions = [...this.unread.values()].filter(Boolean).length;
    this.set({ unread: this.unread.size, unreadMentions: mentions, isAtLeast: false });
    return true;
  }

  private set(change: Partial<ConversationState>): void {
    this.current = { ...this.current, ...change };
  }
}
