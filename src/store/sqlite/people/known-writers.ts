// Which accounts may write to which others, as the writer has found out: a table of a fixed size, 1 MiB, in which a new
// pair takes the place of an older one. Every talk to an account that may refuse somebody looks here: it allocates
// nothing.

const slots = 2 ** 16;
/** Odd constants that spread the numbers of accounts, which follow each other, over the slots. */
const [mixActor, mixTarget] = [0x9e3779b1, 0x85ebca6b];

export class KnownWriters {
  /** Both numbers of the pair in a slot; no account has the number 0. */
  private readonly actors = new Float64Array(slots);
  private readonly targets = new Float64Array(slots);
  private isEmpty = true;

  has(actor: bigint, target: bigint): boolean {
    const [one, other] = [Number(actor), Number(target)];
    const slot = slotOf(one, other);
    return this.actors[slot] === one && this.targets[slot] === other;
  }

  add(actor: bigint, target: bigint): void {
    const [one, other] = [Number(actor), Number(target)];
    const slot = slotOf(one, other);
    this.actors[slot] = one;
    this.targets[slot] = other;
    this.isEmpty = false;
  }

  clear(): void {
    if (this.isEmpty) return;
    this.actors.fill(0);
    this.isEmpty = true;
  }
}

function slotOf(one: number, other: number): number {
  return ((Math.imul(one, mixActor) ^ Math.imul(other, mixTarget)) >>> 16) % slots;
}
