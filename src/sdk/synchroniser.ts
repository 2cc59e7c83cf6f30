// Nothing is missed and nothing comes twice. After a sign-in the index is read from the cursor, the contents fetched and
// delivered in id order; what is pushed meanwhile waits for that. Later pushes are delivered at once, and the index is
// read again soon after: that finds what never was pushed, and makes a prefix without holes, which alone is
// acknowledged, once the owner has done with each message. A push that names an unknown message before it, or a hint of the server, brings that reading forward.

import { contentIdsAsked } from "../base/limits/fixed.ts";
import type { MessageContent, MessageIndex } from "../wire/gen/pkt_pb.ts";
import { Disconnected } from "./client-errors.ts";
import { type Deferred, deferred } from "./deferred.ts";
import { DeliveryLog } from "./delivery-log.ts";
import type { Cancel, Environment } from "./environment.ts";
import { indexedMessage, type Message } from "./message.ts";
import { backOffMs } from "./reconnect-rule.ts";

/** After a push the index is read this much later, in milliseconds. */
const lazyReadMs = 2_000;
/** Or after this many pushes. */
const lazyReadPushes = 200;
/** Pushes that wait for the reading after a sign-in; more are dropped, since the index has them. */
const heldPushesMax = 1_000;

/** A reading goes on while the owner has at most this many messages to do with. */
export const inWorkMax = 1_000;

/** The requests that a reading makes; each rejects as the client's do. */
interface IndexSource {
  index(after: bigint): Promise<readonly MessageIndex[]>;
  contents(ids: readonly bigint[]): Promise<readonly MessageContent[]>;
  acknowledge(id: bigint): Promise<void>;
}

interface SyncOwner {
  /** A promise of true: the owner has done with it then; of false: it has not and will not. Never rejects. */
  deliver(message: Message): Promise<boolean> | undefined;
  /** A reading after a sign-in, a hole or a hint is complete. */
  synced(delivered: number): void;
  /** It failed and will be tried again. */
  syncFailed(error: unknown): void;
}

interface WaitingPush {
  readonly message: Message;
  readonly previousId: bigint;
}

export class Synchroniser {
  private readonly source: IndexSource;
  private readonly owner: SyncOwner;
  private readonly environment: Environment;
  private readonly acknowledges: boolean;
  private readonly log = new DeliveryLog();
  private account = "";
  private isOnline = false;
  private acknowledged = 0n;
  /** The acknowledgement that has no answer yet. */
  private asked: { readonly upTo: bigint; readonly answer: Promise<void> } | undefined;
  /** Ids of messages that the owner has not done with yet. */
  private readonly inWork = new Set<bigint>();
  /** Resolves when the owner has done with a message; defined while somebody waits for that. */
  private workEnd: Deferred<void> | undefined;
  /** The first message that the owner has failed to take: nothing from there on is acknowledged. */
  private failedId: bigint | undefined;
  /** Defined while the reading after a sign-in runs. */
  private waiting: Map<bigint, WaitingPush> | undefined;
  private running: Promise<void> | undefined;
  /** Waits for the owner, to acknowledge what it has done with by then; no reading waits for that. */
  private settling: Promise<void> | undefined;
  private isWantedAgain = false;
  private pushes = 0;
  private failures = 0;
  private cancelLazy: Cancel | undefined;
  private cancelSoon: Cancel | undefined;

  constructor(source: IndexSource, owner: SyncOwner, environment: Environment, acknowledges: boolean) {
    this.source = source;
    this.owner = owner;
    this.environment = environment;
    this.acknowledges = acknowledges;
  }

  signedIn(account: string): void {
    this.account = account;
    this.isOnline = true;
    this.waiting = new Map();
    this.read();
  }

  disconnected(): void {
    this.isOnline = false;
    this.isWantedAgain = false;
    // They are in the index, and come in order after the next sign-in.
    this.waiting = undefined;
    this.clearLazy();
    this.cancelSoon?.();
    this.cancelSoon = undefined;
  }

  /** A message of the received log, direct or a group's. */
  pushed(message: Message, previousId: bigint): void {
    if (this.waiting !== undefined) {
      if (this.waiting.size < heldPushesMax) this.waiting.set(message.id, { message, previousId });
      else this.isWantedAgain = true;
      return;
    }
    if (!this.log.take(message.id)) return;
    this.deliver(message);
    this.pushes++;
    if (!this.log.isBeforeKnown(previousId) || this.pushes >= lazyReadPushes) this.read();
    else this.readLater(lazyReadMs);
  }

  /** An own message that another device sent: of no received log, so that it says nothing about holes. */
  pushedOwn(message: Message): void {
    if (this.log.takeOwn(message.id)) this.deliver(message);
  }

  /** An own message was stored: a push of its group may name it as the one before. */
  sent(id: bigint): void {
    this.log.noteSent(id);
  }

  /** Reads the index now, or once more when a reading runs. */
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

  /** Resolves when what was pushed so far is acknowledged, or cannot be now. */
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
      const hadWaited = this.waiting !== undefined;
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
   * An owner may wait for `synced`, or for another message, before it has done with one. Where it never has done with one,
   * what came before that is acknowledged a little later.
   */
  private async acknowledgeLater(): Promise<void> {
    while (this.inWork.size > 0) await this.nextWorkEnd();
    if (!this.isOnline) return;
    try {
      await this.acknowledge();
    } catch {
      // The next reading acknowledges what this one has not.
      if (this.isOnline) this.readAgain();
    }
  }

  private async soon(): Promise<void> {
    this.cancelSoon = undefined;
    try {
      await this.acknowledge();
    } catch {
      if (this.isOnline) this.readAgain();
    }
  }

  /** A request has failed: the next try, soon. */
  private readAgain(): void {
    this.readLater(backOffMs(this.failures++, () => this.environment.random()));
  }

  /** One walk from the cursor to the index's end; returns how many messages it delivered. */
  private async readOnce(): Promise<number> {
    let delivered = 0;
    for (;;) {
      const entries = await this.source.index(this.log.cursor);
      if (entries.length === 0) break;
      const before = this.log.cursor;
      for (let at = 0; at < entries.length; at += contentIdsAsked) {
        delivered += await this.deliverAll(entries.slice(at, at + contentIdsAsked));
        await this.acknowledge();
        while (this.inWork.size > inWorkMax) await this.nextWorkEnd();
      }
      // A server that answers what was not asked for must not keep this going for ever.
      if (this.log.cursor <= before) break;
    }
    await this.acknowledge();
    return delivered;
  }

  private async deliverAll(entries: readonly MessageIndex[]): Promise<number> {
    const missing = entries.filter(({ messageId }) => !this.log.isKnown(messageId)).map(({ messageId }) => messageId);
    const contents = new Map<bigint, MessageContent>();
    if (missing.length > 0) {
      for (const content of await this.source.contents(missing)) contents.set(content.messageId, content);
    }
    let delivered = 0;
    let last = 0n;
    for (const entry of entries) {
      last = entry.messageId;
      const content = contents.get(last);
      // Without content: purged since the index was read. Known by now: pushed since then.
      if (content === undefined || !this.log.take(last)) continue;
      delivered++;
      this.deliver(this.waiting?.get(last)?.message ?? indexedMessage(entry, content, this.account));
    }
    this.log.advance(last);
    return delivered;
  }

  private deliver(message: Message): void {
    const promise = this.owner.deliver(message);
    if (promise === undefined) return;
    this.inWork.add(message.id);
    void promise.then((isDone) => {
      this.inWork.delete(message.id);
      if (!isDone) this.failedId = minOf(message.id, this.failedId ?? message.id);
      // The others may never end: what came before them is acknowledged without them.
      if (this.inWork.size > 0 && this.isOnline) this.acknowledgeSoon();
      this.workEnd?.resolve();
      this.workEnd = undefined;
    });
  }

  private acknowledgeSoon(): void {
    this.cancelSoon ??= this.environment.after(lazyReadMs, () => void this.soon());
  }

  private nextWorkEnd(): Promise<void> {
    return (this.workEnd ??= deferred<void>()).promise;
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
    const waiting = [...(this.waiting?.values() ?? [])];
    this.waiting = undefined;
    waiting.sort((one, other) => (one.message.id < other.message.id ? -1 : 1));
    for (const { message, previousId } of waiting) this.pushed(message, previousId);
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
