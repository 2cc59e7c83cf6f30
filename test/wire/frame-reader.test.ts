import { describe, expect, test } from "bun:test";
import { FrameReader, type FrameSink } from "../../src/wire/frame-reader.ts";
import { frameHeaderBytes, pingFrame, pongFrame, writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { bytesOf, frameVectors } from "../support/vectors.ts";

const frameBytesMax = 1024 * 1024;

function frame(opcode: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(frameHeaderBytes);
  writeFrameHeader(head, 0, opcode, payload.length);
  return Buffer.concat([head, payload]);
}

const binary = (text: string): Buffer => frame(OpCode.Binary, Buffer.from(text));

/** Copies what it gets, as the keeper of a view must. */
class Recorder implements FrameSink {
  readonly seen: string[] = [];
  readonly views: Buffer[] = [];

  binaryReceived(bytes: Buffer, start: number, end: number): void {
    const payload = bytes.subarray(start, end);
    this.views.push(payload);
    this.seen.push(`binary ${payload.toString("hex")}`);
  }
  pingReceived(payload: Buffer): void {
    this.seen.push(`ping ${payload.toString("hex")}`);
  }
  pongReceived(): void {
    this.seen.push("pong");
  }
  closeReceived(payload: Buffer): void {
    this.seen.push(`close ${payload.toString()}`);
  }
}

/** All golden frames, the control frames among them; the close frame last, since it ends a stream. */
const isClose = (hex: string): boolean => hex.startsWith("08");
const stream = Buffer.concat([
  ...frameVectors.filter((vector) => !isClose(vector.hex)).map((vector) => bytesOf(vector.hex)),
  frame(OpCode.Ping, Buffer.from("hello")),
  binary("last"),
  ...frameVectors.filter((vector) => isClose(vector.hex)).map((vector) => bytesOf(vector.hex)),
]);

function whole(): string[] {
  const sink = new Recorder();
  expect(new FrameReader(sink, frameBytesMax).push(Buffer.from(stream))).toBeUndefined();
  return sink.seen;
}

/** Pushes the pieces, each poisoned once its push has returned. */
function inPieces(pieces: readonly Buffer[]): string[] {
  const sink = new Recorder();
  const reader = new FrameReader(sink, frameBytesMax);
  for (const piece of pieces) {
    const chunk = Buffer.from(piece);
    expect(reader.push(chunk)).toBeUndefined();
    chunk.fill(0xdb);
  }
  expect(reader.bufferedBytes).toBe(0);
  return sink.seen;
}

describe("splits", () => {
  test("one chunk gives every frame in order", () => {
    const seen = whole();
    expect(seen.length).toBe(frameVectors.length + 2);
    expect(seen.at(-1)).toBe("close bye");
    expect(seen.at(-2)).toBe(`binary ${Buffer.from("last").toString("hex")}`);
  });

  test("a split at every single point gives the same frames", () => {
    const expected = whole();
    for (let at = 0; at <= stream.length; at++) {
      expect(inPieces([stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
    }
  });

  test("two splits at every pair of points of a short stream give the same frames", () => {
    const short = Buffer.concat([binary("ab"), pingFrame, binary("cde")]);
    const expected = ["binary 6162", "ping ", "binary 636465"];
    for (let first = 0; first <= short.length; first++) {
      for (let second = first; second <= short.length; second++) {
        expect(inPieces([short.subarray(0, first), short.subarray(first, second), short.subarray(second)])).toEqual(
          expected,
        );
      }
    }
  });

  test("byte by byte gives the same frames", () => {
    expect(inPieces(Array.from(stream, (byte) => Buffer.of(byte)))).toEqual(whole());
  });

  test("a megabyte that comes in pieces of 1000 bytes is delivered whole", () => {
    const payload = Buffer.alloc(frameBytesMax, "0123456789abc");
    const bytes = frame(OpCode.Binary, payload);
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 1000) pieces.push(bytes.subarray(at, at + 1000));
    expect(inPieces(pieces)).toEqual([`binary ${payload.toString("hex")}`]);
  });
});

describe("memory", () => {
  test("a payload that lies whole in a chunk is a view on it, also behind one that straddles", () => {
    const sink = new Recorder();
    const reader = new FrameReader(sink, frameBytesMax);
    const bytes = Buffer.concat([binary("straddles"), binary("whole")]);
    const first = Buffer.from(bytes.subarray(0, 8));
    const second = Buffer.from(bytes.subarray(8));
    reader.push(first);
    reader.push(second);
    expect(sink.views.map((view) => view.toString())).toEqual(["straddles", "whole"]);
    second.fill("x");
    expect(sink.views.map((view) => view.toString())).toEqual(["straddles", "xxxxx"]);
  });

  test("a chunk that is overwritten after its push does not harm a frame that began in it", () => {
    const sink = new Recorder();
    const reader = new FrameReader(sink, frameBytesMax);
    const bytes = binary("begins here, ends there");
    const chunk = Buffer.from(bytes.subarray(0, 12));
    reader.push(chunk);
    chunk.fill(0xff);
    reader.push(Buffer.from(bytes.subarray(12)));
    expect(sink.views[0]?.toString()).toBe("begins here, ends there");
  });

  test("a sink that overwrites a payload does not harm the frames around it", () => {
    const seen: string[] = [];
    const reader = new FrameReader(
      {
        binaryReceived: (bytes, start, end) => (
          seen.push(bytes.toString("utf8", start, end)),
          bytes.fill(0, start, end)
        ),
        pingReceived() {},
        pongReceived() {},
        closeReceived() {},
      },
      frameBytesMax,
    );
    const bytes = Buffer.concat([binary("one"), binary("two"), binary("three")]);
    for (let at = 0; at < bytes.length; at += 5) reader.push(Buffer.from(bytes.subarray(at, at + 5)));
    expect(seen).toEqual(["one", "two", "three"]);
  });

  test("a declared megabyte of which nothing comes holds five bytes", () => {
    const reader = new FrameReader(new Recorder(), frameBytesMax);
    const head = Buffer.alloc(frameHeaderBytes);
    writeFrameHeader(head, 0, OpCode.Binary, frameBytesMax);
    expect(reader.push(head)).toBeUndefined();
    expect(reader.bufferedBytes).toBe(frameHeaderBytes);
  });

  test("thousands of readers that declare a megabyte and send one byte take memory for what came only", () => {
    const readers: FrameReader[] = [];
    Bun.gc(true);
    const before = process.memoryUsage();
    for (let count = 0; count < 4000; count++) {
      const reader = new FrameReader(new Recorder(), frameBytesMax);
      const head = Buffer.alloc(frameHeaderBytes + 1);
      writeFrameHeader(head, 0, OpCode.Binary, frameBytesMax);
      reader.push(head);
      readers.push(reader);
    }
    const after = process.memoryUsage();
    // Four thousand declared megabytes would be 4 GB; a kilobyte or two each is what the objects take.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(32 * 1024 * 1024);
    expect(readers.reduce((sum, reader) => sum + reader.bufferedBytes, 0)).toBe(4000 * (frameHeaderBytes + 1));
  });

  test("nothing is held between frames", () => {
    const reader = new FrameReader(new Recorder(), frameBytesMax);
    const bytes = binary("some text");
    reader.push(bytes.subarray(0, 9));
    expect(reader.bufferedBytes).toBe(9);
    reader.push(bytes.subarray(9));
    expect(reader.bufferedBytes).toBe(0);
  });
});

describe("faults", () => {
  const faultOf = (bytes: Buffer, max = frameBytesMax) => {
    const sink = new Recorder();
    const reader = new FrameReader(sink, max);
    return { fault: reader.push(bytes), sink, reader };
  };

  test("a declared length above the bound is refused with 1009 from the header alone, up to 4 GiB", () => {
    for (const length of [1025, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      const head = Buffer.alloc(frameHeaderBytes);
      writeFrameHeader(head, 0, OpCode.Binary, length);
      const { fault, reader } = faultOf(head, 1024);
      expect(fault?.code).toBe(1009);
      expect(reader.bufferedBytes).toBe(0);
    }
    expect(faultOf(frame(OpCode.Binary, Buffer.alloc(1024)), 1024).fault).toBeUndefined();
  });

  test("every opcode but binary, close, ping and pong is refused with 1002, byte by byte too", () => {
    for (let opcode = 0; opcode < 256; opcode++) {
      const bytes = frame(opcode, Buffer.from("x"));
      const known = [OpCode.Binary, OpCode.Close, OpCode.Ping, OpCode.Pong].some((code) => code === opcode);
      expect(faultOf(bytes).fault?.code).toBe(known ? undefined : 1002);
      const reader = new FrameReader(new Recorder(), frameBytesMax);
      const faults = Array.from(bytes, (byte) => reader.push(Buffer.of(byte))).filter((fault) => fault !== undefined);
      expect(faults.length).toBe(known ? 0 : 1);
    }
  });

  test("a control frame carries at most 125 bytes", () => {
    for (const opcode of [OpCode.Close, OpCode.Ping, OpCode.Pong]) {
      expect(faultOf(frame(opcode, Buffer.alloc(125))).fault).toBeUndefined();
      expect(faultOf(frame(opcode, Buffer.alloc(126))).fault?.code).toBe(1002);
    }
  });

  test("frames before a fault are delivered, and nothing is read after it", () => {
    const { fault, sink, reader } = faultOf(
      Buffer.concat([binary("good"), frame(OpCode.Text, Buffer.from("bad")), binary("late")]),
    );
    expect(fault?.code).toBe(1002);
    expect(reader.push(binary("later"))).toBeUndefined();
    expect(sink.seen).toEqual([`binary ${Buffer.from("good").toString("hex")}`]);
  });

  test("nothing is read after a close frame", () => {
    const { fault, sink, reader } = faultOf(Buffer.concat([frame(OpCode.Close, Buffer.from("bye")), binary("late")]));
    expect(fault).toBeUndefined();
    reader.push(binary("later"));
    expect(sink.seen).toEqual(["close bye"]);
  });
});

describe("delivery", () => {
  test("empty binary frames are skipped", () => {
    const sink = new Recorder();
    new FrameReader(sink, frameBytesMax).push(Buffer.concat([binary(""), binary("a"), binary("")]));
    expect(sink.seen).toEqual(["binary 61"]);
  });

  test("ping and pong pass between the parts of nothing else", () => {
    const sink = new Recorder();
    new FrameReader(sink, frameBytesMax).push(
      Buffer.concat([pingFrame, pongFrame, frame(OpCode.Ping, Buffer.from("p"))]),
    );
    expect(sink.seen).toEqual(["ping ", "pong", "ping 70"]);
  });

  test("a sink that stops the reader gets no frame that follows in the same chunk", () => {
    const seen: string[] = [];
    const reader = new FrameReader(
      {
        binaryReceived(bytes, start, end) {
          seen.push(bytes.toString("utf8", start, end));
          if (seen.length === 2) reader.stop();
        },
        pingReceived() {},
        pongReceived() {},
        closeReceived() {},
      },
      frameBytesMax,
    );
    expect(
      reader.push(Buffer.concat([binary("1"), binary("2"), binary("3"), binary("4").subarray(0, 3)])),
    ).toBeUndefined();
    expect(reader.push(binary("5"))).toBeUndefined();
    expect(seen).toEqual(["1", "2"]);
    expect(reader.bufferedBytes).toBe(0);
  });
});
