// The bytes of requests that cannot be answered yet, in one buffer, which doubles as needed: a head that arrives byte
// by byte is not copied for each.
//
// Memory: it owns its bytes, and takes over a chunk without a copy if that is all of its memory. Each change returns
// the difference in bytes of memory.

const noBytes = Buffer.alloc(0);

export class PendingBytes {
  /** The bytes in use, at the start of `room`. */
  length = 0;
  private room: Buffer = noBytes;

  /** The bytes, uncopied; valid until the next change. */
  view(): Buffer {
    return this.room.subarray(0, this.length);
  }

  /** Appends `chunk`, and owns it from now on. The buffer does not double beyond `doubledMax` bytes. */
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

  /** Replaces all by `bytes`, which it owns from now on, or which are part of the view. */
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

/** True for a view of all of its memory: a smaller view keeps more memory than it shows. */
function isWhole(bytes: Buffer): boolean {
  return bytes.byteLength === bytes.buffer.byteLength;
}
