// The incoming side of TCP frames: bytes in any pieces become whole payloads, without IO.
//
// Memory. A payload that lies whole in a chunk is a view on that chunk; only one that straddles two chunks is copied,
// into a buffer that grows with the bytes that came (doubling), never with the length that the peer declared. Either
// way it lives until the sink's method returns. Declared lengths are checked before anything of that size exists.
//
//   byte  0        opcode
//         1 .. 4   payload length, big-endian
//         5 ..     payload

import { assert } from "../base/assert.ts";
import { type CloseReason, closeFrameTooLarge, closeProtocolFault } from "./close-reason.ts";
import { controlPayloadBytesMax, frameHeaderBytes } from "./frame-writer.ts";
import { OpCode } from "./opcode.ts";

/** Who takes the frames. A payload is a view that lives until the call returns. */
export interface FrameSink {
  /** Never empty. */
  binary(payload: Buffer): void;
  ping(payload: Buffer): void;
  pong(): void;
  /** The last frame that is read: what follows it is dropped. */
  close(payload: Buffer): void;
}

const faultContinuation = closeProtocolFault("continuation frames are not used");
const faultText = closeProtocolFault("text frames are not used");
const faultOpcode = closeProtocolFault("unknown opcode");
const faultControlLength = closeProtocolFault("control frame too long");

const nothing = Buffer.alloc(0);
/** The straddle buffer's first size, so that a peer that sends byte by byte causes few copies. */
const straddleBytesMin = 64;

/** One connection's frame parser. */
export class FrameReader {
  private readonly sink: FrameSink;
  private readonly frameBytesMax: number;
  private isEnded = false;
  /** A frame header that straddles: its opcode, its length so far, and how many of its five bytes have come. */
  private opcode = 0;
  private payloadBytes = 0;
  private headBytes = 0;
  /** A payload that straddles; meaningful when headBytes is frameHeaderBytes. */
  private straddle: Buffer = nothing;
  private straddleBytes = 0;

  /** `frameBytesMax`: the longest payload accepted, in bytes. */
  constructor(sink: FrameSink, frameBytesMax: number) {
    assert(frameBytesMax > 0, "a frame reader accepts some payload");
    this.sink = sink;
    this.frameBytesMax = frameBytesMax;
  }

  /** Bytes of an unfinished frame that are held. */
  get bufferedBytes(): number {
    return this.headBytes + this.straddleBytes;
  }

  /** Ends the stream, also from inside a sink's method: no further frame is delivered, not even of the same chunk. */
  stop(): void {
    this.isEnded = true;
    this.headBytes = 0;
    this.straddle = nothing;
    this.straddleBytes = 0;
  }

  /**
   * Delivers every frame that is complete with this chunk.
   * @returns why the connection must end (1002 or 1009), once; nothing is read after that, after a close frame, or
   * after `stop`.
   */
  push(chunk: Buffer): CloseReason | undefined {
    let at = 0;
    while (at < chunk.length && !this.isEnded) {
      if (this.headBytes < frameHeaderBytes) {
        if (this.headBytes === 0 && chunk.length - at >= frameHeaderBytes) {
          this.opcode = chunk[at]!;
          this.payloadBytes =
            ((chunk[at + 1]! << 24) | (chunk[at + 2]! << 16) | (chunk[at + 3]! << 8) | chunk[at + 4]!) >>> 0;
          at += frameHeaderBytes;
        } else {
          const byte = chunk[at++]!;
          if (this.headBytes === 0) {
            this.opcode = byte;
            this.payloadBytes = 0;
          } else {
            this.payloadBytes = ((this.payloadBytes << 8) | byte) >>> 0;
          }
          if (++this.headBytes < frameHeaderBytes) continue;
        }
        const fault = this.check();
        if (fault !== undefined) {
          this.stop();
          return fault;
        }
        const end = at + this.payloadBytes;
        if (end <= chunk.length) {
          this.headBytes = 0;
          this.deliver(chunk.subarray(at, end));
          at = end;
          continue;
        }
        this.headBytes = frameHeaderBytes;
      }
      at = this.fill(chunk, at);
    }
    return undefined;
  }

  /** What is wrong with the frame whose header was just read. */
  private check(): CloseReason | undefined {
    switch (this.opcode) {
      case OpCode.Binary:
        return this.payloadBytes > this.frameBytesMax ? closeFrameTooLarge : undefined;
      case OpCode.Close:
      case OpCode.Ping:
      case OpCode.Pong:
        return this.payloadBytes > controlPayloadBytesMax ? faultControlLength : undefined;
      case OpCode.Continuation:
        return faultContinuation;
      case OpCode.Text:
        return faultText;
      default:
        return faultOpcode;
    }
  }

  /** Moves what the chunk holds of a straddling payload into its buffer; delivers it when complete. */
  private fill(chunk: Buffer, at: number): number {
    const take = Math.min(this.payloadBytes - this.straddleBytes, chunk.length - at);
    const needed = this.straddleBytes + take;
    if (needed > this.straddle.length) {
      const size = Math.min(this.payloadBytes, Math.max(needed, this.straddle.length * 2, straddleBytesMin));
      const grown = Buffer.allocUnsafe(size);
      this.straddle.copy(grown, 0, 0, this.straddleBytes);
      this.straddle = grown;
    }
    chunk.copy(this.straddle, this.straddleBytes, at, at + take);
    this.straddleBytes = needed;
    if (needed === this.payloadBytes) {
      const payload = this.straddle.subarray(0, needed);
      this.headBytes = 0;
      this.straddle = nothing;
      this.straddleBytes = 0;
      this.deliver(payload);
    }
    return at + take;
  }

  private deliver(payload: Buffer): void {
    switch (this.opcode) {
      case OpCode.Binary:
        if (payload.length > 0) this.sink.binary(payload);
        return;
      case OpCode.Ping:
        this.sink.ping(payload);
        return;
      case OpCode.Pong:
        this.sink.pong();
        return;
      default:
        this.stop();
        this.sink.close(payload);
    }
  }
}
