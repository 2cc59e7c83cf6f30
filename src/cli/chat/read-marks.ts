// What has been read: marks conversations as read, one request at a time, and remembers what partners have read.

import type { Messenger } from "../../sdk/messenger/messenger.ts";
import type { Partner } from "../../sdk/messenger/messenger-types.ts";
import { keyOf } from "../../sdk/messenger/partner.ts";

/** What partners have read is remembered for so many conversations that the list does not have. */
const partnersMax = 1_000;

export class ReadMarks {
  private readonly messenger: Messenger;
  private readonly peers = new Map<string, bigint>();
  /** What is to be marked when the request in work ends, by conversation. */
  private readonly next = new Map<string, { readonly partner: Partner; readonly id: bigint }>();
  private isMarking = false;

  constructor(messenger: Messenger) {
    this.messenger = messenger;
  }

  /** Marks a conversation as read up to a message that a person has seen. A failure is made good by the next mark. */
  seen(partner: Partner, id: bigint): void {
    this.next.set(keyOf(partner), { partner, id });
    if (!this.isMarking) void this.mark();
  }

  peerRead(partner: Partner, id: bigint): void {
    if (this.peers.size < partnersMax) this.peers.set(keyOf(partner), id);
  }

  /** What the partner has read. */
  peerReadId(partner: Partner): bigint {
    const listed = this.messenger.conversation(partner).state?.peerReadId ?? 0n;
    const heard = this.peers.get(keyOf(partner)) ?? 0n;
    return heard > listed ? heard : listed;
  }

  private async mark(): Promise<void> {
    this.isMarking = true;
    for (const [key, { partner, id }] of this.next) {
      this.next.delete(key);
      // A refusal, or a lost connection, leaves it unread.
      await this.messenger
        .conversation(partner)
        .markRead(id)
        .catch(() => undefined);
    }
    this.isMarking = false;
  }
}
