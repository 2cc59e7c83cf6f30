// Shows conversations: the last messages of the current one, new messages, changes of messages that were shown, and
// ticks. Only a terminal has ticks, and marks messages as read: elsewhere nobody may look.

import { namedText } from "../../base/printable.ts";
import type { Message } from "../../sdk/message.ts";
import type { Messenger } from "../../sdk/messenger/messenger.ts";
import type { ChatMessage, Draft, MessengerEvents, Partner } from "../../sdk/messenger/messenger-types.ts";
import type { Stored } from "../../sdk/talk.ts";
import { DayLines } from "./day-lines.ts";
import { bodyText, messageLine, quote, reactionList, signText, unreadLine } from "./format.ts";
import type { GroupNames } from "./group-names.ts";
import { keyOf, partnerOfMessage } from "../../sdk/messenger/partner.ts";
import { isMentioned } from "./mentions.ts";
import { isSame } from "./partners.ts";
import type { ProfileNames } from "./profile-names.ts";
import type { ReadMarks } from "./read-marks.ts";
import type { KeyedLine, Screen } from "./screen.ts";
import type { Shown, ShownMessages } from "./shown-messages.ts";

interface Parts {
  readonly messenger: Messenger;
  readonly screen: Screen;
  readonly names: GroupNames;
  readonly people: ProfileNames;
  readonly shown: ShownMessages;
  readonly marks: ReadMarks;
}

/** Lines of the screen; those of messages can change. */
type Lines = (string | KeyedLine)[];

const plain = { where: "", answers: "", isRead: false };
const unchanged = { clientId: "", isEdited: false, isRecalled: false, reactions: [], state: "stored" } as const;

export class ConversationView {
  private readonly parts: Parts;
  private readonly days = new DayLines(Date.now());
  /** The current conversation. */
  partner: Partner | undefined;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Shows the last messages of the current conversation, as `messages`, and marks them as read. */
  async show(messages: readonly ChatMessage[]): Promise<void> {
    const { partner } = this;
    const { messenger, screen, marks } = this.parts;
    if (partner === undefined) return;
    if (!screen.canChange) await this.know(messages);
    const { state } = messenger.conversation(partner);
    const isNew = ({ id, sender }: ChatMessage): boolean => id > (state?.readId ?? 0n) && sender !== messenger.account;
    const unread = screen.isTerminal && state !== undefined && state.unread > 0 ? state : undefined;
    const firstNew = unread === undefined ? -1 : messages.findIndex(isNew);
    const lines: Lines = [];
    for (const [at, message] of messages.entries()) {
      if (at === firstNew && unread !== undefined) lines.push(unreadLine(unread, messages.filter(isNew).length));
      lines.push(...(await this.linesOf(partner, message)));
    }
    if (lines.length > 0) await screen.print(...lines);
    const last = messages.findLast(isNew);
    if (last !== undefined) marks.seen(partner, last.id);
  }

  /** Waits a moment for the names of those who wrote these messages: not all lines can be drawn anew. */
  async know(messages: readonly { readonly sender: string }[]): Promise<void> {
    const { people, messenger } = this.parts;
    const senders = new Set(messages.map(({ sender }) => sender));
    senders.delete(messenger.account);
    if (senders.size > 0) await people.know(senders);
  }

  /** Draws the messages of accounts anew, whose profiles are others than before. */
  renamed(accounts: ReadonlySet<string>): void {
    const { shown, screen } = this.parts;
    for (const one of shown.all()) if (accounts.has(one.message.sender)) screen.change(this.draw(one));
  }

  /** Returns the lines of a message that arrives; none if it was shown. */
  async arrived(message: Message): Promise<Lines> {
    if (this.parts.shown.get(message.id) !== undefined) return [];
    const partner = partnerOfMessage(message, this.parts.messenger.account);
    return this.isQuiet(partner) ? [] : this.linesOf(partner, { ...message, ...unchanged });
  }

  /** Notes a message that is stored and not printed, as scripts send them: commands mean it by default. */
  sent(
    partner: Partner,
    { body, type = 1, extra = "", mentions = [], replyTo = 0n, media = [] }: Draft,
    stored: Stored,
  ): void {
    const { shown, messenger } = this.parts;
    const kept = { ...stored, sender: messenger.account, type, body, extra, mentions, replyTo, media };
    shown.add({ partner, message: { ...kept, ...unchanged }, ...plain });
  }

  /** Notes that a line is shown, after the output has taken it. */
  seen(message: Message): void {
    const { messenger, marks, screen } = this.parts;
    const partner = partnerOfMessage(message, messenger.account);
    const isOthers = message.sender !== messenger.account;
    if (isOthers && screen.isTerminal && isSame(partner, this.partner)) marks.seen(partner, message.id);
  }

  /** Formats a message, after its date where that is another one, and notes that it is shown. */
  async linesOf(partner: Partner, message: ChatMessage): Promise<Lines> {
    const { shown } = this.parts;
    const answers = message.replyTo === 0n ? "" : await this.quoteOf(message.replyTo);
    const where = await this.placeOf(partner, message);
    const line = this.draw(shown.add({ partner, message, where, answers, isRead: this.isRead(partner, message) }));
    return [...this.days.before(message.sendTime), line];
  }

  /** Names the conversation of a message; '' for the current one. */
  async placeOf(partner: Partner, { sender }: Pick<ChatMessage, "sender">): Promise<string> {
    if (isSame(partner, this.partner)) return "";
    const { messenger, names } = this.parts;
    if ("group" in partner) return names.shownName(partner.group);
    return sender === messenger.account ? `to ${namedText(partner.account)}` : "to you";
  }

  /** Shows what somebody did to a message. */
  async changed({ partner, kind, actor, message, messageId }: MessengerEvents["messageChanged"]): Promise<void> {
    const { shown, screen, messenger } = this.parts;
    const known = shown.get(messageId);
    if (message === undefined) return;
    this.quoteAnew(partner, messageId, message);
    if (known === undefined && (kind !== "edited" || !isSame(partner, this.partner))) return;
    const former = known?.message;
    const now = shown.add({ ...(known ?? { partner, ...plain }), message });
    screen.change(this.draw(now));
    const place = isSame(partner, this.partner) ? "" : ` [${await this.placeOf(partner, message)}]`;
    const who = actor === messenger.account ? "you" : namedText(actor);
    const what = `#${now.number}${place}`;
    // Recalled since: that is told next.
    if (message.isRecalled && kind !== "recalled") return;
    if (kind === "edited") await screen.print(`* ${who} edited ${what}: ${bodyText(message.body)}`);
    else if (kind === "recalled") await screen.print(`* ${who} recalled ${what}`);
    else await screen.print(`* ${who} ${reactionSentence(former, message, what)}`);
  }

  /** Shows that the partner has read this account's messages. */
  read({ partner, account, messageId }: MessengerEvents["read"]): void {
    const { messenger, marks, shown, screen } = this.parts;
    if (!("account" in partner) || account === messenger.account) return;
    marks.peerRead(partner, messageId);
    if (!screen.isTerminal) return;
    for (const one of shown.of(keyOf(partner)))
      if (!one.isRead && this.isRead(partner, one.message))
        screen.change(this.draw(shown.add({ ...one, isRead: true })));
  }

  private draw({ message, number, where, answers, isRead }: Shown): KeyedLine {
    const { messenger, screen, people } = this.parts;
    const { account } = messenger;
    const { sender } = message;
    const name = sender === account ? "" : people.of(sender);
    const ticks = !screen.isTerminal || message.sender !== account ? "" : isRead ? "✓✓" : "✓";
    const isForMe = message.sender !== account && isMentioned(message.mentions, account);
    const line = messageLine({ ...message, name, where, answers, ticks, number, isForMe });
    return { key: String(message.id), line, ...(isForMe ? { mentioned: account } : {}) };
  }

  /** Whether a message of this account was read by its partner. */
  private isRead(partner: Partner, { sender, id }: ChatMessage): boolean {
    const { messenger, marks } = this.parts;
    if (sender !== messenger.account || !("account" in partner) || partner.account === sender) return false;
    return id <= marks.peerReadId(partner);
  }

  /** Whether messages of a conversation are not shown while another one is current. */
  private isQuiet(partner: Partner): boolean {
    const { messenger, screen } = this.parts;
    if (!screen.isTerminal || isSame(partner, this.partner)) return false;
    return messenger.conversation(partner).state?.isMuted ?? false;
  }

  /** Draws what answers a message again, which now is as `message`. */
  private quoteAnew(partner: Partner, id: bigint, message: ChatMessage): void {
    const { shown, screen } = this.parts;
    for (const one of shown.of(keyOf(partner))) {
      if (one.message.replyTo !== id || one.message.isRecalled) continue;
      const answers = quote(shown.get(id)?.number ?? 0, message);
      if (answers !== one.answers) screen.change(this.draw(shown.add({ ...one, answers })));
    }
  }

  private async quoteOf(id: bigint): Promise<string> {
    const { shown, messenger } = this.parts;
    const known = shown.get(id);
    if (known !== undefined) return quote(known.number, known.message);
    const [message] = await messenger.messages([id]).catch(() => []);
    return message === undefined ? "to an earlier message" : quote(0, message);
  }
}

/** Formats `reacted 👍 to #3`, or `took 👍 back from #3`. */
function reactionSentence(former: ChatMessage | undefined, message: ChatMessage, what: string): string {
  const before = new Map(former?.reactions.map(({ reaction, count }) => [reaction, count]));
  const added = message.reactions.find(({ reaction, count }) => count > (before.get(reaction) ?? 0));
  if (added !== undefined) return `reacted ${signText(added.reaction)} to ${what}`;
  const after = new Map(message.reactions.map(({ reaction, count }) => [reaction, count]));
  for (const [reaction, count] of before)
    if (count > (after.get(reaction) ?? 0)) return `took ${signText(reaction)} back from ${what}`;
  return `reacted to ${what}${message.reactions.length === 0 ? "" : `: ${reactionList(message.reactions)}`}`;
}
