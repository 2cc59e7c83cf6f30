// Lines before a stream that is slow, full or gone.

import { expect, test } from "bun:test";
import { type LineSink, LineWriter, queuedBytesMax } from "../../src/cli/line-writer.ts";

/** A stream that takes `room` bytes, and fails while it is broken. */
class Stream implements LineSink {
  text = "";
  room = Infinity;
  isBroken = false;
  /** Bytes that a wait makes room for. */
  roomPerWait = 0;

  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    if (count === 0 && this.isBroken) throw new Error("ENOSPC");
    this.text += new TextDecoder().decode(bytes.subarray(0, count));
    this.room -= count;
    return count;
  }
  wait(): void {
    this.room += this.roomPerWait;
  }
}

function writerTo(stream: Stream): LineWriter {
  return new LineWriter(stream, (lines) => `lost ${lines}\n`);
}

test("lines are written at once to a stream that takes them", () => {
  const stream = new Stream();
  const writer = writerTo(stream);
  writer.write("one\n");
  writer.write("two\n");
  expect([stream.text, writer.lost]).toEqual(["one\ntwo\n", 0]);
});

test("lines wait, in their order and whole, for a stream that takes a few bytes at a time", () => {
  const stream = new Stream();
  const writer = writerTo(stream);
  stream.room = 5;
  for (const line of ["one\n", "two\n", "three\n"]) writer.write(line);
  expect(stream.text).toBe("one\nt");
  stream.roomPerWait = 3;
  writer.flush(10_000);
  expect([stream.text, writer.lost]).toEqual(["one\ntwo\nthree\n", 0]);
});

test("a stream that fails loses lines, which are counted, and told of once before the next line", () => {
  const stream = new Stream();
  const writer = writerTo(stream);
  Object.assign(stream, { room: 0, isBroken: true });
  for (const line of ["one\n", "two\n", "three\n"]) writer.write(line);
  expect(writer.lost).toBe(3);
  Object.assign(stream, { room: Infinity, isBroken: false });
  writer.write("four\n");
  writer.write("five\n");
  expect([stream.text, writer.lost]).toEqual(["lost 3\nfour\nfive\n", 3]);
});

test("lost lines are reported once the stream works again, without waiting for another line", () => {
  const stream = new Stream();
  const writer = writerTo(stream);
  Object.assign(stream, { room: 0, isBroken: true });
  writer.write("one\n");
  Object.assign(stream, { room: Infinity, isBroken: false });
  writer.flush(0);
  expect(stream.text).toBe("lost 1\n");
});

test("a line that the failure tore is finished; a notice that the failure tore is finished, too", () => {
  const stream = new Stream();
  const writer = writerTo(stream);
  Object.assign(stream, { room: 2, isBroken: true });
  writer.write("one\n");
  writer.write("two\n");
  stream.room = 4;
  writer.write("three\n");
  Object.assign(stream, { room: Infinity, isBroken: false });
  writer.write("four\n");
  writer.flush(0);
  expect([stream.text, writer.lost]).toEqual(["one\nlost 1\nlost 1\nfour\n", 2]);
});

test("the queue is bounded: a reader that never reads loses lines, and what waits comes first", () => {
  const stream = new Stream();
  const writer = writerTo(stream);
  stream.room = 0;
  const line = `${"x".repeat(1023)}\n`;
  const fitting = queuedBytesMax / line.length;
  for (let count = 0; count < fitting + 7; count++) writer.write(line);
  expect(writer.lost).toBe(7);
  stream.room = Infinity;
  writer.write("next\n");
  expect(stream.text).toBe(`${line.repeat(fitting)}lost 7\nnext\n`);
});

test("an exit does not wait for a reader that never reads", () => {
  const stream = new Stream();
  const writer = writerTo(stream);
  stream.room = 0;
  writer.write("one\n");
  writer.flush(1);
  expect(stream.text).toBe("");
});
