// The incoming side of a WebSocket (RFC 6455), as a server reads it: bytes in any pieces become whole messages, without IO.
//
// Memory. A message that lies whole in a chunk is unmasked there, and the sink gets the chunk and two offsets. Only one
// that straddles two chunks, or comes in fragments, is copied, into a buffer that grows with the bytes that came
// (doubling), never with the length that the peer declared. Either way it lives until the sink's method returns. Declared
// lengths, the sum of a message's fragments included, are checked before anything of that size exists.
//
//   byte  0        FIN (1 bit), RSV (3, zero), opcode (4)
//         1        MASK (1 bit, set), payload length (7): below 126, or 126 or 127
//         2 .. 3   payload length, if the byte before says 126; big-endian, as the next one
//         2 .. 9   payload length, if it says 127
//         4 bytes  the masking key
//         ..       payload, each byte XORed with key[at % 4]

import { assert } from "../base/assert.ts";
import { type CloseReason, closeFrameTooLarge, closeProtocolFault } from "./close-reason.ts";
import type { FrameSink } from "./frame-reader.ts";
import { controlPayloadBytesMax } from "./frame-writer.ts";
import { OpCode } from "./opcode.ts";

/** Who takes the messages. What a method is given lives until it returns. */
export interface MessageSink extends FrameSink {
  /** A fragment that does not complete its message. */
  fragmentReceived(): void;
}

const fin = 0x80;
const reserved = 0x70;
const masked = 0x80;
const maskBytes = 4;
/** A frame's head is two bytes, up to eight of length, and the key. */
const headBytesMax = 14;

const faultReserved = closeProtocolFault("reserved bits of a WebSocket frame are set");
const faultUnmasked = closeProtocolFault("a WebSocket client masks its frames");
/** The fault of a peer that sends a text message. */
export const faultTextMessage = closeProtocolFault("text messages are not used");
const faultOpcode = closeProtocolFault("unknown opcode");
const faultControl = closeProtocolFault("a control frame is whole and at most 125 bytes long");
const faultFragment = closeProtocolFault("a fragment of no message");
const faultUnfinished = closeProtocolFault("a message begins within another one");
const faultLength = closeProtocolFault("a frame length of more than 63 bits");

const nothing = Buffer.alloc(0);
/** The first size of a copy, so that a peer that sends byte by byte causes few of them. */
const copyBytesMin = 64;
/** From this length on a payload is unmasked word by word. */
const wordwiseBytesMin = 96;

/** Unmasks bytes[start, end) in place; `key` is read as it stands in the frame: its first byte is the highest. */
export function unmask(bytes: Buffer, start: number, end: number, key: number): void {
  let at = start;
  let turning = key | 0;
  if (end - start >= wordwiseBytesMin) {
    for (; ((bytes.byteOffset + at) & 3) !== 0; at++) {
      bytes[at]! ^= turning >>> 24;
      turning = (turning << 8) | (turning >>> 24);
    }
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >> 2);
    // Words of this machine are little-endian, as on every platform that Bun runs on.
    const word =
      (turning >>> 24) | ((turning >>> 8) & 0xff00) | ((turning << 8) & 0xff0000) | ((turning << 24) & 0xff000000);
    for (let index = 0; index < words.length; index++) words[index]! ^= word;
    at += words.length * 4;
  }
  for (; at < end; at++) {
    bytes[at]! ^= turning >>> 24;
    turning = (turning << 8) | (turning >>> 24);
  }
}

/** A message or a frame of which only the beginning has come. */
class Unfinished {
  /** The head of the frame that is being read. */
  readonly head = Buffer.alloc(headBytesMax);
  headBytes = 0;
  /** Of the current frame, once its head is complete; -1: it is not. */
  payloadBytes = -1;
  filledBytes = 0;
  key = 0;
  /** The payload of a control frame, which may stand between two fragments. */
  control = nothing;
  /** The message's bytes so far, unmasked, at the beginning of the buffer. */
  message = nothing;
  messageBytes = 0;
  /** A fragment has come, and not the last one. */
  isFragmented = false;

  get opcode(): number {
    return this.head[0]! & 0x0f;
  }

  get isFinal(): boolean {
    return (this.head[0]! & fin) !== 0;
  }

  get isControl(): boolean {
    return this.opcode >= OpCode.Close;
  }

  /** Ends the current frame; the next byte begins another one. */
  nextFrame(): void {
    this.headBytes = 0;
    this.payloadBytes = -1;
    this.filledBytes = 0;
    this.control = nothing;
  }

  /** Copies and unmasks what the chunk holds of the payload; returns the offset behind it. */
  fill(chunk: Buffer, at: number): number {
    const take = Math.min(this.payloadBytes - this.filledBytes, chunk.length - at);
    const turn = 8 * (this.filledBytes & 3);
    const key = turn === 0 ? this.key : (this.key << turn) | (this.key >>> (32 - turn));
    let target: Buffer;
    let to: number;
    if (this.isControl) {
      if (this.control.length === 0) this.control = Buffer.allocUnsafe(this.payloadBytes);
      target = this.control;
      to = this.filledBytes;
    } else {
      this.growTo(this.messageBytes + take);
      target = this.message;
      to = this.messageBytes;
      this.messageBytes += take;
    }
    chunk.copy(target, to, at, at + take);
    unmask(target, to, to + take, key);
    this.filledBytes += take;
    return at + take;
  }

  private growTo(needed: number): void {
    if (needed <= this.message.length) return;
    const declared = this.messageBytes + this.payloadBytes - this.filledBytes;
    const size = Math.min(Math.max(needed, this.message.length * 2, copyBytesMin), Math.max(declared, needed));
    const grown = Buffer.allocUnsafe(size);
    this.message.copy(grown, 0, 0, this.messageBytes);
    this.message = grown;
  }
}

/** One connection's parser. */
export class WebSocketReader {
  /** The longest message accepted from here on, in bytes. */
  frameBytesMax: number;
  private readonly sink: MessageSink;
  private isEnded = false;
  private unfinished: Unfinished | undefined;

  /** `frameBytesMax`: the longest message accepted, in bytes. */
  constructor(sink: MessageSink, frameBytesMax: number) {
    assert(frameBytesMax > 0, "a reader accepts some payload");
    this.sink = sink;
    this.frameBytesMax = frameBytesMax;
  }

  /** Bytes of an unfinished message that are held. */
  get bufferedBytes(): number {
    const { unfinished } = this;
    if (unfinished === undefined) return 0;
    const { headBytes, control, filledBytes, messageBytes } = unfinished;
    return headBytes + messageBytes + (control.length === 0 ? 0 : filledBytes);
  }

  /** Ends the stream, also from inside a sink's method: nothing further is delivered, not even of the same chunk. */
  stop(): void {
    this.isEnded = true;
    this.unfinished = undefined;
  }

  /**
   * Delivers every message and control frame that is complete with this chunk, whose bytes it overwrites.
   * @returns why the connection must end (1002 or 1009), once; nothing is read after that, after a close frame, or after
   * `stop`.
   */
  push(chunk: Buffer): CloseReason | undefined {
    const { length } = chunk;
    let at = 0;
    while (at < length && !this.isEnded) {
      if (this.unfinished === undefined) {
        const behind = this.readWhole(chunk, at);
        if (typeof behind !== "number") return behind;
        if (behind !== at) {
          at = behind;
          continue;
        }
        this.unfinished = new Unfinished();
      }
      const behind = this.resume(chunk, at, this.unfinished);
      if (typeof behind !== "number") return behind;
      at = behind;
    }
    return undefined;
  }

  /** Delivers a message that lies whole in the chunk; returns the offset behind it, `at` if there is none, or a fault. */
  private readWhole(chunk: Buffer, at: number): number | CloseReason {
    const { length } = chunk;
    if (length - at < 2 + maskBytes) return at;
    const first = chunk[at]!;
    const second = chunk[at + 1]!;
    let payloadBytes = second & 0x7f;
    let key = at + 2;
    if (payloadBytes === 126) {
      payloadBytes = (chunk[key]! << 8) | chunk[key + 1]!;
      key += 2;
    } else if (payloadBytes === 127) return at;
    const start = key + maskBytes;
    const end = start + payloadBytes;
    if (end > length || (first & fin) === 0) return at;
    const fault = this.faultOf(first, second, payloadBytes, 0, false);
    if (fault !== undefined) return this.fail(fault);
    const mask = (chunk[key]! << 24) | (chunk[key + 1]! << 16) | (chunk[key + 2]! << 8) | chunk[key + 3]!;
    if (mask !== 0) unmask(chunk, start, end, mask);
    this.deliver(first & 0x0f, chunk, start, end);
    return end;
  }

  /** Goes on with what is unfinished; returns the offset behind what it took, or a fault. */
  private resume(chunk: Buffer, at: number, unfinished: Unfinished): number | CloseReason {
    if (unfinished.payloadBytes === -1) {
      const behind = this.readHead(chunk, at, unfinished);
      if (typeof behind !== "number" || unfinished.payloadBytes === -1) return behind;
      at = behind;
    }
    const behind = unfinished.fill(chunk, at);
    if (unfinished.filledBytes === unfinished.payloadBytes) this.frameEnded(unfinished);
    return behind;
  }

  private readHead(chunk: Buffer, at: number, unfinished: Unfinished): number | CloseReason {
    const { head } = unfinished;
    for (; at < chunk.length; at++) {
      head[unfinished.headBytes++] = chunk[at]!;
      if (unfinished.headBytes < 2) continue;
      const second = head[1]!;
      const short = second & 0x7f;
      const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
      // Refused as early as it is known: a peer that does not mask may send no further byte.
      const early =
        unfinished.headBytes === 2 ? this.faultOf(head[0]!, second, 0, 0, unfinished.isFragmented) : undefined;
      if (early !== undefined) return this.fail(early);
      if (unfinished.headBytes === 2 + lengthBytes) {
        const payloadBytes = lengthBytes === 0 ? short : lengthBytes === 2 ? head.readUInt16BE(2) : longLength(head);
        if (payloadBytes === undefined) return this.fail(faultLength);
        const { messageBytes, isFragmented } = unfinished;
        const fault = this.faultOf(head[0]!, second, payloadBytes, messageBytes, isFragmented);
        if (fault !== undefined) return this.fail(fault);
      }
      if (unfinished.headBytes < 2 + lengthBytes + maskBytes) continue;
      unfinished.payloadBytes =
        lengthBytes === 0 ? short : lengthBytes === 2 ? head.readUInt16BE(2) : (longLength(head) ?? 0);
      unfinished.key = head.readInt32BE(2 + lengthBytes);
      return at + 1;
    }
    return at;
  }

  private frameEnded(unfinished: Unfinished): void {
    const { opcode, isFinal, isControl, control, filledBytes, message, messageBytes } = unfinished;
    if (isControl) {
      unfinished.nextFrame();
      if (!unfinished.isFragmented) this.unfinished = undefined;
      this.deliver(opcode, control, 0, filledBytes);
      return;
    }
    if (isFinal) {
      this.unfinished = undefined;
      this.deliver(OpCode.Binary, message, 0, messageBytes);
      return;
    }
    unfinished.nextFrame();
    unfinished.isFragmented = true;
    this.sink.fragmentReceived();
  }

  /** What is wrong with a frame of this head, after `messageBytes` of earlier fragments. */
  private faultOf(
    first: number,
    second: number,
    payloadBytes: number,
    messageBytes: number,
    isFragmented: boolean,
  ): CloseReason | undefined {
    if ((first & reserved) !== 0) return faultReserved;
    if ((second & masked) === 0) return faultUnmasked;
    switch (first & 0x0f) {
      case OpCode.Binary:
        if (isFragmented) return faultUnfinished;
        break;
      case OpCode.Continuation:
        if (!isFragmented) return faultFragment;
        break;
      case OpCode.Text:
        return faultTextMessage;
      case OpCode.Close:
      case OpCode.Ping:
      case OpCode.Pong:
        return (first & fin) === 0 || (second & 0x7f) > controlPayloadBytesMax ? faultControl : undefined;
      default:
        return faultOpcode;
    }
    return messageBytes + payloadBytes > this.frameBytesMax ? closeFrameTooLarge : undefined;
  }

  private fail(fault: CloseReason): CloseReason {
    this.stop();
    return fault;
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

/** The 64-bit length of a head; undefined if its highest bit is set. What is above 2^53 is rounded, and above any bound. */
function longLength(head: Buffer): number | undefined {
  const high = head.readUInt32BE(2);
  return high >= 0x8000_0000 ? undefined : high * 0x1_0000_0000 + head.readUInt32BE(6);
}
