// Buffers for bytes that wait to be sent. A connection holds one only while something is queued, so an idle connection
// has none, and ten thousand connections that answer in different turns share a handful.
//
// Invariant: a buffer has one owner. The owner keeps no view of a buffer that it returns: the next owner overwrites it.

/** The smallest buffer handed out, in bytes. */
export const pooledBytesMin = 4 * 1024;
/** One larger buffer up to this size is kept, in bytes: forwarded large answers reuse its pages. */
export const pooledBytesMax = 1024 * 1024;
/** Larger buffers are allocated and dropped, never kept, in bytes. */
export const largeBytesMax = 8 * 1024 * 1024;
/** The bound on free buffers of all sizes together, in bytes. */
export const retainedBytesMax = 32 * 1024 * 1024;

/** Free buffers by size: powers of two from pooledBytesMin to pooledBytesMax. */
export class BufferPool {
  private readonly free: Buffer[][];
  private large: Buffer | undefined;
  private retained = 0;
  private taken = 0;

  constructor() {
    const sizes = Math.log2(pooledBytesMax / pooledBytesMin) + 1;
    this.free = Array.from({ length: sizes }, () => []);
  }

  /** Bytes of free buffers. */
  get retainedBytes(): number {
    return this.retained;
  }

  /** Bytes of buffers in use. */
  get takenBytes(): number {
    return this.taken;
  }

  /**
   * Returns a buffer of at least `bytesMin` bytes with arbitrary content. Its size is a power of two up to a megabyte,
   * and a multiple of a megabyte above.
   */
  take(bytesMin: number): Buffer {
    if (bytesMin > pooledBytesMax) return this.takeLarge(bytesMin);
    let size = pooledBytesMin;
    let index = 0;
    while (size < bytesMin) {
      size *= 2;
      index++;
    }
    this.taken += size;
    const kept = this.free[index]?.pop();
    if (kept === undefined) return Buffer.allocUnsafeSlow(size);
    this.retained -= size;
    return kept;
  }

  /** Returns a buffer of `take` to the pool, or drops it if it is too large or enough are kept. */
  give(buffer: Buffer): void {
    this.taken -= buffer.length;
    if (this.retained + buffer.length > retainedBytesMax) return;
    if (buffer.length > pooledBytesMax) {
      this.keepLarge(buffer);
      return;
    }
    // Sizes are powers of two: the index is the position of the highest bit.
    const kept = this.free[Math.clz32(pooledBytesMin) - Math.clz32(buffer.length)];
    if (kept === undefined) return;
    this.retained += buffer.length;
    kept.push(buffer);
  }

  private takeLarge(bytesMin: number): Buffer {
    const { large } = this;
    // Who moves into a smaller buffer because half of its own is free must not get one like that.
    const isFit = large !== undefined && large.length >= bytesMin && large.length <= 2 * bytesMin;
    const buffer = isFit ? large : Buffer.allocUnsafeSlow(Math.ceil(bytesMin / pooledBytesMax) * pooledBytesMax);
    this.taken += buffer.length;
    if (!isFit) return buffer;
    this.large = undefined;
    this.retained -= buffer.length;
    return buffer;
  }

  private keepLarge(buffer: Buffer): void {
    if (this.large !== undefined || buffer.length > largeBytesMax) return;
    this.large = buffer;
    this.retained += buffer.length;
  }
}
