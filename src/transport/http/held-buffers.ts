// Counts the memory of answers that wait to be read: a buffer that several of them share counts once.

import { Counts } from "../../base/counts.ts";

/** Held buffers with the number of their holders. */
class Held {
  bytes = 0;
  private readonly holders = new Counts<Uint8Array>();

  get isEmpty(): boolean {
    return this.holders.size === 0;
  }

  add(buffers: readonly Uint8Array[]): void {
    for (const buffer of buffers) if (this.holders.add(buffer) === 1) this.bytes += buffer.length;
  }

  remove(buffers: readonly Uint8Array[]): void {
    for (const buffer of buffers) {
      if (this.holders.of(buffer) > 0 && this.holders.add(buffer, -1) === 0) this.bytes -= buffer.length;
    }
  }

  /** Bytes that `add` would add. */
  more(buffers: readonly Uint8Array[]): number {
    let bytes = 0;
    for (const buffer of buffers) if (this.holders.of(buffer) === 0) bytes += buffer.length;
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
    if (address !== "") this.byAddress.getOrInsertComputed(address, () => new Held()).add(buffers);
  }

  remove(address: string, buffers: readonly Uint8Array[]): void {
    this.all.remove(buffers);
    const held = this.byAddress.get(address);
    held?.remove(buffers);
    if (held?.isEmpty === true) this.byAddress.delete(address);
  }
}
