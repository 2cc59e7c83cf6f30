// The unanswered requests of one link, in a fixed table, so that the gateway can answer them itself when the link ends.
// A request carries its ticket, which its answer repeats, so that its connection is found without a string. A free list
// reuses slots; a generation in the ticket keeps a late answer from a reused slot.

import { assert } from "../base/assert.ts";

const slotBits = 17;
const slotMask = (1 << slotBits) - 1;
/** Generations run from 1 to this, so that no ticket is 0, which the wire leaves out. */
const generationMax = 0x7fff;

/** Slots of unanswered requests. `Owner` is the requesting connection. */
export class PendingRequests<Owner> {
  private readonly capacity: number;
  private readonly owners: (Owner | undefined)[] = [];
  private readonly commands: string[] = [];
  private readonly sequences: number[] = [];
  private readonly generations: number[] = [];
  private readonly free: number[] = [];
  /** The number of unanswered requests. */
  size = 0;

  constructor(capacity: number) {
    assert(capacity <= slotMask + 1, "a ticket holds 17 bits of slot");
    this.capacity = capacity;
  }

  /** Takes a slot and returns its ticket; -1 if `capacity` requests are unanswered. */
  take(owner: Owner, sequence: number, command: string): number {
    if (this.size === this.capacity) return -1;
    const slot = this.free.pop() ?? this.owners.length;
    const generation = ((this.generations[slot] ?? 0) % generationMax) + 1;
    this.owners[slot] = owner;
    this.commands[slot] = command;
    this.sequences[slot] = sequence;
    this.generations[slot] = generation;
    this.size++;
    return ((generation << slotBits) | slot) >>> 0;
  }

  /** Frees the ticket's slot and returns its owner; undefined for an unknown ticket. */
  release(ticket: number): Owner | undefined {
    const slot = ticket & slotMask;
    const owner = this.owners[slot];
    if (owner === undefined || this.generations[slot] !== ticket >>> slotBits) return undefined;
    this.owners[slot] = undefined;
    this.free.push(slot);
    this.size--;
    return owner;
  }

  /** Empties the table and reports each request that was in it. */
  drain(unanswered: (owner: Owner, sequence: number, command: string) => void): void {
    for (let slot = 0; slot < this.owners.length; slot++) {
      const owner = this.owners[slot];
      if (owner === undefined) continue;
      this.owners[slot] = undefined;
      this.free.push(slot);
      this.size--;
      unanswered(owner, this.sequences[slot] ?? 0, this.commands[slot] ?? "");
    }
  }
}
