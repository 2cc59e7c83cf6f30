// Tracks which of an account's messages are known: all up to the cursor, and single ids above it. Pure. Only reading
// the index, which is complete, advances the cursor; pushes do not. Memory is bounded: an id is forgotten when the
// cursor passes it, or when too many are held (then a message may be delivered twice, never lost).

import { dropOldest } from "./bounded.ts";

/** The bound on held ids. The index is read every few hundred pushes, so a responsive server never reaches it. */
const heldIdsMax = 10_000;

export class DeliveryLog {
  /** Everything up to this id is delivered or purged. 0: nothing has been read, and the server knows the start. */
  private position = 0n;
  private readonly held = new Set<bigint>();
  private readonly own = new Set<bigint>();
  private readonly heldMax: number;

  constructor(heldMax = heldIdsMax) {
    this.heldMax = heldMax;
  }

  get cursor(): bigint {
    return this.position;
  }

  /** Returns true once for each id, which must be delivered then; false for ids that the cursor has passed. */
  take(id: bigint): boolean {
    if (id <= this.position || this.held.has(id)) return false;
    this.held.add(id);
    dropOldest(this.held, this.heldMax);
    return true;
  }

  /** Like `take`, for messages that another device of this account sent; the index of received messages lacks them. */
  takeOwn(id: bigint): boolean {
    if (this.own.has(id)) return false;
    this.noteSent(id);
    return true;
  }

  /** Records an own message as stored. A message to oneself is received as well, which this does not record. */
  noteSent(id: bigint): void {
    this.own.add(id);
    dropOldest(this.own, this.heldMax);
  }

  /** Reports whether a message was delivered or passed by the cursor. */
  isKnown(id: bigint): boolean {
    return id <= this.position || this.held.has(id);
  }

  /** Reports whether a push that names this message as its predecessor leaves no gap. 0 means no predecessor. */
  isBeforeKnown(previousId: bigint): boolean {
    return this.isKnown(previousId) || this.own.has(previousId);
  }

  /** Forgets everything: the server has been restored from a backup, and its ids begin before the cursor. */
  restart(): void {
    this.position = 0n;
    this.held.clear();
  }

  /** Moves the cursor forward to an id up to which the index has been read. Never moves it back. */
  advance(id: bigint): void {
    if (id <= this.position) return;
    this.position = id;
    for (const old of this.held) if (old <= id) this.held.delete(old);
  }
}
