// Sends messages of a terminal by the outbox: typing goes on while they wait for the server. A message is shown when
// it is stored.

import { printable } from "../../base/printable.ts";
import type { Messenger } from "../../sdk/messenger/messenger.ts";
import type { ChatMessage, Draft, Partner, Timeline } from "../../sdk/messenger/messenger-types.ts";
import { sentenceOf } from "../failure.ts";
import { keyOf } from "../../sdk/messenger/partner.ts";
import { isSame } from "./partners.ts";
import type { Screen } from "./screen.ts";
import type { ShownMessages } from "./shown-messages.ts";

/** After this time, a line that is not stored is shown as waiting. */
const patienceMs = 2_000;

interface Waiting {
  readonly partner: Partner;
  readonly body: string;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class Sender {
  private readonly messenger: Messenger;
  private readonly screen: Screen;
  private readonly shown: ShownMessages;
  private readonly stored: (partner: Partner, message: ChatMessage) => void;
  private readonly waiting = new Map<string, Waiting>();
  private readonly timelines = new Map<string, { readonly partner: Partner; readonly timeline: Timeline }>();

  /** `stored` shows a message. */
  constructor(
    messenger: Messenger,
    screen: Screen,
    shown: ShownMessages,
    stored: (partner: Partner, message: ChatMessage) => void,
  ) {
    this.messenger = messenger;
    this.screen = screen;
    this.shown = shown;
    this.stored = stored;
  }

  /** Follows a conversation; returns its newest messages, at most `limit`. */
  async follow(partner: Partner, limit: number): Promise<readonly ChatMessage[]> {
    const key = keyOf(partner);
    this.timelines.get(key)?.timeline.close();
    this.timelines.delete(key);
    const timeline = await this.messenger.conversation(partner).timeline({ limit });
    this.timelines.set(key, { partner, timeline });
    timeline.onChange(() => this.check());
    this.closeIdle(partner);
    return timeline.messages.filter(({ state }) => state === "stored").slice(-limit);
  }

  send(partner: Partner, draft: Draft): void {
    const { body } = draft;
    const { clientId } = this.messenger.conversation(partner).send(draft);
    this.wait(clientId, partner, body);
  }

  /** Sends all again that has failed; returns their number. */
  retry(): number {
    const failed = this.messenger.pending().filter(({ state }) => state === "failed");
    for (const { clientId, body } of failed) {
      const partner = this.partners.get(clientId);
      if (partner !== undefined) this.wait(clientId, partner, body);
      this.messenger.retry(clientId);
    }
    return failed.length;
  }

  /** Looks for messages that are stored, or have failed. */
  check(): void {
    for (const [clientId, { partner, body }] of this.waiting) {
      const pending = this.messenger.pending(partner).find((message) => message.clientId === clientId);
      if (pending?.state === "sending") continue;
      if (pending === undefined) {
        const message = this.find(partner, clientId, body);
        if (message === undefined) continue;
        this.settle(clientId);
        this.partners.delete(clientId);
        this.stored(partner, message);
      } else {
        this.settle(clientId);
        const why = pending.error === undefined ? "" : `: ${sentenceOf(pending.error)}`;
        void this.screen.print(`! not stored: ${printable(body)}`);
        this.screen.complain(`it was refused${why}; /retry sends it again`);
      }
    }
  }

  /** Tells which messages are not stored, at the end. */
  close(): void {
    for (const { body } of this.messenger.pending()) void this.screen.print(`! not stored: ${printable(body)}`);
    for (const clientId of this.waiting.keys()) this.settle(clientId);
    for (const { timeline } of this.timelines.values()) timeline.close();
  }

  /** By clientId, of messages that are not stored. */
  private readonly partners = new Map<string, Partner>();

  private wait(clientId: string, partner: Partner, body: string): void {
    const timer = setTimeout(() => void this.screen.print(`* not stored yet: ${printable(body)}`), patienceMs);
    this.waiting.set(clientId, { partner, body, timer });
    this.partners.set(clientId, partner);
  }

  private settle(clientId: string): void {
    clearTimeout(this.waiting.get(clientId)?.timer);
    this.waiting.delete(clientId);
  }

  /** Finds a stored message. It may have come from the server meanwhile, which does not tell its clientId. */
  private find(partner: Partner, clientId: string, body: string): ChatMessage | undefined {
    const messages = this.timelines.get(keyOf(partner))?.timeline.messages.filter(({ state }) => state === "stored");
    return (
      messages?.find((message) => message.clientId === clientId) ??
      messages?.find(
        (message) =>
          message.sender === this.messenger.account &&
          message.body === body &&
          this.shown.get(message.id) === undefined,
      )
    );
  }

  private closeIdle(current: Partner): void {
    for (const [key, { partner, timeline }] of this.timelines) {
      if (isSame(partner, current) || this.messenger.pending(partner).length > 0) continue;
      timeline.close();
      this.timelines.delete(key);
    }
  }
}
