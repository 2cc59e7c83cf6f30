// What has come of requests that cannot be answered yet, in one piece. Room is doubled as it is needed: a head that comes byte
// by byte is not copied for each of them.
//
// Memory: it owns its bytes, and takes a chunk that nothing else holds as it is. Whatever changes them returns by how many
// bytes more (or less) it takes then.

const noBytes = Buffer.alloc(0);

export class PendingBytes {
  /** Of `room`, from its beginning on. */
  length = 0;
  private room: Buffer = noBytes;

  /** The bytes, without a copy; they are good until the next change. */
  view(): Buffer {
    return this.room.subarray(0, this.length);
  }

  /** Puts `chunk`, which is its own from now on, behind what there is. Room beyond `doubledMax` bytes is not doubled. */
  add(chunk: Buffer, doubledMax: number): number {
    const before = this.room.length;
    if (this.length === 0 && chunk.length >= before && isWhole(chunk)) {
      this.room = chunk;
      this.length = chunk.length;
      return chunk.length - before;
    }
    const end = this.length + chunk.length;
    if (end > before) {
      const room = Buffer.allocUnsafeSlow(Math.max(end, Math.min(2 * before, doubledMax)));
      room.set(this.view());
      this.room = room;
    }
    this.room.set(chunk, this.length);
    this.length = end;
    return this.room.length - before;
  }

  /** Keeps `bytes` alone, which are its own from now on, or a part of the view. */
  replace(bytes: Buffer): number {
    const before = this.room.length;
    this.room = isWhole(bytes) ? bytes : Buffer.from(bytes);
    this.length = bytes.length;
    return this.room.length - before;
  }

  clear(): number {
    const before = this.room.length;
    this.room = noBytes;
    this.length = 0;
    return -before;
  }
}

/** True for a view of all of its memory: a smaller one would keep more than it shows. */
function isWhole(bytes: Buffer): boolean {
  return bytes.byteLength === bytes.buffer.byteLength;
}
