// Shows conversations: the last messages of the current one, new messages, changes of messages that were shown, and
// ticks. Only a terminal has ticks, and marks messages as read: elsewhere nobody may look.

import { namedText } from "../../base/printable.ts";
import type { Message } from "../../sdk/message.ts";
import type { Messenger } from "../../sdk/messenger/messenger.ts";
import type { ChatMessage, MessengerEvents, Partner } from "../../sdk/messenger/messenger-types.ts";
import { bodyText, messageLine, quote, reactionList, signText, unreadLine } from "./format.ts";
import type { GroupNames } from "./group-names.ts";
import { keyOf, partnerOfMessage } from "../../sdk/messenger/partner.ts";
import { isSame } from "./partners.ts";
import type { ReadMarks } from "./read-marks.ts";
import type { KeyedLine, Screen } from "./screen.ts";
import type { Shown, ShownMessages } from "./shown-messages.ts";

interface Parts {
  readonly messenger: Messenger;
  readonly screen: Screen;
  readonly names: GroupNames;
  readonly shown: ShownMessages;
  readonly marks: ReadMarks;
}

export class ConversationView {
  private readonly parts: Parts;
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
    const { state } = messenger.conversation(partner);
    const isNew = ({ id, sender }: ChatMessage): boolean => id > (state?.readId ?? 0n) && sender !== messenger.account;
    const unread = screen.isTerminal && state !== undefined && state.unread > 0 ? state : undefined;
    const firstNew = unread === undefined ? -1 : messages.findIndex(isNew);
    const lines: (string | KeyedLine)[] = [];
    for (const [at, message] of messages.entries()) {
      if (at === firstNew && unread !== undefined) lines.push(unreadLine(unread, messages.filter(isNew).length));
      lines.push(await this.lineOf(partner, message));
    }
    if (lines.length > 0) await screen.print(...lines);
    const last = messages.findLast(isNew);
    if (last !== undefined) marks.seen(partner, last.id);
  }

  /** Returns the line of a message that arrives; undefined if it was shown. */
  async arrived(message: Message): Promise<KeyedLine | undefined> {
    if (this.parts.shown.get(message.id) !== undefined) return undefined;
    const partner = partnerOfMessage(message, this.parts.messenger.account);
    if (this.isQuiet(partner)) return undefined;
    const { id, sender, sendTime, type, body, extra, mentions, replyTo } = message;
    const fresh = { clientId: "", isEdited: false, isRecalled: false, reactions: [], state: "stored" } as const;
    return this.lineOf(partner, { id, sender, sendTime, type, body, extra, mentions, replyTo, ...fresh });
  }

  /** Notes that a line is shown, after the output has taken it. */
  seen(message: Message): void {
    const { messenger, marks, screen } = this.parts;
    const partner = partnerOfMessage(message, messenger.account);
    const isOthers = message.sender !== messenger.account;
    if (isOthers && screen.isTerminal && isSame(partner, this.partner)) marks.seen(partner, message.id);
  }

  /** Formats a message, and notes that it is shown. */
  async lineOf(partner: Partner, message: ChatMessage): Promise<KeyedLine> {
    const { shown } = this.parts;
    const answers = message.replyTo === 0n ? "" : await this.quoteOf(message.replyTo);
    return this.draw(shown.add({ partner, message, where: await this.placeOf(partner, message), answers }));
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
    if (known === undefined && (kind !== "edited" || !isSame(partner, this.partner))) return;
    const former = known?.message;
    const now = shown.add({ ...(known ?? { partner, where: "", answers: "" }), message });
    screen.change(this.draw(now));
    const place = isSame(partner, this.partner) ? "" : ` [${await this.placeOf(partner, message)}]`;
    const who = actor === messenger.account ? "you" : namedText(actor);
    const what = `#${now.number}${place}`;
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
      if (one.message.sender === messenger.account && one.message.id <= messageId) screen.change(this.draw(one));
  }

  private draw({ message, number, where, answers, partner }: Shown): KeyedLine {
    const ticks = this.ticksOf(partner, message);
    const line = messageLine({ ...message, where, answers, ticks, number });
    return { key: String(message.id), line };
  }

  private ticksOf(partner: Partner, { sender, id }: ChatMessage): string {
    const { messenger, screen, marks } = this.parts;
    if (!screen.isTerminal || sender !== messenger.account) return "";
    const isRead = "account" in partner && partner.account !== sender && id <= marks.peerReadId(partner);
    return isRead ? "✓✓" : "✓";
  }

  /** Whether messages of a conversation are not shown while another one is current. */
  private isQuiet(partner: Partner): boolean {
    const { messenger, screen } = this.parts;
    if (!screen.isTerminal || isSame(partner, this.partner)) return false;
    return messenger.conversation(partner).state?.isMuted ?? false;
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
