// What this process has told others of: entries of changes, versions of accounts' own states, read cursors. A client
// repeats a change that was not answered, and the store answers a repetition with the entry that is in force. If this
// process has not told of that, nobody may have: the store failed, or the node that committed it died before it pushed.
//
// Memory: a short key for each, bounded; beyond the bound, the oldest are forgotten, whose repetition is told again.
// What an account's own devices are told, which is frequent and costs little, displaces nothing that a group is told.

import type { ConversationName } from "../../store/conversations.ts";

const toldMax = 10_000;
/**
 * A change of a group counts as told in the period in which it was, and in the next one, in milliseconds: it may be
 * taken back and made again by way of other nodes, and the store does not say which entry took it back.
 */
const groupToldMs = 30_000;

/** A request to change a group, or a pin: the same request again means the same change. */
export interface GroupRequest {
  readonly app: string;
  readonly actor: string;
  readonly command: string;
  readonly body: Uint8Array;
  /** When it arrived, on the monotonic clock. */
  readonly receivedMs: number;
}

export class ToldChanges {
  private readonly entries = new Told();
  private readonly own = new Told();

  /**
   * Remembers that an entry is told now; returns whether it was told before. 0n, an entry that the store does not know
   * any more, counts as told: it did nothing, or so many followed it that clients have missed these, too.
   */
  tellEntry(app: string, entryId: bigint): boolean {
    return entryId === 0n || this.entries.tell(keyOf(app, entryId));
  }

  /** It could not be told. */
  forgetEntry(app: string, entryId: bigint): void {
    this.entries.forget(keyOf(app, entryId));
  }

  /** Like `tellEntry` for a change of a group: the store does not say by which entry it is in force. */
  tellGroup({ app, actor, command, body, receivedMs }: GroupRequest): boolean {
    const request = keyOf("group", app, actor, command, Bun.hash(body).toString());
    const period = Math.floor(receivedMs / groupToldMs);
    const wasTold = this.entries.has(keyOf(request, BigInt(period - 1)));
    return this.entries.tell(keyOf(request, BigInt(period))) || wasTold;
  }

  /** The same for a version of an account's own state. */
  tellState(app: string, account: string, version: bigint): boolean {
    return this.own.tell(keyOf("state", app, account, version));
  }

  /** The same for a read cursor. */
  tellRead(app: string, account: string, { toGroup, dest }: ConversationName, messageId: bigint): boolean {
    return this.own.tell(keyOf("read", app, account, toGroup, dest, messageId));
  }
}

/** A bounded memory of keys. */
class Told {
  /** The oldest first. */
  private readonly keys = new Set<string>();
  /**
   * Stands before the oldest key: what it has passed was deleted, and what is added again goes to the end. (A new
   * iterator would walk over all entries deleted before.)
   */
  private oldest = this.keys.values();

  /** Remembers a key; returns whether it was remembered already. */
  tell(key: string): boolean {
    if (this.keys.has(key)) return true;
    if (this.keys.size >= toldMax) this.forgetOldest();
    this.keys.add(key);
    return false;
  }

  has(key: string): boolean {
    return this.keys.has(key);
  }

  forget(key: string): void {
    this.keys.delete(key);
  }

  private forgetOldest(): void {
    let next = this.oldest.next();
    if (next.done === true) {
      // It ended once when nothing was left to pass.
      this.oldest = this.keys.values();
      next = this.oldest.next();
    }
    if (next.done !== true) this.keys.delete(next.value);
  }
}

/** Unambiguous: no part has a NUL. */
function keyOf(...parts: readonly (string | bigint | boolean)[]): string {
  return parts.join("\0");
}
