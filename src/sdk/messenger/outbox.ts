// Messages that wait to be sent: each conversation's one after the other, each until the server has stored or refused
// it, with one clientId, so that none is stored twice.

import { errorOf, isWorthRepeating } from "../client-errors.ts";
import type { Environment } from "../environment.ts";
import type { Stored } from "../roost-client.ts";
import type { ChatMessage, Draft, Partner } from "./messenger-types.ts";
import type { OutboxEntry, OutboxStorage } from "./outbox-storage.ts";
import { keyOf, namesOf } from "./partner.ts";

/** How long the server recognises a repetition, in milliseconds. */
const repeatableMs = 24 * 3_600_000;

/** The pause after a message that the server could not store for now, in milliseconds. */
const againMs = 5_000;

interface Sender {
  readonly environment: Environment;
  account(): string;
  isOnline(): boolean;
  /** One try, as `RoostClient` talks; rejects like it. */
  send(partner: Partner, draft: Draft, clientId: string): Promise<Stored>;
  changed(partner: Partner, clientId: string, what: "added" | "stored" | "failed" | "discarded"): void;
}

interface Waiting {
  entry: OutboxEntry;
  message: ChatMessage;
}

export class Outbox {
  private readonly sender: Sender;
  private storage: OutboxStorage | undefined;
  private readonly waiting = new Map<string, Waiting>();
  /** The conversations that are being sent to. */
  private readonly busy = new Set<string>();

  constructor(sender: Sender) {
    this.sender = sender;
  }

  /** Loads what an earlier run has left, and sends it. */
  async start(storage: OutboxStorage): Promise<void> {
    this.storage = storage;
    for (const entry of await storage.load())
      this.waiting.set(entry.clientId, { entry, message: messageOf(entry, this.sender.account()) });
    this.online();
  }

  /** Adds a message and returns it; each conversation's are sent one after the other. */
  add(partner: Partner, { body, type = 1, extra = "", mentions = [], replyTo = 0n }: Draft): ChatMessage {
    const { account, group } = namesOf(partner);
    const entry: OutboxEntry = {
      clientId: this.sender.environment.newId(),
      toGroup: group !== "",
      dest: group === "" ? account : group,
      ...{ type, body, extra, mentions },
      replyTo: replyTo === 0n ? "" : String(replyTo),
      addedAt: Date.now(),
      triedAt: 0,
    };
    const message = messageOf(entry, this.sender.account());
    this.waiting.set(entry.clientId, { entry, message });
    this.sender.changed(partner, entry.clientId, "added");
    void this.put(entry).then(() => this.run(partner));
    return message;
  }

  pending(partner?: Partner): readonly ChatMessage[] {
    const key = partner && keyOf(partner);
    const wanted = [...this.waiting.values()].filter(
      ({ entry }) => key === undefined || keyOf(partnerOf(entry)) === key,
    );
    return wanted.map(({ message }) => message);
  }

  retry(clientId: string): void {
    const one = this.waiting.get(clientId);
    if (one === undefined) return;
    one.message = messageOf(one.entry, this.sender.account());
    void this.run(partnerOf(one.entry));
  }

  async discard(clientId: string): Promise<void> {
    const one = this.waiting.get(clientId);
    if (one !== undefined) await this.end(one, "discarded");
  }

  /** Signed in: sends what waits. */
  online(): void {
    const partners = new Map(
      [...this.waiting.values()].map(({ entry }) => [keyOf(partnerOf(entry)), partnerOf(entry)]),
    );
    for (const partner of partners.values()) void this.run(partner);
  }

  async close(): Promise<void> {
    await this.storage?.close();
  }

  private async run(partner: Partner): Promise<void> {
    const key = keyOf(partner);
    if (this.busy.has(key)) return;
    this.busy.add(key);
    try {
      for (let next = this.next(key); next !== undefined && this.sender.isOnline(); next = this.next(key)) {
        if (await this.attempt(partner, next)) continue;
        if (this.sender.isOnline()) this.sender.environment.after(againMs, () => void this.run(partner));
        break;
      }
    } finally {
      this.busy.delete(key);
    }
  }

  private next(key: string): Waiting | undefined {
    return [...this.waiting.values()].find(
      ({ entry, message }) => keyOf(partnerOf(entry)) === key && message.state === "sending",
    );
  }

  /** Sends a message once. Returns false if a later try, or the next sign-in, is to send it again. */
  private async attempt(partner: Partner, one: Waiting): Promise<boolean> {
    try {
      const { entry } = one;
      if (entry.triedAt === 0) {
        one.entry = { ...entry, triedAt: Date.now() };
        await this.put(one.entry);
      } else if (Date.now() - entry.triedAt > repeatableMs) {
        throw new Error("first sent more than 24 hours ago, the message may be stored: look, then discard it");
      }
      const { type, body, extra, mentions } = entry;
      const draft = { type, body, extra, mentions, replyTo: BigInt(entry.replyTo) };
      await this.sender.send(partner, draft, entry.clientId);
    } catch (cause) {
      if (isWorthRepeating(cause)) return false;
      one.message = { ...one.message, state: "failed", error: errorOf(cause) };
      this.sender.changed(partner, one.entry.clientId, "failed");
      return true;
    }
    await this.end(one, "stored");
    return true;
  }

  private async end({ entry }: Waiting, what: "stored" | "discarded"): Promise<void> {
    this.waiting.delete(entry.clientId);
    this.sender.changed(partnerOf(entry), entry.clientId, what);
    // One that stays is sent again by the next run, with its clientId.
    await this.storage?.remove(entry.clientId).catch(() => undefined);
  }

  /** A storage that fails costs what it would have kept, not the message. */
  private async put(entry: OutboxEntry): Promise<void> {
    if (this.waiting.has(entry.clientId)) await this.storage?.put(entry).catch(() => undefined);
  }
}

function partnerOf({ toGroup, dest }: OutboxEntry): Partner {
  return toGroup ? { group: dest } : { account: dest };
}

function messageOf(
  { clientId, addedAt, type, body, extra, mentions, replyTo }: OutboxEntry,
  sender: string,
): ChatMessage {
  const kept = { clientId, sender, type, body, extra, mentions, replyTo: BigInt(replyTo) };
  const sendTime = BigInt(addedAt) * 1_000_000n;
  return { ...kept, id: 0n, sendTime, isEdited: false, isRecalled: false, reactions: [], state: "sending" };
}
