// The messages that are answered, and not loaded: fetched together once a turn.

import { signal } from "@preact/signals";
import type { ChatMessage, Messenger } from "../../sdk/messenger/messenger.ts";

/** Messages of one request, as the client allows. */
const fetchedMax = 200;

export class Quotes {
  private readonly client: Messenger;
  /** Undefined: it is on its way. Null: this account does not see it. */
  private readonly known = signal<ReadonlyMap<bigint, ChatMessage | null | undefined>>(new Map());
  private readonly wanted = new Set<bigint>();

  constructor(client: Messenger) {
    this.client = client;
  }

  of(id: bigint): ChatMessage | null | undefined {
    if (!this.known.value.has(id) && !this.wanted.has(id)) {
      this.wanted.add(id);
      if (this.wanted.size === 1) setTimeout(() => void this.fetch());
    }
    return this.known.value.get(id);
  }

  private async fetch(): Promise<void> {
    const ids = [...this.wanted].slice(0, fetchedMax);
    let found: readonly ChatMessage[] = [];
    try {
      found = await this.client.messages(ids);
    } catch {
      // Without a connection they are asked for again when they are shown again.
      this.wanted.clear();
      return;
    }
    const byId = new Map(found.map((message) => [message.id, message]));
    this.known.value = new Map([...this.known.value, ...ids.map((id) => [id, byId.get(id) ?? null] as const)]);
    for (const id of ids) this.wanted.delete(id);
    if (this.wanted.size > 0) await this.fetch();
  }
}
