// Messages that wait to be sent: each conversation's one after the other, each until the server has stored or refused
// it, with one clientId, so that none is stored twice.

import { errorOf, isWorthRepeating } from "../client-errors.ts";
import type { Environment } from "../environment.ts";
import { backOff, inTime } from "../repeat.ts";
import { filled, type Stored } from "../talk.ts";
import { newMessage } from "./chat-message.ts";
import type { ChatMessage, Draft, Partner } from "./messenger-types.ts";
import { openIndexedDbOutbox } from "./indexed-db-outbox.ts";
import type { OpenOutbox, OutboxEntry, OutboxOwner, OutboxStorage } from "./outbox-storage.ts";
import { keyOf, namesOf } from "./partner.ts";

/** The server recognises a repetition for 24 hours; its clock and this one's may differ. In milliseconds. */
const repeatableMs = 23 * 3_600_000;
/** The time limit of a storage, in milliseconds: browsers' may never answer. */
const storageMsMax = 5_000;
const unknownOutcome = "sent over 23 hours ago, perhaps stored: discard or retry";

/** The bound on messages that wait or have failed. */
const entriesMax = 10_000;

interface Sender {
  readonly environment: Environment;
  account(): string;
  isOnline(): boolean;
  /** One try, as `RoostClient` talks; rejects like it. */
  send(partner: Partner, draft: Draft, clientId: string): Promise<Stored>;
  /**
   * What waits has changed. `clientId`: of a message that is `stored`, else has failed or was discarded; undefined for
   * one that was added, or is tried again.
   */
  changed(partner: Partner, clientId?: string, stored?: Stored): void;
  /** The storage failed, for the first time. */
  storageFailed(error: Error): void;
}

interface Waiting {
  readonly partner: Partner;
  readonly key: string;
  entry: OutboxEntry;
  message: ChatMessage;
  /** Resolves when what was written of it last is kept. A storage works at one piece of an entry's at a time. */
  kept: Promise<void>;
}

export class Outbox {
  private readonly sender: Sender;
  private storage: OutboxStorage | undefined;
  private hasStorageFailed = false;
  private lastAddedAt = 0;
  private readonly queued = new Map<string, Waiting>();
  /** The partners to whom messages are being sent. */
  private readonly running = new Set<string>();
  private closing: Promise<void> | undefined;

  constructor(sender: Sender) {
    this.sender = sender;
  }

  /**
   * Loads what an earlier run has left, and sends it. Rejects if that fails with a storage that the application chose;
   * without the default one, messages wait in memory.
   */
  async start(owner: OutboxOwner, open: OpenOutbox | undefined): Promise<void> {
    const storage = (open ?? openDefault)(owner);
    if (storage === undefined) return;
    try {
      for (const entry of await this.answerOf(storage.load())) {
        this.take(entry);
        this.lastAddedAt = entry.addedAt;
      }
    } catch (cause) {
      storage.close().catch(() => undefined);
      if (open !== undefined) throw cause;
      this.storageFailed(cause);
      return;
    }
    this.storage = storage;
    // The client has ended meanwhile.
    if (this.closing !== undefined) await this.kept((opened) => opened.close());
    this.online();
  }

  /**
   * Adds a message and returns it; each conversation's are sent one after the other.
   * @throws RangeError beyond 10,000 messages that wait or have failed
   */
  add(partner: Partner, draft: Draft): ChatMessage {
    if (this.queued.size >= entriesMax) throw new RangeError(`${entriesMax} messages wait: discard some`);
    const { sender } = this;
    const { account, group } = namesOf(partner);
    const { replyTo, ...contents } = filled(draft);
    const addedAt = (this.lastAddedAt = Math.max(Date.now(), this.lastAddedAt + 1));
    const key = keyOf(partner);
    const isNext = sender.isOnline() && !this.running.has(key) && this.next(key) === undefined;
    const entry: OutboxEntry = {
      clientId: sender.environment.newId(),
      toGroup: group !== "",
      dest: account + group,
      ...contents,
      replyTo: replyTo === 0n ? "" : String(replyTo),
      addedAt,
      // One that is sent at once need not be kept first: it is kept as one that was sent, or not at all.
      triedAt: isNext ? addedAt : 0,
      failure: "",
    };
    const one = this.take(entry);
    sender.changed(partner);
    const kept = this.put(one);
    // Whoever discards it in the same turn is in time.
    void (isNext ? Promise.resolve() : kept).then(() => this.run(one));
    return one.message;
  }

  pending(partner?: Partner): readonly ChatMessage[] {
    const key = partner && keyOf(partner);
    const wanted = [...this.queued.values()].filter((one) => key === undefined || one.key === key);
    return wanted.map(({ message }) => message);
  }

  /** Sends a failed message again, also one that may be stored already. */
  retry(clientId: string): void {
    const one = this.queued.get(clientId);
    if (one?.message.state !== "failed") return;
    one.entry = { ...one.entry, triedAt: 0, failure: "" };
    one.message = messageOf(one.entry, this.sender.account());
    this.sender.changed(one.partner);
    void this.put(one).then(() => this.run(one));
  }

  async discard(clientId: string): Promise<void> {
    const one = this.queued.get(clientId);
    if (one !== undefined) await this.end(one);
  }

  /** Signed in: sends what waits. */
  online(): void {
    for (const one of this.queued.values()) void this.run(one);
  }

  /** The client has ended. Never rejects. */
  close(): Promise<void> {
    return (this.closing ??= this.kept((storage) => storage.close()));
  }

  /** Sends what waits for a partner, unless that is being done. The next sign-in goes on. */
  private async run({ key }: Waiting): Promise<void> {
    if (this.running.has(key)) return;
    this.running.add(key);
    const { sender } = this;
    let failures = 0;
    for (let next = this.next(key); next !== undefined && sender.isOnline(); next = this.next(key)) {
      if (await this.attempt(next)) failures = 0;
      else if (sender.isOnline()) await backOff(sender.environment, failures++);
    }
    this.running.delete(key);
  }

  private next(key: string): Waiting | undefined {
    for (const one of this.queued.values()) if (one.key === key && one.message.state === "sending") return one;
    return undefined;
  }

  /** Sends a message once. Returns false if a later try, or the next sign-in, is to send it again. */
  private async attempt(one: Waiting): Promise<boolean> {
    const { clientId, triedAt } = one.entry;
    let stored: Stored;
    try {
      if (triedAt === 0) {
        one.entry = { ...one.entry, triedAt: Date.now() };
        await this.put(one);
        // Discarded meanwhile.
        if (!this.queued.has(clientId)) return true;
      } else if (Math.abs(Date.now() - triedAt) > repeatableMs) {
        throw new Error(unknownOutcome);
      }
      stored = await this.sender.send(one.partner, one.message, clientId);
    } catch (cause) {
      if (isWorthRepeating(cause)) return false;
      await this.fail(one, errorOf(cause));
      return true;
    }
    if (this.queued.has(clientId)) await this.end(one, stored);
    return true;
  }

  private async fail(one: Waiting, error: Error): Promise<void> {
    if (!this.queued.has(one.entry.clientId)) return;
    one.entry = { ...one.entry, failure: error.message };
    one.message = { ...one.message, state: "failed", error };
    this.sender.changed(one.partner, one.entry.clientId);
    await this.put(one);
  }

  private async end(one: Waiting, stored?: Stored): Promise<void> {
    const { clientId } = one.entry;
    this.queued.delete(clientId);
    this.sender.changed(one.partner, clientId, stored);
    // One that stays is sent again by the next run, with its clientId.
    await this.keep(one, (storage) => storage.remove(clientId));
  }

  private take(entry: OutboxEntry): Waiting {
    const { toGroup, dest, clientId } = entry;
    const partner = toGroup ? { group: dest } : { account: dest };
    const message = messageOf(entry, this.sender.account());
    const one = { partner, key: keyOf(partner), entry, message, kept: Promise.resolve() };
    this.queued.set(clientId, one);
    return one;
  }

  private put(one: Waiting): Promise<void> {
    const { entry } = one;
    return this.keep(one, (storage) => storage.put(entry));
  }

  /** After what is being written of the same entry. */
  private keep(one: Waiting, work: (storage: OutboxStorage) => Promise<void>): Promise<void> {
    return (one.kept = one.kept.then(() => this.kept(work)));
  }

  /** A storage that fails costs what it would have kept, not the message. */
  private async kept(work: (storage: OutboxStorage) => Promise<void>): Promise<void> {
    if (this.storage === undefined) return;
    await this.answerOf(work(this.storage)).catch((cause: unknown) => this.storageFailed(cause));
  }

  private answerOf<T>(work: Promise<T>): Promise<T> {
    return inTime(this.sender.environment, storageMsMax, work, "the outbox does not answer");
  }

  private storageFailed(cause: unknown): void {
    if (!this.hasStorageFailed) this.sender.storageFailed(errorOf(cause));
    this.hasStorageFailed = true;
  }
}

/** None where there is no IndexedDB: the messages are in memory anyway. */
function openDefault(owner: OutboxOwner): OutboxStorage | undefined {
  return typeof indexedDB === "undefined" ? undefined : openIndexedDbOutbox(owner);
}

function messageOf(
  { clientId, addedAt, replyTo, media = [], failure, ...said }: OutboxEntry,
  sender: string,
): ChatMessage {
  const kept = { ...said, id: 0n, sender, sendTime: BigInt(addedAt) * 1_000_000n, replyTo: BigInt(replyTo), media };
  const message = newMessage(kept, clientId);
  return { ...message, ...(failure === "" ? { state: "sending" } : { state: "failed", error: new Error(failure) }) };
}
