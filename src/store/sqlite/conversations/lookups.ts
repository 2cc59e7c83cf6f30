// What the readers of conversations look up in the index of the log.

import type { Database } from "bun:sqlite";
import type { LogIndex } from "../index/log-index.ts";
import { lists, receivedKey, sentKey } from "../index/posting.ts";
import { idMax } from "../../snowflake.ts";

export interface Lookups {
  pairNewestFirst(sender: number, receiver: number, below: bigint): Iterable<bigint>;
  pairOldestFirst(sender: number, receiver: number, after: bigint): Iterable<bigint>;
  receivedNewestFirst(inbox: bigint, below: bigint): Iterable<bigint>;
  receivedOldestFirst(inbox: bigint, after: bigint): Iterable<bigint>;
  countPair(sender: number, receiver: number, after: bigint, atMost: number): number;
  countReceived(inbox: bigint, withoutSender: number, after: bigint, until: bigint, atMost: number): number;
  partners(account: number): ReadonlyMap<number, bigint>;
}

// TEMPORARY until the index has lists of pairs.
export class SlowLookups implements Lookups {
  private readonly index: LogIndex;
  private readonly row;

  constructor(db: Database, index: LogIndex) {
    this.index = index;
    this.row = db.prepare<{ inbox: bigint; sender: bigint }, [bigint]>(
      "SELECT inbox, sender FROM message WHERE id = ?",
    );
  }

  private all(list: 0 | 1, key: number, after: bigint): bigint[] {
    const found: bigint[] = [];
    for (const { source, after: from } of this.index.sources(after))
      found.push(...source.idsBetween(list, key, from, idMax, Infinity));
    return found;
  }

  private pair(sender: number, receiver: number, after: bigint): bigint[] {
    return this.all(lists.received, receivedKey(BigInt(receiver)), after).filter(
      (id) => this.row.get(id)?.sender === BigInt(sender),
    );
  }

  pairNewestFirst(sender: number, receiver: number, below: bigint): bigint[] {
    return this.pair(sender, receiver, 0n)
      .filter((id) => id < below)
      .toReversed();
  }

  pairOldestFirst(sender: number, receiver: number, after: bigint): bigint[] {
    return this.pair(sender, receiver, after);
  }

  receivedNewestFirst(inbox: bigint, below: bigint): bigint[] {
    return this.all(lists.received, receivedKey(inbox), 0n)
      .filter((id) => id < below)
      .toReversed();
  }

  receivedOldestFirst(inbox: bigint, after: bigint): bigint[] {
    return this.all(lists.received, receivedKey(inbox), after);
  }

  countPair(sender: number, receiver: number, after: bigint, atMost: number): number {
    return Math.min(atMost, this.pair(sender, receiver, after).length);
  }

  countReceived(inbox: bigint, withoutSender: number, after: bigint, until: bigint, atMost: number): number {
    const others = this.all(lists.received, receivedKey(inbox), after).filter(
      (id) => id < until && this.row.get(id)?.sender !== BigInt(withoutSender),
    );
    return Math.min(atMost, others.length);
  }

  partners(account: number): ReadonlyMap<number, bigint> {
    const found = new Map<number, bigint>();
    const me = BigInt(account);
    const ids = [...this.all(lists.received, receivedKey(me), 0n), ...this.all(lists.sent, sentKey(me), 0n)];
    for (const id of ids) {
      const row = this.row.get(id);
      if (row === null || row.inbox < 0n) continue;
      const partner = Number(row.sender === me ? row.inbox : row.sender);
      if ((found.get(partner) ?? 0n) < id) found.set(partner, id);
    }
    return found;
  }
}
