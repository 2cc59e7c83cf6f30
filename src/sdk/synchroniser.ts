// Delivers every message exactly once. After a sign-in it reads the index from the cursor, fetches the contents and
// delivers them in the order of ids; pushes wait until then. Later pushes are delivered immediately, and the index is
// read again soon after: that finds messages that were never pushed and yields a prefix without gaps, which is
// acknowledged once the owner has processed it. A push with an unknown predecessor, or a hint of the server, triggers
// that immediately.

import { contentIdsAsked } from "../base/limits/fixed.ts";
import type { MessageContent } from "../wire/gen/messages/message-content.ts";
import type { MessageIndexResp } from "../wire/gen/messages/message-index-resp.ts";
import type { MessageIndex } from "../wire/gen/messages/message-index.ts";
import { Disconnected } from "./client-errors.ts";
import { DeliveryLog } from "./delivery-log.ts";
import type { Cancel, Environment } from "./environment.ts";
import { HeldPushes, idOf, type Item } from "./held-pushes.ts";
import { indexedMessage, type Message } from "./message.ts";
import { Outcome } from "./outcome.ts";
import { backOffMs } from "./reconnect-rule.ts";

/** The delay from a push to reading the index, in milliseconds. */
const lazyReadMs = 2_000;
/** The number of pushes that triggers reading the index. */
const lazyReadPushes = 200;

/** Reading continues while the owner is processing at most this many messages. */
export const inWorkMax = 1_000;

/** The requests of a reading; they reject like the client's. */
interface IndexSource {
  index(after: bigint): Promise<MessageIndexResp>;
  contents(ids: readonly bigint[]): Promise<readonly MessageContent[]>;
  acknowledge(id: bigint): Promise<void>;
}

interface SyncOwner {
  /** The promise resolves to true when the owner has processed the message, to false if it failed. Never rejects. */
  deliver(message: Message): Promise<boolean> | undefined;
  /** Takes an entry of the log that is not a message. */
  changed(entry: MessageIndex): void;
  /**
   * The first page of the index after a sign-in has come, or the position has jumped over what will not be delivered:
   * what is listed from now on has that.
   */
  positioned(hasJumped: boolean): void;
  /** A reading after a sign-in, a gap or a hint is complete. */
  synced(delivered: number): void;
  /** The reading failed and will be retried. */
  syncFailed(error: unknown): void;
}

export class Synchroniser {
  private readonly source: IndexSource;
  private readonly owner: SyncOwner;
  private readonly environment: Environment;
  private readonly acknowledges: boolean;
  /** Whether the index has this account's own messages, too. */
  private readonly hasSent: boolean;
  private readonly log = new DeliveryLog();
  private account = "";
  private isOnline = false;
  private isPositioned = false;
  /** The log was empty at the first reading. */
  private isFromStart = false;
  private acknowledged = 0n;
  private asked: { readonly upTo: bigint; readonly answer: Promise<void> } | undefined;
  /** Ids of messages that the owner is processing. */
  private readonly inWork = new Set<bigint>();
  /** Resolves when the owner has processed a message; defined while a caller waits for it. */
  private readonly workEnd = new Outcome();
  /** The first message that the owner failed to process: it and later ones are not acknowledged. */
  private failedId: bigint | undefined;
  /** Pushes during the reading after a sign-in; undefined outside it. */
  private queued: HeldPushes | undefined;
  private running: Promise<void> | undefined;
  /** Waits for the owner to acknowledge what it has processed; readings do not wait for this. */
  private settling: Promise<void> | undefined;
  private isWantedAgain = false;
  private pushes = 0;
  private failures = 0;
  private cancelLazy: Cancel | undefined;
  private cancelSoon: Cancel | undefined;

  constructor(source: IndexSource, owner: SyncOwner, environment: Environment, acknowledges: boolean, hasSent = false) {
    this.source = source;
    this.owner = owner;
    this.environment = environment;
    this.acknowledges = acknowledges;
    this.hasSent = hasSent;
  }

  signedIn(account: string): void {
    this.account = account;
    this.isOnline = true;
    this.isPositioned = false;
    this.queued = new HeldPushes();
    this.read();
  }

  disconnected(): void {
    this.isOnline = false;
    this.isWantedAgain = false;
    // The index has them, and the next sign-in delivers them in order.
    this.queued = undefined;
    this.clearLazy();
    this.cancelSoon?.();
    this.cancelSoon = undefined;
  }

  /** Takes a push of the received log: a direct or a group message, or another entry; and what came before it. */
  pushed(item: Item, ...previousIds: readonly bigint[]): void {
    if (this.queued !== undefined) {
      if (!this.queued.hold({ item, previousIds })) this.isWantedAgain = true;
      return;
    }
    if (!this.log.take(idOf(item))) return;
    this.hand(item);
    this.pushes++;
    if (!previousIds.every((before) => this.log.isBeforeKnown(before)) || this.pushes >= lazyReadPushes) this.read();
    else this.readLater(lazyReadMs);
  }

  /** Takes a message that another device sent. It belongs to no received log, so it says nothing about gaps. */
  pushedOwn(message: Message): void {
    if (this.hasSent) this.pushed(message);
    else if (this.log.takeOwn(message.id)) this.deliver(message);
  }

  /**
   * Records a stored message of this account, which a push of its group may name as its predecessor. With `hasSent`, an
   * entry of this account's, too: returns whether it is new.
   */
  sent(id: bigint): boolean {
    this.log.noteSent(id);
    if (!this.hasSent || !this.log.take(id)) return false;
    // Acknowledged like a push: otherwise the next start of this device would deliver it.
    this.readLater(lazyReadMs);
    return true;
  }

  /** Reads the index now, or again after the reading in progress. */
  read(): void {
    this.clearLazy();
    if (!this.isOnline) return;
    if (this.running !== undefined) {
      this.isWantedAgain = true;
      return;
    }
    this.running = this.readUntilQuiet().finally(() => {
      this.running = undefined;
      if (this.isWantedAgain) this.read();
    });
  }

  /** Resolves when everything pushed so far is acknowledged, or cannot be acknowledged now. */
  async settle(): Promise<void> {
    if (this.cancelLazy !== undefined) this.read();
    if (this.cancelSoon !== undefined) {
      this.cancelSoon();
      await this.soon();
    }
    for (let work = this.running ?? this.settling; work !== undefined; work = this.running ?? this.settling) await work;
  }

  private async readUntilQuiet(): Promise<void> {
    this.isWantedAgain = false;
    this.pushes = 0;
    try {
      const delivered = await this.readOnce();
      this.failures = 0;
      const hadWaited = this.queued !== undefined;
      this.releaseWaiting();
      if (delivered > 0 || hadWaited) this.owner.synced(delivered);
      if (this.inWork.size > 0) {
        this.settling ??= this.acknowledgeLater().finally(() => {
          this.settling = undefined;
        });
      }
    } catch (error) {
      if (error instanceof Disconnected || !this.isOnline) return;
      this.owner.syncFailed(error);
      this.readAgain();
      this.releaseWaiting();
    }
  }

  /**
   * Acknowledges after the reading, because the owner may wait for `synced`, or for another message, before it finishes
   * one. If it never finishes one, the messages before it are acknowledged a little later.
   */
  private async acknowledgeLater(): Promise<void> {
    while (this.inWork.size > 0) await this.workEnd.next();
    if (this.isOnline) await this.acknowledgeOrRead();
  }

  private soon(): Promise<void> {
    this.cancelSoon = undefined;
    return this.acknowledgeOrRead();
  }

  private async acknowledgeOrRead(): Promise<void> {
    try {
      await this.acknowledge();
    } catch {
      // The next reading acknowledges it.
      if (this.isOnline) this.readAgain();
    }
  }

  /** Schedules the next try after a failed request. */
  private readAgain(): void {
    this.readLater(backOffMs(this.failures++, () => this.environment.random()));
  }

  /** Reads from the cursor to the end of the index; returns the number of delivered messages. */
  private async readOnce(): Promise<number> {
    let delivered = 0;
    for (;;) {
      const before = this.log.cursor;
      // 1 is below all ids: with 0, the log would begin at its end again.
      const after = before === 0n && this.isFromStart ? 1n : before;
      const { indexes: entries, lastId, reset } = await this.source.index(after);
      const hasJumped = lastId > 0n && (reset || (after === 0n && entries.length === 0));
      this.isFromStart ||= this.hasSent && lastId === 0n && entries.length === 0;
      if (hasJumped) delivered += this.jump(lastId);
      if (hasJumped || !this.isPositioned) {
        this.isPositioned = true;
        this.owner.positioned(hasJumped);
      }
      if (entries.length === 0) {
        if (reset && this.log.cursor > before) continue;
        break;
      }
      for (let at = 0; at < entries.length; at += contentIdsAsked) {
        delivered += await this.deliverAll(entries.slice(at, at + contentIdsAsked));
        await this.acknowledge();
        while (this.inWork.size > inWorkMax) await this.workEnd.next();
      }
      // Entries at or below the cursor were not asked for: a faulty server must not keep this loop running.
      if (this.log.cursor <= before) break;
    }
    await this.acknowledge();
    return delivered;
  }

  /** Moves the cursor over what is not delivered, except for what was pushed. */
  private jump(lastId: bigint): number {
    let delivered = 0;
    for (const { item } of this.queued?.take(lastId) ?? []) {
      if (!this.log.take(idOf(item))) continue;
      delivered++;
      this.hand(item);
    }
    if (lastId < this.log.cursor) this.log.restart();
    this.log.advance(lastId);
    return delivered;
  }

  private async deliverAll(entries: readonly MessageIndex[]): Promise<number> {
    const missing = entries
      .filter(({ messageId, kind }) => kind === 0 && !this.log.isKnown(messageId))
      .map(({ messageId }) => messageId);
    const contents = new Map<bigint, MessageContent>();
    if (missing.length > 0) {
      for (const content of await this.source.contents(missing)) contents.set(content.messageId, content);
    }
    let delivered = 0;
    let last = 0n;
    for (const entry of entries) {
      last = entry.messageId;
      if (entry.kind !== 0) {
        if (this.log.take(last)) this.hand(entry);
        continue;
      }
      const content = contents.get(last);
      // No content: purged since the index was read. Already taken: pushed since then.
      if (content === undefined || !this.log.take(last)) continue;
      delivered++;
      this.hand(this.queued?.get(last) ?? indexedMessage(entry, content, this.account));
    }
    this.log.advance(last);
    return delivered;
  }

  private hand(item: Item): void {
    if ("id" in item) this.deliver(item);
    else this.owner.changed(item);
  }

  private deliver(message: Message): void {
    const promise = this.owner.deliver(message);
    if (promise === undefined) return;
    this.inWork.add(message.id);
    void promise.then((isDone) => {
      this.inWork.delete(message.id);
      if (!isDone) this.failedId = minOf(message.id, this.failedId ?? message.id);
      // The others may never finish: acknowledge what precedes them.
      if (this.inWork.size > 0 && this.isOnline) this.acknowledgeSoon();
      this.workEnd.settle();
    });
  }

  private acknowledgeSoon(): void {
    this.cancelSoon ??= this.environment.after(lazyReadMs, () => void this.soon());
  }

  private async acknowledge(): Promise<void> {
    if (!this.acknowledges) return;
    let upTo = this.log.cursor;
    for (const id of this.inWork) upTo = minOf(upTo, id - 1n);
    if (this.failedId !== undefined) upTo = minOf(upTo, this.failedId - 1n);
    if (upTo <= this.acknowledged) return;
    if (this.asked === undefined || this.asked.upTo < upTo) this.asked = { upTo, answer: this.ask(upTo) };
    await this.asked.answer;
  }

  private async ask(upTo: bigint): Promise<void> {
    try {
      await this.source.acknowledge(upTo);
      if (upTo > this.acknowledged) this.acknowledged = upTo;
    } finally {
      if (this.asked?.upTo === upTo) this.asked = undefined;
    }
  }

  private releaseWaiting(): void {
    const waiting = this.queued?.take() ?? [];
    this.queued = undefined;
    for (const { item, previousIds } of waiting) this.pushed(item, ...previousIds);
  }

  private readLater(delayMs: number): void {
    this.cancelLazy ??= this.environment.after(delayMs, () => {
      this.cancelLazy = undefined;
      this.read();
    });
  }

  private clearLazy(): void {
    this.cancelLazy?.();
    this.cancelLazy = undefined;
  }
}

const minOf = (one: bigint, other: bigint): bigint => (one < other ? one : other);
