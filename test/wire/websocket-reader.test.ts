import { describe, expect, test } from "bun:test";
import { type CloseReason, CloseCode } from "../../src/wire/close-reason.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { type MessageSink, unmask, WebSocketReader } from "../../src/wire/websocket-reader.ts";
import {
  parseWebSocketClose,
  webSocketCloseFrame,
  webSocketHeadBytes,
  writeWebSocketHead,
} from "../../src/wire/websocket-writer.ts";
import { Random, testSeed } from "../support/random.ts";
import { clientFrame, type ClientFrame } from "../support/websocket-frames.ts";

class Recorder implements MessageSink {
  readonly events: string[] = [];
  /** Called after each event. */
  after: () => void = () => {};
  private note(event: string): void {
    this.events.push(event);
    this.after();
  }
  binaryReceived(bytes: Buffer, start: number, end: number): void {
    this.note(`binary ${bytes.toString("hex", start, end)}`);
  }
  emptyReceived(): void {
    this.note("empty");
  }
  fragmentReceived(): void {
    this.note("fragment");
  }
  pingReceived(payload: Buffer): void {
    this.note(`ping ${payload.toString("hex")}`);
  }
  pongReceived(): void {
    this.note("pong");
  }
  closeReceived(payload: Buffer): void {
    this.note(`close ${payload.toString("hex")}`);
  }
}

/** What a reader makes of the pieces. */
function read(
  pieces: readonly Buffer[],
  frameBytesMax = 100_000,
): { events: string[]; fault: CloseReason | undefined } {
  const recorder = new Recorder();
  const reader = new WebSocketReader(recorder, frameBytesMax);
  let fault: CloseReason | undefined;
  // A copy, because a reader unmasks in place.
  for (const piece of pieces) fault ??= reader.push(Buffer.from(piece));
  return { events: recorder.events, fault };
}

const bytewise = (stream: Buffer): Buffer[] => Array.from(stream, (byte) => Buffer.from([byte]));

/** A stream of everything that a client may send, and what comes of it. */
const sample: readonly (readonly [ClientFrame, string])[] = [
  [{ payload: Buffer.from("whole") }, `binary ${Buffer.from("whole").toString("hex")}`],
  [{ opcode: OpCode.Ping, payload: Buffer.from("p") }, "ping 70"],
  [{ payload: Buffer.alloc(0) }, "empty"],
  [{ payload: Buffer.from("ab"), isFinal: false }, "fragment"],
  [{ opcode: OpCode.Pong, payload: Buffer.from("q") }, "pong"],
  [{ opcode: OpCode.Continuation, payload: Buffer.alloc(0), isFinal: false }, "fragment"],
  [{ opcode: OpCode.Continuation, payload: Buffer.from("cd") }, "binary 61626364"],
  [{ payload: Buffer.alloc(126, 7) }, `binary ${"07".repeat(126)}`],
  [{ payload: Buffer.alloc(300, 9) }, `binary ${"09".repeat(300)}`],
  [{ opcode: OpCode.Close, payload: Buffer.from("03e8", "hex") }, "close 03e8"],
];
const stream = Buffer.concat(sample.map(([frame], at) => clientFrame(frame, 0x1234_5678 * (at + 1))));
const events = sample.map(([, event]) => event);

describe("a WebSocket reader", () => {
  test("reads a stream as a whole, byte by byte, and cut in two anywhere", () => {
    expect(read([stream])).toEqual({ events, fault: undefined });
    expect(read(bytewise(stream))).toEqual({ events, fault: undefined });
    for (let cut = 1; cut < stream.length; cut++) {
      expect(read([stream.subarray(0, cut), stream.subarray(cut)]).events).toEqual(events);
    }
  });

  test("reads nothing after a close frame, nor after stop, not even of the same read", () => {
    expect(read([Buffer.concat([stream, clientFrame({ payload: Buffer.from("late") })])]).events).toEqual(events);
    const recorder = new Recorder();
    const reader = new WebSocketReader(recorder, 100);
    recorder.after = () => reader.stop();
    reader.push(Buffer.from(stream));
    expect(recorder.events).toEqual(events.slice(0, 1));
    expect(reader.bufferedBytes).toBe(0);
  });

  test("reads messages of every length around the forms of a length, with any key, cut at random", () => {
    const random = new Random(testSeed("WebSocket lengths"));
    for (const length of [0, 1, 3, 95, 96, 97, 125, 126, 127, 65_535, 65_536, 70_001]) {
      const payload = Buffer.from(Array.from({ length }, () => random.below(256)));
      const frame = clientFrame({ payload }, random.below(2 ** 32));
      const expected = [length === 0 ? "empty" : `binary ${payload.toString("hex")}`];
      expect(read([frame]).events).toEqual(expected);
      // In the middle of a read, so that no word is aligned by chance.
      const before = clientFrame({ opcode: OpCode.Pong, payload: Buffer.alloc(random.below(8)) });
      expect(read([Buffer.concat([before, frame])]).events).toEqual(["pong", ...expected]);
      const cut = 1 + random.below(Math.max(1, frame.length - 1));
      expect(read([frame.subarray(0, cut), frame.subarray(cut)]).events).toEqual(expected);
    }
  });

  test("unmasks as the RFC's formula does, at every offset", () => {
    const random = new Random(testSeed("unmasking"));
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(Array.from({ length: 400 }, () => random.below(256)));
      const key = random.below(2 ** 32);
      const start = random.below(20);
      const end = start + random.below(380);
      const expected = Buffer.from(bytes);
      for (let at = start; at < end; at++) {
        expected.writeUInt8(expected.readUInt8(at) ^ ((key >>> (24 - 8 * ((at - start) % 4))) & 0xff), at);
      }
      unmask(bytes, start, end, key | 0);
      expect(bytes.equals(expected)).toBe(true);
    }
  });

  const faults: readonly (readonly [string, Buffer, number])[] = [
    ["a frame without a mask", Buffer.from([0x82, 0x01, 0x41]), CloseCode.ProtocolFault],
    ["a reserved bit", Buffer.from([0xc2, 0x80, 0, 0, 0, 0]), CloseCode.ProtocolFault],
    ["a text message", clientFrame({ opcode: OpCode.Text, payload: Buffer.from("t") }), CloseCode.ProtocolFault],
    ["an unknown opcode", Buffer.from([0x83, 0x80, 0, 0, 0, 0]), CloseCode.ProtocolFault],
    ["a fragment of no message", clientFrame({ opcode: OpCode.Continuation, payload: Buffer.from("c") }), 1002],
    [
      "a message within another one",
      Buffer.concat([
        clientFrame({ payload: Buffer.from("a"), isFinal: false }),
        clientFrame({ payload: Buffer.from("b") }),
      ]),
      CloseCode.ProtocolFault,
    ],
    ["a ping in fragments", clientFrame({ opcode: OpCode.Ping, payload: Buffer.from("p"), isFinal: false }), 1002],
    ["a ping of 126 bytes", clientFrame({ opcode: OpCode.Ping, payload: Buffer.alloc(126) }), CloseCode.ProtocolFault],
    ["a length of 64 bits", Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), CloseCode.ProtocolFault],
    ["a length of 2^62", Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0]), CloseCode.TooLarge],
    [
      "a message of one byte too much",
      clientFrame({ payload: Buffer.alloc(1_001) }).subarray(0, 8),
      CloseCode.TooLarge,
    ],
    [
      "fragments of one byte too much together",
      Buffer.concat([
        clientFrame({ payload: Buffer.alloc(600), isFinal: false }),
        clientFrame({ opcode: OpCode.Continuation, payload: Buffer.alloc(401) }).subarray(0, 8),
      ]),
      CloseCode.TooLarge,
    ],
  ];
  test.each(faults)("refuses %s as soon as it is known, whole and byte by byte", (_, bytes, code) => {
    expect(read([bytes], 1_000).fault?.code).toBe(code);
    expect(read(bytewise(bytes), 1_000).fault?.code).toBe(code);
  });

  test("takes a message of the bound, whole and in fragments", () => {
    const parts = [clientFrame({ payload: Buffer.alloc(600), isFinal: false })];
    parts.push(clientFrame({ opcode: OpCode.Continuation, payload: Buffer.alloc(400) }));
    expect(read([clientFrame({ payload: Buffer.alloc(1_000) })], 1_000).fault).toBeUndefined();
    expect(read(parts, 1_000)).toEqual({ events: ["fragment", `binary ${"00".repeat(1_000)}`], fault: undefined });
  });

  test("holds what came of a message, not what was declared", () => {
    const reader = new WebSocketReader(new Recorder(), 100_000);
    const frame = clientFrame({ payload: Buffer.alloc(100_000) });
    reader.push(Buffer.from(frame.subarray(0, 1_014)));
    expect(reader.bufferedBytes).toBe(1_014);
  });

  test("judges a frame by the bound that is in force when its head comes", () => {
    const recorder = new Recorder();
    const reader = new WebSocketReader(recorder, 10);
    reader.frameBytesMax = 20;
    expect(reader.push(clientFrame({ payload: Buffer.alloc(20, 1) }))).toBeUndefined();
    reader.frameBytesMax = 10;
    expect(reader.push(clientFrame({ payload: Buffer.alloc(11, 1) }))?.code).toBe(CloseCode.TooLarge);
  });
});

describe("what a WebSocket server writes", () => {
  test("is a head of the shortest form, unmasked", () => {
    const head = (payloadBytes: number): string => {
      const bytes = Buffer.alloc(webSocketHeadBytes(payloadBytes));
      writeWebSocketHead(bytes, 0, OpCode.Binary, payloadBytes);
      return bytes.toString("hex");
    };
    expect([0, 125, 126, 65_535, 65_536, 0x1234_5678].map(head)).toEqual([
      "8200",
      "827d",
      "827e007e",
      "827effff",
      "827f0000000000010000",
      "827f0000000012345678",
    ]);
  });

  test("is a close frame that can be read again, cut between characters", () => {
    const frame = webSocketCloseFrame({ code: 4008, text: "limit reached" });
    expect(frame.toString("hex", 0, 4)).toBe("880f0fa8");
    expect(parseWebSocketClose(frame.subarray(2))).toEqual({ code: 4008, text: "limit reached" });
    const long = webSocketCloseFrame({ code: 1012, text: "ü".repeat(300) });
    expect(long.length).toBeLessThanOrEqual(127);
    expect(parseWebSocketClose(long.subarray(2))?.text).toMatch(/^ü+$/);
  });

  test("knows which codes may stand in a close frame", () => {
    const parse = (code: number): number | undefined =>
      parseWebSocketClose(Buffer.from([code >> 8, code & 0xff]))?.code;
    for (const code of [1000, 1001, 1003, 1007, 1014, 3000, 4008, 4999]) expect(parse(code)).toBe(code);
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535]) expect(parse(code)).toBeUndefined();
    expect(parseWebSocketClose(Buffer.from([3]))).toBeUndefined();
    expect(parseWebSocketClose(Buffer.alloc(0))?.code).toBe(1000);
  });
});
