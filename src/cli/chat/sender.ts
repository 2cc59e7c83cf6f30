// Sends messages of a terminal by the outbox: typing goes on while they wait for the server. A message is shown when
// it is stored. Until then it has a number with a tilde, once it is told, by which it can be discarded.

import type { Messenger } from "../../sdk/messenger/messenger.ts";
import type { ChatMessage, Draft, MessengerEvents, Partner } from "../../sdk/messenger/messenger-types.ts";
import { sentenceOf } from "../failure.ts";
import { CommandError } from "./command-error.ts";
import { bodyText } from "./format.ts";
import type { Screen } from "./screen.ts";

/** After this time, a line that is not stored is shown as waiting. At the end, it is waited for so long. */
const patienceMs = 2_000;

/** A message that is not stored. */
interface Unsent {
  readonly partner: Partner;
  readonly message: ChatMessage;
  /** Counts from 1; 0 until it is told. */
  number: number;
  /** Whether it was said that it waits, or was refused. */
  isTold: boolean;
}

export class Sender {
  private readonly messenger: Messenger;
  private readonly screen: Screen;
  private readonly stored: (partner: Partner, message: ChatMessage) => void;
  /** By clientId, in the order of typing. */
  private readonly unsent = new Map<string, Unsent>();
  private lastNumber = 0;
  /** Runs while messages wait of which nobody was told. */
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Resolves when nothing is on its way; defined while `drain` waits. */
  private idle: (() => void) | undefined;

  /** `stored` shows a message. */
  constructor(messenger: Messenger, screen: Screen, stored: (partner: Partner, message: ChatMessage) => void) {
    this.messenger = messenger;
    this.screen = screen;
    this.stored = stored;
  }

  /** @throws CommandError if too many messages wait */
  send(partner: Partner, draft: Draft): void {
    try {
      const message = this.messenger.conversation(partner).send(draft);
      this.unsent.set(message.clientId, { partner, message, number: 0, isTold: false });
      this.wait();
    } catch (error) {
      if (error instanceof RangeError) throw new CommandError(error.message);
      throw error;
    }
  }

  /** A message of the outbox is stored, has failed, or was discarded. */
  changed({ clientId, stored }: MessengerEvents["outboxChanged"]): void {
    const one = this.unsent.get(clientId);
    if (one === undefined) return;
    const { partner, message } = one;
    const failed =
      stored === undefined
        ? this.messenger.pending(partner).find((pending) => pending.clientId === clientId)
        : undefined;
    if (failed === undefined) {
      this.unsent.delete(clientId);
      if (stored !== undefined) this.stored(partner, { ...message, ...stored, clientId: "", state: "stored" });
    } else {
      one.isTold = true;
      const why = failed.error === undefined ? "" : `: ${sentenceOf(failed.error)}`;
      void this.screen.print(`! not stored: ${bodyText(message.body)}`);
      this.screen.complain(`it was refused${why}; /retry sends it again, /discard ${this.name(one)} drops it`);
    }
    if (this.idle !== undefined && !this.isSending) this.idle();
  }

  /** Sends all again that has failed; returns their number. */
  retry(): number {
    const failed = this.messenger.pending().filter(({ state }) => state === "failed");
    for (const { clientId } of failed) {
      const one = this.unsent.get(clientId);
      if (one !== undefined) one.isTold = false;
      this.messenger.retry(clientId);
    }
    this.wait();
    return failed.length;
  }

  /**
   * Drops the message with a number, else the last one that was refused, else the last one that waits. Resolves with
   * its text, and whether the server may have stored it.
   */
  async discard(number: number | undefined): Promise<{ readonly body: string; readonly mayBeStored: boolean }> {
    const pending = this.messenger.pending();
    const found =
      number === undefined
        ? (pending.findLast(({ state }) => state === "failed") ?? pending.at(-1))
        : pending.find(({ clientId }) => this.unsent.get(clientId)?.number === number);
    if (found === undefined)
      throw new CommandError(
        number === undefined ? "nothing waits" : `nothing waits as ~${number}; /outbox lists what does`,
      );
    await this.messenger.discard(found.clientId);
    return { body: found.body, mayBeStored: found.state === "sending" };
  }

  /** Lists what is not stored, the oldest first. */
  list(): { readonly name: string; readonly partner: Partner; readonly body: string; readonly isRefused: boolean }[] {
    const failed = new Set(
      this.messenger.pending().flatMap(({ clientId, state }) => (state === "failed" ? [clientId] : [])),
    );
    return [...this.unsent.values()].map((one) => {
      const { partner, message } = one;
      return { name: this.name(one), partner, body: message.body, isRefused: failed.has(message.clientId) };
    });
  }

  /** Resolves when what was typed is stored or refused, after two seconds, or at once without a connection. */
  async drain(): Promise<void> {
    if (!this.isSending || !this.messenger.isOnline) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.idle = resolve;
    const stop = this.messenger.on("offline", () => resolve());
    const timer = setTimeout(resolve, patienceMs);
    await promise;
    clearTimeout(timer);
    stop();
  }

  /** Tells at the end what is not stored; returns the number of those messages. */
  close(): number {
    const pending = this.messenger.pending();
    for (const { body } of pending) void this.screen.print(`! not stored: ${bodyText(body)}`);
    clearTimeout(this.timer);
    return pending.length;
  }

  private get isSending(): boolean {
    return this.messenger.pending().some(({ state }) => state === "sending");
  }

  private wait(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.tellWaiting();
    }, patienceMs);
  }

  /** Tells which message waits; of several, how many. */
  private tellWaiting(): void {
    const untold = [...this.unsent.values()].filter(({ isTold }) => !isTold);
    const [first] = untold;
    if (first === undefined) return;
    for (const one of untold) one.isTold = true;
    const what =
      untold.length === 1
        ? `not stored yet: ${bodyText(first.message.body)}`
        : `${untold.length.toLocaleString("en-US")} messages are not stored yet; /outbox lists them`;
    void this.screen.print(`* ${what}`);
  }

  private name(one: Unsent): string {
    if (one.number === 0) one.number = ++this.lastNumber;
    return `~${one.number}`;
  }
}
