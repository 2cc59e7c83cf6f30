// Counts the memory of answers that wait to be read: a buffer that several of them share counts once.

/** Held buffers with the number of their holders. */
class Held {
  bytes = 0;
  private readonly holders = new Map<Uint8Array, number>();

  get isEmpty(): boolean {
    return this.holders.size === 0;
  }

  add(buffers: readonly Uint8Array[]): void {
    for (const buffer of buffers) {
      const holders = this.holders.get(buffer) ?? 0;
      if (holders === 0) this.bytes += buffer.length;
      this.holders.set(buffer, holders + 1);
    }
  }

  remove(buffers: readonly Uint8Array[]): void {
    for (const buffer of buffers) {
      const holders = this.holders.get(buffer) ?? 0;
      if (holders > 1) this.holders.set(buffer, holders - 1);
      else if (this.holders.delete(buffer)) this.bytes -= buffer.length;
    }
  }

  /** Bytes that `add` would add. */
  more(buffers: readonly Uint8Array[]): number {
    let bytes = 0;
    for (const buffer of buffers) if (!this.holders.has(buffer)) bytes += buffer.length;
    return bytes;
  }
}

/** The buffers of answers, by address and in all. The address '' has no bound of its own. */
export class HeldBuffers {
  private readonly all = new Held();
  private readonly byAddress = new Map<string, Held>();

  /** Bytes held by all addresses. */
  get bytes(): number {
    return this.all.bytes;
  }

  /** Bytes held by the address that holds most. */
  get bytesOfLargest(): number {
    let largest = 0;
    for (const { bytes } of this.byAddress.values()) largest = Math.max(largest, bytes);
    return largest;
  }

  /** Returns the bytes that an address, and all, would hold with `buffers`. */
  with(address: string, buffers: readonly Uint8Array[]): { readonly ofAddress: number; readonly inAll: number } {
    const held = this.byAddress.get(address);
    const ofAddress =
      address === "" ? 0 : held === undefined ? new Held().more(buffers) : held.bytes + held.more(buffers);
    return { ofAddress, inAll: this.all.bytes + this.all.more(buffers) };
  }

  add(address: string, buffers: readonly Uint8Array[]): void {
    this.all.add(buffers);
    if (address === "") return;
    let held = this.byAddress.get(address);
    if (held === undefined) this.byAddress.set(address, (held = new Held()));
    held.add(buffers);
  }

  remove(address: string, buffers: readonly Uint8Array[]): void {
    this.all.remove(buffers);
    const held = this.byAddress.get(address);
    held?.remove(buffers);
    if (held?.isEmpty === true) this.byAddress.delete(address);
  }
}
