// A set of numbers that count something from 1 on, such as accounts: a bit each.

const spareBytes = 1_024;

export class NumberSet {
  private bits = new Uint8Array(0);

  /** Takes memory for all smaller numbers, too. */
  add(number: bigint): void {
    const at = Number(number);
    const byte = Math.floor(at / 8);
    if (byte >= this.bits.length) {
      const longer = new Uint8Array(2 ** Math.ceil(Math.log2(byte + spareBytes)));
      longer.set(this.bits);
      this.bits = longer;
    }
    this.bits[byte] = (this.bits[byte] ?? 0) | (1 << (at % 8));
  }

  has(number: bigint): boolean {
    const at = Number(number);
    return ((this.bits[Math.floor(at / 8)] ?? 0) & (1 << (at % 8))) !== 0;
  }

  clear(): void {
    this.bits = new Uint8Array(0);
  }
}
