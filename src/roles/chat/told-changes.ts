// What this process has told others of: changes of messages, of accounts' own states, read cursors. A client repeats a
// change that was not answered, and the store answers a repetition as what is in force already. If this process has not
// told of it, nobody may have: the store failed, or the node that committed it died before it pushed.
//
// Memory: a short key for each, bounded; beyond the bound, the oldest are forgotten, whose repetition is told again.
// What an account's own devices are told, which is frequent and costs little, displaces no change that a group is told.

import type { Clock } from "../../base/clock.ts";
import type { ConversationName, MessageChange } from "../../store/conversations.ts";

const toldMax = 10_000;
/**
 * For how long a reaction counts as told, in milliseconds: it may be taken back and given again by way of other nodes,
 * and the store does not say which entry took it back.
 */
const reactionToldMs = 30_000;

export class ToldChanges {
  private readonly changes: Told;
  private readonly own: Told;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.changes = new Told(clock);
    this.own = new Told(clock);
  }

  /** Remembers that a change of a message is told now; returns whether it was told before. */
  tellChange(change: MessageChange): boolean {
    const key = changeKey(change);
    // Without a key no edit is a repetition.
    if (key === undefined) return false;
    if (change.kind !== "react") return this.changes.tell(key);
    this.changes.forget(changeKey({ ...change, isOff: !change.isOff }));
    return this.changes.tell(key, reactionToldMs);
  }

  /** It could not be told. */
  forgetChange(change: MessageChange): void {
    this.changes.forget(changeKey(change));
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
  private readonly clock: Pick<Clock, "monotonicMs">;
  /** When each was told; the oldest first. */
  private readonly keys = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.clock = clock;
  }

  /** Remembers a key; returns whether it was remembered already, since at most `validMs`. */
  tell(key: string, validMs = Infinity): boolean {
    const nowMs = this.clock.monotonicMs();
    const beforeMs = this.keys.get(key);
    if (beforeMs !== undefined && nowMs - beforeMs <= validMs) return true;
    this.keys.delete(key);
    const [oldest] = this.keys.keys();
    if (this.keys.size >= toldMax && oldest !== undefined) this.keys.delete(oldest);
    this.keys.set(key, nowMs);
    return false;
  }

  forget(key: string | undefined): void {
    if (key !== undefined) this.keys.delete(key);
  }
}

/** Undefined for an edit that cannot be repeated. */
function changeKey(change: MessageChange): string | undefined {
  const { app, actor, messageId } = change;
  switch (change.kind) {
    case "edit":
      return change.clientId === "" ? undefined : keyOf("edit", app, actor, messageId, change.clientId);
    case "recall":
      return keyOf("recall", app, messageId);
    case "react":
      return keyOf("react", app, actor, messageId, change.reaction, change.isOff);
  }
}

/** Unambiguous: what may hold a NUL, the client's key of an edit, is the last part. */
function keyOf(...parts: readonly (string | bigint | boolean)[]): string {
  return parts.join("\0");
}
