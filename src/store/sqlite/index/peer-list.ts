// The list `peers` of a run: for each account and each partner of a direct message in the run, the newest id of both
// directions. It is made from the list `pair`. The partners of an account are then one range of few postings, however
// many messages they exchanged.
//
// Merged runs have it of all accounts. A flushed run has it of those that sent or received more than `busyMessages`
// direct messages in it, so that no account has more than twice as many postings to read in a run.

import { positions, sortedByKey } from "./key-sort.ts";
import { lists } from "./posting.ts";
import { slicePostings, type RunBuilder } from "./run-builder.ts";
import { WordList } from "./word-list.ts";

export const busyMessages = 4_096;

export class PeerList {
  private readonly senders = new WordList();
  private readonly receivers = new WordList();
  /** Of the newest id of each pair: the low and the high half. */
  private readonly lows = new WordList();
  private readonly highs = new WordList();
  private sender = -1;
  private receiver = -1;
  private low = 0;
  private high = 0;

  /** Takes the postings of the list `pair` in their order. */
  add(sender: number, receiver: number, halves: Uint32Array, at: number): void {
    if (sender !== this.sender || receiver !== this.receiver) {
      this.endPair();
      this.sender = sender;
      this.receiver = receiver;
    }
    this.low = halves[at * 2] ?? 0;
    this.high = halves[at * 2 + 1] ?? 0;
  }

  private endPair(): void {
    if (this.sender < 0) return;
    this.senders.push(this.sender);
    this.receivers.push(this.receiver);
    this.lows.push(this.low);
    this.highs.push(this.high);
  }

  /** Passes the list to the builder, only the accounts in `wanted` if given; yields between slices. Call it once. */
  *build(builder: RunBuilder, wanted?: ReadonlySet<number>): Generator<void, void, void> {
    this.endPair();
    const [senders, receivers, lows, highs] = [this.senders.all, this.receivers.all, this.lows.all, this.highs.all];
    const isNewer = (a: number, b: number): boolean => {
      const high = (highs[a] ?? 0) - (highs[b] ?? 0);
      return high > 0 || (high === 0 && (lows[a] ?? 0) > (lows[b] ?? 0));
    };
    // The pairs are sorted by sender and receiver; `backward`, by receiver and sender. Both are merged.
    const backward = sortedByKey(positions(senders.length), receivers);
    yield;
    const end = senders.length;
    const halves = new Uint32Array(2);
    for (let f = 0, b = 0, passed = 1; f < end || b < end; passed++) {
      const back = backward[b] ?? 0;
      const order = f === end ? 1 : b === end ? -1 : compare(senders, receivers, f, back);
      const newest = order < 0 || (order === 0 && isNewer(f, back)) ? f : back;
      const account = (order > 0 ? receivers[back] : senders[f]) ?? 0;
      const partner = (order > 0 ? senders[back] : receivers[f]) ?? 0;
      if (order <= 0) f++;
      if (order >= 0) b++;
      if (passed % slicePostings === 0) yield;
      if (wanted !== undefined && !wanted.has(account)) continue;
      halves[0] = lows[newest] ?? 0;
      halves[1] = highs[newest] ?? 0;
      builder.add(lists.peers, account, partner, halves, 0);
    }
    builder.endList(lists.peers);
  }
}

/** Compares the pair at `f` with the reverse of the one at `back`. */
function compare(senders: Uint32Array, receivers: Uint32Array, f: number, back: number): number {
  return (senders[f] ?? 0) - (receivers[back] ?? 0) || (receivers[f] ?? 0) - (senders[back] ?? 0);
}
