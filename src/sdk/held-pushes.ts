// Pushes that wait for the reading after a sign-in, which delivers what comes before them.

import type { MessageIndex } from "../wire/gen/messages/message-index.ts";
import type { Message } from "./message.ts";

/** The bound on pushes that wait; the index has those that are dropped. */
const heldMax = 1_000;

/** A message, or another entry of the log. */
export type Item = Message | MessageIndex;

interface HeldPush {
  readonly item: Item;
  readonly previousIds: readonly bigint[];
}

export const idOf = (item: Item): bigint => ("id" in item ? item.id : item.messageId);

export class HeldPushes {
  private readonly pushes = new Map<bigint, HeldPush>();

  /** Returns false if there are too many. */
  hold(push: HeldPush): boolean {
    if (this.pushes.size >= heldMax) return false;
    this.pushes.set(idOf(push.item), push);
    return true;
  }

  get(id: bigint): Item | undefined {
    return this.pushes.get(id)?.item;
  }

  /** Removes the pushes up to an id, by default all, and returns them in the order of ids. */
  take(upTo?: bigint): readonly HeldPush[] {
    const taken = [...this.pushes].filter(([id]) => upTo === undefined || id <= upTo);
    for (const [id] of taken) this.pushes.delete(id);
    return taken.toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, push]) => push);
  }
}
