// Buffers for bytes that wait to leave. A connection draws one only while it has something queued, so that idle
// connections hold none; ten thousand connections that answer in different turns share a handful of buffers.
//
// Invariant: a buffer has one owner. Who gives it back keeps no view on it: the next owner overwrites it.

/** The smallest buffer handed out, in bytes. */
export const pooledBytesMin = 4 * 1024;
/** Of larger buffers one is kept: what passes on a large answer fills the same pages again and again, in bytes. */
export const pooledBytesMax = 1024 * 1024;
/** Larger ones are allocated and dropped, never kept, in bytes. */
export const largeBytesMax = 8 * 1024 * 1024;
/** What a pool keeps for later, over all sizes, in bytes. */
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

  /** Bytes that lie here unused. */
  get retainedBytes(): number {
    return this.retained;
  }

  /** Bytes of the buffers that are in use. */
  get takenBytes(): number {
    return this.taken;
  }

  /** A buffer of at least `bytesMin` bytes, with arbitrary content: a power of two, or above a megabyte some megabytes. */
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

  /** Takes a buffer of `take` back; drops it when it is too large or enough is kept. */
  give(buffer: Buffer): void {
    this.taken -= buffer.length;
    if (this.retained + buffer.length > retainedBytesMax) return;
    if (buffer.length > pooledBytesMax) {
      this.keepLarge(buffer);
      return;
    }
    // Sizes are powers of two: the position of the highest bit is the index.
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
