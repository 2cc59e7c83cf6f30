// What has come of a numbered series, of which each number should come once and in order.

/** One series. Its memory is what is missing, not what has come. */
export class Ledger {
  /** Different numbers that have come. */
  delivered = 0;
  /** Numbers that came again. */
  duplicated = 0;
  /** Numbers that came after a greater one. */
  reordered = 0;
  private next = 0;
  private readonly missing = new Set<number>();

  /** Notes a number; false when it has come before. */
  note(number: number): boolean {
    if (number >= this.next) {
      for (let skipped = this.next; skipped < number; skipped++) this.missing.add(skipped);
      this.next = number + 1;
    } else if (this.missing.delete(number)) {
      this.reordered++;
    } else {
      this.duplicated++;
      return false;
    }
    this.delivered++;
    return true;
  }
}
