// Stands in for the outbox until it is there: in memory.

import { errorOf, isWorthRepeating } from "../client-errors.ts";
import type { OutboxContract, OutboxOwnerContract } from "./messenger-contract.ts";
import type { ChatMessage, Draft, Partner } from "./messenger-types.ts";
import { keyOf } from "./partner.ts";

interface Entry {
  readonly partner: Partner;
  readonly draft: Draft;
  message: ChatMessage;
}

export class Outbox implements OutboxContract {
  private readonly owner: OutboxOwnerContract;
  private readonly entries = new Map<string, Entry>();
  private readonly busy = new Set<string>();

  constructor(owner: OutboxOwnerContract) {
    this.owner = owner;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  add(partner: Partner, draft: Draft): ChatMessage {
    const clientId = crypto.randomUUID();
    const { body, type = 1, extra = "", mentions = [], replyTo = 0n } = draft;
    const sendTime = BigInt(Date.now()) * 1_000_000n;
    const kept = { id: 0n, clientId, sender: this.owner.account, sendTime, type, body, extra, mentions, replyTo };
    const message: ChatMessage = { ...kept, isEdited: false, isRecalled: false, reactions: [], state: "sending" };
    this.entries.set(clientId, { partner, draft, message });
    this.owner.changed(partner, message, "added");
    void this.run(partner);
    return message;
  }

  pending(partner?: Partner): readonly ChatMessage[] {
    const all = [...this.entries.values()];
    const wanted = partner && keyOf(partner);
    return all.filter((entry) => wanted === undefined || keyOf(entry.partner) === wanted).map(({ message }) => message);
  }

  retry(clientId: string): void {
    const entry = this.entries.get(clientId);
    if (entry === undefined) return;
    const { error: _, ...message } = entry.message;
    entry.message = { ...message, state: "sending" };
    void this.run(entry.partner);
  }

  discard(clientId: string): Promise<void> {
    const entry = this.entries.get(clientId);
    if (this.entries.delete(clientId) && entry !== undefined)
      this.owner.changed(entry.partner, entry.message, "discarded");
    return Promise.resolve();
  }

  online(): void {
    for (const { partner } of [...this.entries.values()]) void this.run(partner);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private async run(partner: Partner): Promise<void> {
    const key = keyOf(partner);
    if (this.busy.has(key)) return;
    this.busy.add(key);
    try {
      for (;;) {
        const next = [...this.entries].find(
          ([, entry]) => keyOf(entry.partner) === key && entry.message.state === "sending",
        );
        if (next === undefined) return;
        const [clientId, entry] = next;
        try {
          const { id, sendTime } = await this.owner.send(partner, entry.draft, clientId);
          this.entries.delete(clientId);
          this.owner.changed(partner, { ...entry.message, id, sendTime, state: "stored" }, "stored");
        } catch (error) {
          if (isWorthRepeating(error)) return;
          entry.message = { ...entry.message, state: "failed", error: errorOf(error) };
          this.owner.changed(partner, entry.message, "failed");
        }
      }
    } finally {
      this.busy.delete(key);
    }
  }
}
