// The incoming side of a WebSocket client (RFC 6455), without IO: the answer to the upgrade, then frames. Payloads are
// ranges of the chunk, or of a copy where they straddle two; either way they live until the sink's method returns.
//
//   byte  0        FIN 0x80 · RSV · opcode
//         1        MASK 0x80 (never from a server) · length, or 126 (two bytes follow), or 127 (eight bytes follow)

import type { FrameSink } from "../../src/wire/frame-reader.ts";
import { type CloseReason, closeProtocolFault } from "../../src/wire/close-reason.ts";
import { OpCode } from "../../src/wire/opcode.ts";

const nothing = Buffer.alloc(0);
const headEnd = Buffer.from("\r\n\r\n");
const faultFragment = closeProtocolFault("the server sends fragmented or compressed messages");
const faultMask = closeProtocolFault("the server masks its frames");
const faultKind = closeProtocolFault("the server sends frames that are not binary");
const faultLength = closeProtocolFault("the server sends a frame that is too large");

export class WebSocketReader {
  private readonly sink: FrameSink;
  private readonly upgraded: () => void;
  private readonly frameBytesMax: number;
  private rest: Buffer = nothing;
  private isUpgraded = false;
  private isEnded = false;

  /** `upgraded`: the server speaks WebSocket from here on. */
  constructor(sink: FrameSink, frameBytesMax: number, upgraded: () => void) {
    this.sink = sink;
    this.frameBytesMax = frameBytesMax;
    this.upgraded = upgraded;
  }

  /** Delivers every frame that is complete with this chunk. Returns why the connection must end, once. */
  push(chunk: Buffer): CloseReason | undefined {
    if (this.isEnded) return undefined;
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let at = 0;
    if (!this.isUpgraded) {
      const end = bytes.indexOf(headEnd);
      if (end < 0) {
        this.rest = Buffer.from(bytes);
        return undefined;
      }
      const [status = ""] = bytes.toString("latin1", 0, end).split("\r\n");
      if (!status.startsWith("HTTP/1.1 101 "))
        return this.end(closeProtocolFault(`the upgrade was answered with ${status}`));
      at = end + headEnd.length;
      this.isUpgraded = true;
      this.upgraded();
    }
    while (!this.isEnded) {
      const read = this.frame(bytes, at);
      if (typeof read !== "number") return this.end(read);
      if (read === 0) break;
      at += read;
    }
    this.rest = at === bytes.length ? nothing : Buffer.from(bytes.subarray(at));
    return undefined;
  }

  /** Reads the frame at `at`; how many bytes it had, 0 when it is not complete. */
  private frame(bytes: Buffer, at: number): number | CloseReason {
    const available = bytes.length - at;
    if (available < 2) return 0;
    const [first = 0, second = 0] = [bytes[at], bytes[at + 1]];
    if ((first & 0xf0) !== 0x80) return faultFragment;
    if (second >= 0x80) return faultMask;
    const headBytes = second < 126 ? 2 : second === 126 ? 4 : 10;
    if (available < headBytes) return 0;
    const length =
      second < 126 ? second : second === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (length > this.frameBytesMax) return faultLength;
    if (available < headBytes + length) return 0;
    const start = at + headBytes;
    const end = start + length;
    switch (first & 0x0f) {
      case OpCode.Binary:
        if (length > 0) this.sink.binaryReceived(bytes, start, end);
        break;
      case OpCode.Ping:
        this.sink.pingReceived(bytes.subarray(start, end));
        break;
      case OpCode.Pong:
        this.sink.pongReceived();
        break;
      case OpCode.Close:
        this.isEnded = true;
        this.sink.closeReceived(closeText(bytes.subarray(start, end)));
        break;
      default:
        return faultKind;
    }
    return headBytes + length;
  }

  private end(reason: CloseReason): CloseReason {
    this.isEnded = true;
    return reason;
  }
}

/** The same as a close frame says it over TCP: the code in digits. */
function closeText(payload: Buffer): Buffer {
  if (payload.length < 2) return nothing;
  return Buffer.concat([Buffer.from(`${payload.readUInt16BE(0)} `), payload.subarray(2)]);
}
