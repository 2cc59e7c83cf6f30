import { describe, expect, test } from "bun:test";
import {
  BufferPool,
  largeBytesMax,
  pooledBytesMax,
  pooledBytesMin,
  retainedBytesMax,
} from "../../src/transport/buffer-pool.ts";
import { OutboundBuffer, OutboundPool } from "../../src/transport/outbound-buffer.ts";
import { Random, testSeed } from "../support/random.ts";

describe("a buffer pool", () => {
  test("hands out powers of two that fit, and the same buffer again after it came back", () => {
    const pool = new BufferPool();
    expect(pool.take(1).length).toBe(pooledBytesMin);
    const buffer = pool.take(pooledBytesMin + 1);
    expect(buffer.length).toBe(2 * pooledBytesMin);
    pool.give(buffer);
    expect(pool.retainedBytes).toBe(buffer.length);
    expect(pool.take(2 * pooledBytesMin)).toBe(buffer);
    expect(pool.retainedBytes).toBe(0);
  });

  test("keeps neither what is too large nor more than its bound", () => {
    const pool = new BufferPool();
    pool.give(pool.take(largeBytesMax + 1));
    expect(pool.retainedBytes).toBe(0);
    const taken = Array.from({ length: retainedBytesMax / pooledBytesMax + 3 }, () => pool.take(pooledBytesMax));
    for (const buffer of taken) pool.give(buffer);
    expect(pool.retainedBytes).toBe(retainedBytesMax);
  });
});

test("a buffer pool keeps one large buffer, and gives it to who needs at least half of it", () => {
  const pool = new BufferPool();
  const large = pool.take(3 * pooledBytesMax + 1);
  expect(large.length).toBe(4 * pooledBytesMax);
  const other = pool.take(2 * pooledBytesMax);
  pool.give(large);
  pool.give(other);
  expect(pool.retainedBytes).toBe(large.length);
  expect(pool.take(2 * pooledBytesMax)).toBe(large);
  expect([pool.retainedBytes, pool.takenBytes]).toEqual([0, large.length]);
});

test("what is left of a large answer moves into a smaller buffer, whatever the pool keeps, and moves once", () => {
  const pool = new BufferPool();
  const megabyte = 1024 * 1024;
  const [kept, answer] = [pool.take(8 * megabyte), new OutboundBuffer(pool)];
  answer.reserve(8 * megabyte);
  pool.give(kept);
  answer.consume(4 * megabyte + megabyte / 2);
  answer.trim();
  expect(answer.bytes.length).toBeLessThanOrEqual(2 * answer.pendingBytes);
  const { bytes } = answer;
  answer.trim();
  expect(answer.bytes).toBe(bytes);
});

describe("an outbound buffer", () => {
  test("holds no memory while it is empty", () => {
    const pool = new BufferPool();
    const queue = new OutboundBuffer(pool);
    expect(queue.bytes.length).toBe(0);
    queue.reserve(100);
    expect(queue.bytes.length).toBe(pooledBytesMin);
    queue.consume(100);
    expect(queue.bytes.length).toBe(0);
    expect(pool.retainedBytes).toBe(pooledBytesMin);
  });

  test("takes back the last room alone, also after it has grown and after some has left", () => {
    const pool = new BufferPool();
    const queue = new OutboundBuffer(pool);
    for (const [length, byte] of [
      [3_000, 1],
      [2_000, 2],
    ] as const) {
      const at = queue.reserve(length);
      queue.bytes.fill(byte, at, at + length);
    }
    queue.consume(1_000);
    queue.reserve(100_000);
    queue.unreserve();
    expect(queue.pendingBytes).toBe(4_000);
    const waiting = queue.bytes.subarray(queue.start, queue.start + 4_000);
    expect(waiting.every((byte, at) => byte === (at < 2_000 ? 1 : 2))).toBe(true);
    queue.consume(4_000);
    queue.reserve(10);
    queue.unreserve();
    expect(queue.bytes.length).toBe(0);
  });

  test("holds at most twice what waits, once it was trimmed after a large frame has partly left", () => {
    const pool = new BufferPool();
    const queue = new OutboundBuffer(pool);
    const length = 4_000_000;
    const at = queue.reserve(length);
    for (let i = 0; i < length; i++) queue.bytes[at + i] = i % 251;
    const random = new Random(testSeed("a large frame"));
    for (let read = 0; read < length;) {
      const taken = Math.min(queue.pendingBytes, 1 + random.below(400_000));
      for (let i = 0; i < taken; i++) {
        const byte = queue.bytes[queue.start + i];
        if (byte !== (read + i) % 251) throw new Error(`byte ${read + i} is ${byte}`);
      }
      read += taken;
      queue.consume(taken);
      queue.trim();
      expect(queue.pendingBytes).toBe(length - read);
      expect(pool.takenBytes).toBeLessThanOrEqual(Math.max(64 * 1024, 2 * queue.pendingBytes));
    }
    expect(pool.takenBytes).toBe(0);
  });

  test("yields the bytes that went in, however it grows and is drained", () => {
    const random = new Random(testSeed("an outbound buffer"));
    const queue = new OutboundBuffer(new BufferPool());
    let written = 0;
    let read = 0;
    for (let round = 0; round < 3_000; round++) {
      const length = 1 + random.below(random.below(20) === 0 ? 20_000 : 300);
      const at = queue.reserve(length);
      for (let i = 0; i < length; i++) queue.bytes[at + i] = (written + i) % 251;
      written += length;
      const taken = Math.min(queue.pendingBytes, random.below(2_000));
      const seen = queue.bytes.subarray(queue.start, queue.start + taken);
      for (const byte of seen) {
        if (byte !== read % 251) throw new Error(`byte ${read} is ${byte}`);
        read++;
      }
      queue.consume(taken);
      expect(queue.pendingBytes).toBe(written - read);
    }
  });
});

describe("a pool of outbound buffers", () => {
  test("hands out what came back, empty and without a buffer, whatever waited in it", () => {
    const pool = new OutboundPool();
    const queue = pool.take();
    queue.reserve(2 * pooledBytesMin);
    queue.consume(5);
    pool.give(queue);
    expect(pool.buffers.retainedBytes).toBe(2 * pooledBytesMin);
    const again = pool.take();
    expect(again).toBe(queue);
    expect([again.pendingBytes, again.start, again.bytes.length]).toEqual([0, 0, 0]);
  });

  test("never hands one out twice", () => {
    const pool = new OutboundPool();
    const [first, second] = [pool.take(), pool.take()];
    expect(first).not.toBe(second);
    pool.give(first);
    pool.give(second);
    expect(pool.take()).not.toBe(pool.take());
  });
});
