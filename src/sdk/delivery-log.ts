// What of an account's messages is known: everything up to the cursor, and single ids above it. Pure. The cursor moves
// only by reading the index, which has no holes; a push moves nothing. Memory is bounded: an id is forgotten when the
// cursor passes it, or when too many are held (then a message may be delivered twice, never lost).

/** Ids held at most; the index is read every few hundred pushes, so that this is never reached by a server that answers. */
const heldIdsMax = 10_000;

export class DeliveryLog {
  /** Everything received up to this id was delivered or is gone. 0: nothing read yet; the server knows where to begin. */
  private position = 0n;
  /** In the order of arrival. */
  private readonly held = new Set<bigint>();
  private readonly own = new Set<bigint>();
  private readonly heldMax: number;

  constructor(heldMax = heldIdsMax) {
    this.heldMax = heldMax;
  }

  get cursor(): bigint {
    return this.position;
  }

  /** True once for each id: then it is to be delivered. What the index reading has passed is old. */
  take(id: bigint): boolean {
    if (id <= this.position || this.held.has(id)) return false;
    addBounded(this.held, id, this.heldMax);
    return true;
  }

  /** True once for each own message, which stands in no index of received ones: one that another device sent. */
  takeOwn(id: bigint): boolean {
    if (this.own.has(id)) return false;
    this.noteSent(id);
    return true;
  }

  /** An own message was stored. One to oneself is received as well: this says nothing about that. */
  noteSent(id: bigint): void {
    addBounded(this.own, id, this.heldMax);
  }

  /** Delivered, or passed by the reading. */
  isKnown(id: bigint): boolean {
    return id <= this.position || this.held.has(id);
  }

  /** Whether a push that names this message as the one before it leaves no hole there. 0 names none. */
  isBeforeKnown(previousId: bigint): boolean {
    return this.isKnown(previousId) || this.own.has(previousId);
  }

  /** The index was read up to here. Never moves back. */
  advance(id: bigint): void {
    if (id <= this.position) return;
    this.position = id;
    for (const old of this.held) if (old <= id) this.held.delete(old);
  }
}

function addBounded(ids: Set<bigint>, id: bigint, max: number): void {
  ids.add(id);
  if (ids.size <= max) return;
  for (const oldest of ids) {
    ids.delete(oldest);
    return;
  }
}
