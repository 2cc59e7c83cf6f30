// The incoming side of TCP frames: turns bytes in pieces of any size into complete payloads, without IO.
//
// Memory. A payload that is complete in a chunk is read in place: the sink gets the chunk and two offsets, because a
// view would be an object for every frame. Only a payload that straddles chunks is copied, into a buffer that grows
// with the bytes received (doubling), never with the length that the peer declares. Either way it is valid until the
// sink's method returns. State between chunks exists only while a frame straddles them: most connections are idle.
// Declared lengths are checked before anything of that size is allocated.
//
//   byte  0        opcode
//         1 .. 4   payload length, big-endian
//         5 ..     payload

import { assert } from "../base/assert.ts";
import { type CloseReason, closeFrameTooLarge, closeProtocolFault } from "./close-reason.ts";
import { controlPayloadBytesMax, frameHeaderBytes } from "./frame-writer.ts";
import { OpCode } from "./opcode.ts";
import { readU32 } from "./proto-reader.ts";

/** Receives frames. Arguments are valid until the method returns. */
export interface FrameSink {
  /** The payload is bytes[start, end), which is never empty. */
  binaryReceived(bytes: Buffer, start: number, end: number): void;
  /** An empty binary frame, which has no meaning. */
  emptyReceived?(): void;
  pingReceived(payload: Buffer): void;
  pongReceived(): void;
  /** The last frame that is read: what follows it is dropped. */
  closeReceived(payload: Buffer): void;
}

const faultContinuation = closeProtocolFault("continuation frames are not used");
const faultText = closeProtocolFault("text frames are not used");
const faultOpcode = closeProtocolFault("unknown opcode");
const faultControlLength = closeProtocolFault("control frame too long");

const nothing = Buffer.alloc(0);
/** The straddle buffer's first size, so that a peer that sends byte by byte causes few copies. */
const straddleBytesMin = 64;

function faultOf(opcode: number, payloadBytes: number, frameBytesMax: number): CloseReason | undefined {
  switch (opcode) {
    case OpCode.Binary:
      return payloadBytes > frameBytesMax ? closeFrameTooLarge : undefined;
    case OpCode.Close:
    case OpCode.Ping:
    case OpCode.Pong:
      return payloadBytes > controlPayloadBytesMax ? faultControlLength : undefined;
    case OpCode.Continuation:
      return faultContinuation;
    case OpCode.Text:
      return faultText;
    default:
      return faultOpcode;
  }
}

class Straddle {
  opcode: number;
  payloadBytes: number;
  /** The bytes of the header so far; the payload follows after frameHeaderBytes. */
  headBytes: number;
  /** The bytes at the beginning of `payload` so far. */
  filledBytes = 0;
  payload = nothing;

  constructor(opcode: number, payloadBytes: number, headBytes: number) {
    this.opcode = opcode;
    this.payloadBytes = payloadBytes;
    this.headBytes = headBytes;
  }

  /** Continues to read the header at chunk[at]; returns the offset behind it. */
  readHead(chunk: Buffer, at: number): number {
    for (; at < chunk.length && this.headBytes < frameHeaderBytes; at++, this.headBytes++) {
      const byte = chunk[at]!;
      if (this.headBytes === 0) this.opcode = byte;
      else this.payloadBytes = ((this.payloadBytes << 8) | byte) >>> 0;
    }
    return at;
  }

  /** Copies the chunk's part of the payload; returns the offset behind it. */
  fill(chunk: Buffer, at: number): number {
    const take = Math.min(this.payloadBytes - this.filledBytes, chunk.length - at);
    const needed = this.filledBytes + take;
    if (needed > this.payload.length) {
      const size = Math.min(this.payloadBytes, Math.max(needed, this.payload.length * 2, straddleBytesMin));
      const grown = Buffer.allocUnsafe(size);
      this.payload.copy(grown, 0, 0, this.filledBytes);
      this.payload = grown;
    }
    chunk.copy(this.payload, this.filledBytes, at, at + take);
    this.filledBytes = needed;
    return at + take;
  }
}

export class FrameReader {
  /** The maximum size of further payloads, in bytes. */
  frameBytesMax: number;
  private readonly sink: FrameSink;
  private isEnded = false;
  private straddle: Straddle | undefined;

  constructor(sink: FrameSink, frameBytesMax: number) {
    assert(frameBytesMax > 0, "a frame reader accepts some payload");
    this.sink = sink;
    this.frameBytesMax = frameBytesMax;
  }

  /** The bytes of an incomplete frame that are buffered. */
  get bufferedBytes(): number {
    return this.straddle === undefined ? 0 : this.straddle.headBytes + this.straddle.filledBytes;
  }

  /** Ends the stream, also from inside a sink's method: no further frame is delivered, not even of the same chunk. */
  stop(): void {
    this.isEnded = true;
    this.straddle = undefined;
  }

  /**
   * Delivers every frame that is complete with this chunk. Returns once why the connection must end (1002 or 1009);
   * after that, after a close frame and after `stop` nothing is read.
   */
  push(chunk: Buffer): CloseReason | undefined {
    const { length } = chunk;
    let at = 0;
    while (at < length && !this.isEnded) {
      if (this.straddle !== undefined || length - at < frameHeaderBytes) {
        this.straddle ??= new Straddle(0, 0, 0);
        const behind = this.resume(chunk, at, this.straddle);
        if (typeof behind !== "number") return behind;
        at = behind;
        continue;
      }
      const opcode = chunk[at]!;
      const payloadBytes = readU32(chunk, at + 1);
      const fault = faultOf(opcode, payloadBytes, this.frameBytesMax);
      if (fault !== undefined) {
        this.stop();
        return fault;
      }
      const start = at + frameHeaderBytes;
      at = start + payloadBytes;
      if (at > length) {
        this.straddle = new Straddle(opcode, payloadBytes, frameHeaderBytes);
        this.straddle.fill(chunk, start);
        return undefined;
      }
      this.deliver(opcode, chunk, start, at);
    }
    return undefined;
  }

  /** Continues the incomplete frame; returns the offset behind its part of the chunk, or the fault of its header. */
  private resume(chunk: Buffer, at: number, straddle: Straddle): number | CloseReason {
    if (straddle.headBytes < frameHeaderBytes) {
      at = straddle.readHead(chunk, at);
      if (straddle.headBytes < frameHeaderBytes) return at;
      const fault = faultOf(straddle.opcode, straddle.payloadBytes, this.frameBytesMax);
      if (fault !== undefined) {
        this.stop();
        return fault;
      }
      const end = at + straddle.payloadBytes;
      if (end <= chunk.length) {
        this.straddle = undefined;
        this.deliver(straddle.opcode, chunk, at, end);
        return end;
      }
    }
    const behind = straddle.fill(chunk, at);
    if (straddle.filledBytes === straddle.payloadBytes) {
      this.straddle = undefined;
      this.deliver(straddle.opcode, straddle.payload, 0, straddle.payloadBytes);
    }
    return behind;
  }

  private deliver(opcode: number, bytes: Buffer, start: number, end: number): void {
    switch (opcode) {
      case OpCode.Binary:
        if (end > start) this.sink.binaryReceived(bytes, start, end);
        else this.sink.emptyReceived?.();
        return;
      case OpCode.Ping:
        this.sink.pingReceived(bytes.subarray(start, end));
        return;
      case OpCode.Pong:
        this.sink.pongReceived();
        return;
      default:
        this.stop();
        this.sink.closeReceived(bytes.subarray(start, end));
    }
  }
}
