// Bytes of TCP into frames: whole, straddling, and in the worst pieces there are.

import { FrameReader } from "../../src/wire/frame-reader.ts";
import { frameHeaderBytes, writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import type { Topic } from "./case.ts";
import { talkPacket } from "./sample.ts";

const frameBytesMax = 1024 * 1024;
const framesInChunk = 32;

export function frameReaderTopic(): Topic {
  let frames = 0;
  const sink = { binaryReceived: () => void frames++, pingReceived() {}, pongReceived() {}, closeReceived() {} };
  const reader = new FrameReader(sink, frameBytesMax);
  const frame = Buffer.alloc(frameHeaderBytes + talkPacket.length);
  writeFrameHeader(frame, 0, OpCode.Binary, talkPacket.length);
  talkPacket.copy(frame, frameHeaderBytes);
  const chunk = Buffer.concat(Array.from({ length: framesInChunk }, () => frame));
  const half = frame.length >> 1;
  const halves = [frame.subarray(0, half), frame.subarray(half)];
  const single = Array.from(frame, (byte) => Buffer.of(byte));
  const feed = (pieces: readonly Buffer[]) => () => {
    for (const piece of pieces) reader.push(piece);
    return frames;
  };
  return {
    cases: [
      { name: "frame-reader/whole", run: feed([frame]) },
      { name: `frame-reader/${framesInChunk} frames in a chunk`, run: feed([chunk]) },
      { name: "frame-reader/in two pieces", run: feed(halves) },
      { name: `frame-reader/byte by byte, ${frame.length} bytes`, run: feed(single) },
    ],
  };
}
